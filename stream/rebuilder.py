"""Makes windows again out of the historian: asks it for what `stream.rebuild` needs.

A shell, not a stage: it reads a historian, and when it may do so is for its caller to know: all
raw records up to the request's offset and all windows made of earlier ones must be recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from records.errors import Reason, RecordError
from records.late import LateParts, LateReadings
from records.log import Outgoing, Partition
from records.points import PointRegister
from records.topics import topic_name
from records.window import window_record
from storage.historian_classes import HistoryClass
from storage.historian_readings import (
    FrameQuery,
    meter_documents,
    raw_frames,
    scan_times,
)
from storage.history_reader import HistoryReader
from stream.area import AreaSettings
from stream.local_clock import LocalClock
from stream.meter_rebuild import rebuilt_intervals
from stream.metering import MeteringSettings
from stream.rebuild import (
    RawFrame,
    RecordedWindows,
    Wanted,
    rebuilt_windows,
    revised,
    wanted_of,
)
from stream.recorded_windows import recorded_windows
from stream.rollup import RollupSettings
from stream.roster import Roster
from stream.whole_rebuilder import WholeRebuilder
from stream.whole_windows import PART, WholeWindows

__all__ = ["Rebuilder"]

_Recorded: TypeAlias = dict[tuple[int, int], RecordedWindows]


class Rebuilder:
    """Answers requests of `window.late.v1`.

    Parameters
    ----------
    historian
        What was recorded; closing it stays with the caller.
    namespace
        Of the topics.
    register
        The dated point register.
    clock
        Local clock of the days.
    settings, metering, rollup
        Of the stages of areas, of metering and of the rollup.
    raw
        The historian with the raw records and the namespace of their topics, where that is not
        the one of the windows.
    """

    def __init__(
        self,
        historian: HistoryReader,
        namespace: str,
        register: PointRegister,
        clock: LocalClock,
        settings: AreaSettings | None = None,
        metering: MeteringSettings | None = None,
        rollup: RollupSettings | None = None,
        *,
        raw: tuple[HistoryReader, str] | None = None,
    ) -> None:
        self._historian = historian
        self._received, recorded_as = raw or (historian, namespace)
        self._register = register
        self._settings = settings or AreaSettings()
        self._metering = metering or MeteringSettings()
        self._raw = topic_name(recorded_as, "scada.frame.v1")
        self._intervals = topic_name(namespace, "meter.interval.v1")
        windows = self._settings.windows
        self._topics = {
            windows.length: topic_name(namespace, "window.5min.v1"),
            windows.long: topic_name(namespace, "window.15min.v1"),
        }
        self._kept_as = {
            windows.length: HistoryClass.WINDOWS,
            windows.long: HistoryClass.LONG_WINDOWS,
        }
        wholes = WholeWindows(clock, (rollup or RollupSettings()).keep)
        self._wholes = WholeRebuilder(historian, namespace, wholes)
        self._rosters: dict[int, Roster] = {}

    def rebuild(self, late: LateReadings | LateParts) -> list[Outgoing]:
        """Return the next revision of what a request names, where its numbers changed.

        Raises
        ------
        RecordError
            When there are no such windows.
        """
        if isinstance(late, LateParts):
            _check_starts(late, PART)
            return list(self._wholes.rebuild(late))
        if late.metered:
            return list(self._metered(late))
        long = self._settings.windows.long
        if late.length != long:
            raise RecordError(
                Reason.SCHEMA_MISMATCH, f"windows of {late.length} ns; the long ones have {long}"
            )
        _check_starts(late, long)
        if late.area not in self._register.areas:
            raise RecordError(Reason.UNKNOWN_POINT, f"area {late.area} is not in the register")
        if late.area not in self._rosters:
            self._rosters[late.area] = Roster(self._register, late.area)
        roster = self._rosters[late.area]
        return [
            outgoing
            for wanted in wanted_of(late, self._settings.windows.settling)
            for outgoing in self._group(roster, late, wanted)
        ]

    def _group(self, roster: Roster, late: LateReadings, wanted: Wanted) -> Iterator[Outgoing]:
        frames, heard = self._readings(roster, late, wanted)
        recorded = self._recorded(late, wanted)
        for batch in rebuilt_windows(
            roster, self._settings, wanted, frames, heard, late.input_offset
        ):
            key = batch.length, batch.start
            changed = revised(batch, recorded.get(key, RecordedWindows.none()))
            if changed is not None:
                yield window_record(self._topics[batch.length], changed, None, known=late.known)

    def _metered(self, late: LateReadings) -> Iterator[Outgoing]:
        meters = np.unique(late.series).tolist()
        period = int(late.start.min()), int(late.start.max()) + 1
        points, bounds = self._metering.points, self._metering.bounds
        documents = meter_documents(self._received, late.area, meters, period, late.input_offset)
        recorded = recorded_windows(
            self._historian,
            HistoryClass.METER_INTERVALS,
            late.area,
            late.length,
            period,
            [points.get(meter, meter) for meter in meters],
            before=late.input_offset,
        )
        for batch in rebuilt_intervals(late, documents, points, bounds):
            stands = recorded.get((late.length, batch.start), RecordedWindows.none())
            changed = revised(batch, stands)
            if changed is not None:
                yield window_record(self._intervals, changed, None, known=late.known)

    def _readings(
        self, roster: Roster, late: LateReadings, wanted: Wanted
    ) -> tuple[list[RawFrame], list[int]]:
        """Raw readings from before the first window on, and the times of the scans."""
        settings = self._settings.windows
        place = Partition(self._raw, late.area)
        begin = wanted.start - settings.settling
        rows = wanted.rows(roster)
        frames: list[RawFrame] = []
        heard: list[int] = []
        silent = rows[roster.at(begin).by_exception[rows]]
        if len(silent):
            early = FrameQuery(place, late.input_offset, begin - settings.exception_reach, begin)
            frames += self._frames(early, roster.number[silent])
            whole = FrameQuery(place, late.input_offset, early.start, wanted.end)
            heard = scan_times(self._received, whole)
        near = FrameQuery(place, late.input_offset, begin, wanted.end)
        frames += self._frames(near, roster.number[rows])
        return frames, heard

    def _frames(self, query: FrameQuery, points: npt.NDArray[np.uint32]) -> Iterator[RawFrame]:
        for frame, append_time in raw_frames(self._received, query, points):
            yield RawFrame(frame, append_time)

    def _recorded(self, late: LateReadings, wanted: Wanted) -> _Recorded:
        """What stands of the windows, by length and start."""
        names = np.unique(np.concatenate(list(wanted.series.values()))).tolist()
        period = wanted.start, wanted.end
        found: _Recorded = {}
        for length, kept_as in self._kept_as.items():
            found |= recorded_windows(
                self._historian,
                kept_as,
                late.area,
                length,
                period,
                names,
                before=late.input_offset,
            )
        return found


def _check_starts(late: LateReadings | LateParts, length: int) -> None:
    """Refuse a request about windows of a length, ns, that begin at no such window's start."""
    if (late.start % length).any():
        raise RecordError(Reason.SCHEMA_MISMATCH, f"starts that are no multiples of {length} ns")
