"""Makes windows again out of the historian: asks it for what `stream.rebuild` needs.

A shell, not a stage: it reads a historian, and when it may do so is for its caller to know: all
raw records up to the request's offset and all windows made of earlier ones must be recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.late import LateReadings
from records.log import Outgoing, Partition
from records.points import PointRegister
from records.topics import topic_name
from records.window import window_record
from storage.historian_classes import HistoryClass
from storage.historian_readings import (
    FrameQuery,
    last_revisions,
    meter_documents,
    raw_frames,
    scan_times,
)
from storage.history_reader import HistoryReader
from stream.area import AreaSettings
from stream.fold import Aggregates
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
from stream.roster import Roster

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
    settings, metering
        Of the stages of areas and of metering.
    """

    def __init__(
        self,
        historian: HistoryReader,
        namespace: str,
        register: PointRegister,
        settings: AreaSettings | None = None,
        metering: MeteringSettings | None = None,
    ) -> None:
        self._historian = historian
        self._register = register
        self._settings = settings or AreaSettings()
        self._metering = metering or MeteringSettings()
        self._raw = topic_name(namespace, "scada.frame.v1")
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
        self._rosters: dict[int, Roster] = {}

    def rebuild(self, late: LateReadings) -> list[Outgoing]:
        """Return the next revision of what a request names, where its numbers changed."""
        if late.metered:
            return list(self._metered(late))
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
        documents = meter_documents(self._historian, late.area, meters, period, late.input_offset)
        recorded = self._standing(
            late,
            HistoryClass.METER_INTERVALS,
            late.length,
            period,
            [points.get(meter, meter) for meter in meters],
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
            heard = scan_times(self._historian, whole)
        near = FrameQuery(place, late.input_offset, begin, wanted.end)
        frames += self._frames(near, roster.number[rows])
        return frames, heard

    def _frames(self, query: FrameQuery, points: npt.NDArray[np.uint32]) -> Iterator[RawFrame]:
        for frame, append_time in raw_frames(self._historian, query, points):
            yield RawFrame(frame, append_time)

    def _recorded(self, late: LateReadings, wanted: Wanted) -> _Recorded:
        """What stands of the windows, by length and start."""
        names = np.unique(np.concatenate(list(wanted.series.values()))).tolist()
        period = wanted.start, wanted.end
        found: _Recorded = {}
        for length, kept_as in self._kept_as.items():
            found |= self._standing(late, kept_as, length, period, names)
        return found

    def _standing(
        self,
        late: LateReadings,
        kept_as: HistoryClass,
        length: int,
        period: tuple[int, int],
        names: list[str],
    ) -> _Recorded:
        rows = last_revisions(
            self._historian, kept_as, late.area, length, period, names, late.input_offset
        )
        starts = rows["start"].to_numpy()
        firsts = np.flatnonzero(np.diff(starts, prepend=-1))
        return {
            (length, int(starts[first])): _recorded_window(rows.slice(first, past - first))
            for first, past in zip(firsts, np.append(firsts, len(starts))[1:], strict=True)
        }


def _recorded_window(rows: pa.Table) -> RecordedWindows:
    mean, q95, minimum, maximum, energy, share = (
        np.asarray(rows[name].to_numpy(), np.float64)
        for name in ("value", "q95", "minimum", "maximum", "energy_mwh", "imputed_share")
    )
    count, quality = rows["count"].to_numpy(), rows["quality"].to_numpy().astype(np.uint16)
    numbers = Aggregates(mean, q95, minimum, maximum, energy, count, share, quality)
    series = np.array(rows["series"].to_pylist(), object)
    return RecordedWindows(series, rows["version"].to_numpy(), numbers)
