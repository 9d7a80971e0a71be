"""Where a replay begins to read scans, and what stands in for the time before.

From the beginning of the run a replay is exact. Where it begins later, because that is asked for
or because the source holds no more, what was known of windows and states when the period begins
is taken as recorded, so that forecasts know the same past; what becomes known from then on is
replayed. Meter documents and weather, which are few, are read from their beginning in any case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.historian_access import open_historian
from console.services.run_file import RunFile
from records.envelope import watermark_of
from records.log import LogReader, LogWriter, Partition
from records.state import STATE_TYPE
from records.time import HOUR, MINUTE
from records.topics import topic_name
from records.window import WINDOW_TYPE
from storage.historian_classes import HistoryClass
from storage.historian_derived import state_records, window_records
from stream.keeper import Outlet
from stream.replay_log import first_tick_time, offset_at
from stream.stage import Issued, Outcome

__all__ = ["Opening", "OpeningOutlet", "fill_before", "find_opening"]


_LEAST_WARM_UP = HOUR
_LONGEST_DAY = 25 * HOUR
"""What is not over yet is made of quarters of an hour as old as that."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Where scans begin to be read.

    Parameters
    ----------
    scans_from
        Event time, ns UTC: the beginning of the run, or later.
    known_by
        Windows and states known by then are those recorded, ns UTC; None where all are replayed.
    begins
        Offsets of the partitions that do not begin with what the source holds.
    """

    scans_from: int
    known_by: int | None = None
    begins: Mapping[Partition, int] = field(default_factory=dict)


def find_opening(
    run: RunFile, recorded: LogReader, raw: Sequence[Partition], first: int, warm_up: int | None
) -> Opening:
    """Choose the opening.

    Parameters
    ----------
    raw
        Raw partitions of the run.
    first
        Begin of the period, ns UTC; where the source has lost the scans before it, the period
        begins an hour after those that are left.
    warm_up
        How long before the period scans are read, ns; None for all of the run.
    """
    scans = topic_name(run.settings.namespace, "scada.frame.v1")
    places = [place for place in raw if place.topic == scans]
    held = run.start
    for place in places:
        begin = recorded.begin_offset(place)
        if begin > 0:
            tick = first_tick_time(recorded, place, begin)
            held = max(held, held if tick is None else tick + -tick % HOUR)
    if held > run.start:
        first = max(first, held + _LEAST_WARM_UP)
    scans_from = held if warm_up is None else max(held, first - warm_up)
    scans_from -= scans_from % HOUR
    if scans_from <= run.start:
        return Opening(run.start)
    begins = {place: offset_at(recorded, place, scans_from) for place in places}
    return Opening(scans_from, first, begins)


def fill_before(opening: Opening, run: RunFile, writer: LogWriter, namespace: str) -> None:
    """Append the windows and states that are taken as recorded to the replay's own log."""
    if opening.known_by is None:
        return
    windows, states = (topic_name(namespace, n) for n in ("window.5min.v1", "network.state.v1"))
    quarters = topic_name(namespace, "window.15min.v1")
    until = opening.known_by + 1
    with open_historian(run.settings) as historian:
        writer.append(window_records(historian, windows, run.start, until))
        writer.append(
            window_records(
                historian,
                quarters,
                max(run.start, until - _LONGEST_DAY),
                until,
                kept_as=HistoryClass.LONG_WINDOWS,
                length=15 * MINUTE,
            )
        )
        writer.append(state_records(historian, states, run.start, until))
    writer.flush()


class OpeningOutlet:
    """Lets those windows and states pass that are not taken as recorded.

    Parameters
    ----------
    outlet
        Where the rest goes.
    known_by
        What was known by then was recorded, ns UTC.
    """

    def __init__(self, outlet: Outlet, known_by: int) -> None:
        self._outlet = outlet
        self._known_by = known_by

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Hand over, in order, what is not taken as recorded."""
        self._outlet.deliver([outcome for outcome in outcomes if not self._recorded(outcome)])

    def flush(self) -> None:
        """Return once everything delivered is kept by others."""
        self._outlet.flush()

    def _recorded(self, outcome: Outcome) -> bool:
        if isinstance(outcome, Issued) or outcome.headers["ce_type"] not in _TAKEN:
            return False
        if outcome.topic.endswith(_METERED):
            return False
        known = watermark_of(outcome.headers)
        return known is not None and known <= self._known_by


_TAKEN = (WINDOW_TYPE, STATE_TYPE)
_METERED = ".meter.interval.v1"
