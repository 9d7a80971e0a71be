"""Windows made again from raw readings, long after they left the memory of their stage.

The very same windows are run over the readings, as if all of them had come in time: from
`settling` before the first window wanted, which restores what is remembered at its start. For
telemetry by exception, whose last value may be older than that, the readings of another
`exception_reach` go in before them.

What is made is a function of the raw records up to one offset and of the revisions recorded
before it: done again it is the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from records.errors import RecordError
from records.late import LateReadings
from records.scada import ScadaFrame
from records.time import floor_time
from records.window import WindowBatch
from stream.area import AreaSettings
from stream.fold import Aggregates
from stream.frame_rows import place_rows
from stream.readings import Readings
from stream.roster import Roster
from stream.watermark import NEVER
from stream.windows import Windows

__all__ = [
    "RawFrame",
    "RecordedWindows",
    "Wanted",
    "rebuilt_windows",
    "revised",
    "wanted_of",
]


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame, or some of its rows, as recorded; `append_time` is the log's, ns UTC."""

    frame: ScadaFrame
    append_time: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Long windows near each other, made again in one go with the short ones in them.

    Parameters
    ----------
    series
        The series of each long window, by its start (ns UTC), ascending.
    length
        Length of the long windows, ns.
    """

    series: dict[int, npt.NDArray[np.object_]]
    length: int

    @property
    def start(self) -> int:
        """Start of the first window, ns UTC."""
        return min(self.series)

    @property
    def end(self) -> int:
        """End of the last window, ns UTC."""
        return max(self.series) + self.length

    def rows(self, roster: Roster) -> npt.NDArray[np.int64]:
        """Roster rows of all the series, ascending."""
        wanted = np.zeros(len(roster), np.bool_)
        for start, names in self.series.items():
            wanted |= np.isin(roster.at(start).ids, names)
        return np.flatnonzero(wanted)


def wanted_of(late: LateReadings, settling: int) -> Iterator[Wanted]:
    """Yield the windows of a request, those together whose readings overlap."""
    starts = np.unique(late.start)
    apart = np.flatnonzero(np.diff(starts) > settling + late.length) + 1
    for group in np.split(starts, apart):
        series = {start: late.series[late.start == start] for start in group.tolist()}
        if series:
            yield Wanted(series, late.length)


@dataclass(frozen=True, slots=True)
class RecordedWindows:
    """The highest revision recorded of each series of one window; arrays of shape (n_series,)."""

    series: npt.NDArray[np.object_]
    revision: npt.NDArray[np.int32]
    numbers: Aggregates

    @classmethod
    def none(cls) -> RecordedWindows:
        """Nothing recorded of a window."""
        numbers = Aggregates(*(np.empty(0) for _ in fields(Aggregates)))  # type: ignore[arg-type]
        return cls(np.empty(0, object), np.empty(0, np.int32), numbers)


def rebuilt_windows(
    roster: Roster,
    settings: AreaSettings,
    wanted: Wanted,
    frames: Iterable[RawFrame],
    heard: Sequence[int],
    input_offset: int,
) -> Iterator[WindowBatch]:
    """Yield the wanted windows as they are with all readings, short and long, at revision 1.

    Parameters
    ----------
    roster
        The area's points.
    settings
        Of the stage that made the windows first.
    wanted
        The windows.
    frames
        Raw frames with readings of the wanted series, in the order of the log: of
        `WindowSettings.settling` before the first window and later; of points by exception
        from `exception_reach` before that.
    heard
        Times of the scans from there on, ns UTC; needed for points by exception only.
    input_offset
        Of the last raw record that counts.
    """
    begin = wanted.start - settings.windows.settling
    windows = Windows(roster, replace(settings.windows, hot_retention=2**61, longest_gap=0))
    state = windows.initial()
    # Windows without a reading are made too, but for those before the beginning.
    every = range(begin, wanted.end, settings.windows.length)
    state.readings.update({start: Readings() for start in every})
    for time in heard:
        if time < wanted.end:
            windows.hear(state, time, NEVER)
    for raw in frames:
        try:
            settings.bounds.check(raw.frame.scan_time, raw.append_time)
        except RecordError:
            continue
        placed, _ = place_rows(roster, raw.frame, settings.bounds, raw.append_time)
        windows.add(state, placed.block.select(placed.block.time < wanted.end), NEVER)
    for batch, _ in windows.advance(state, wanted.end, input_offset):
        names = wanted.series.get(floor_time(batch.start, wanted.length))
        if names is not None:
            yield _some(batch, np.isin(batch.series, names))


def revised(batch: WindowBatch, recorded: RecordedWindows) -> WindowBatch | None:
    """Return the series whose numbers are not those recorded, at the next revision; else None."""
    place = {name: row for row, name in enumerate(recorded.series)}
    row = np.array([place.get(name, -1) for name in batch.series], np.int64)
    known = row >= 0
    unlike = ~known
    numbers = Aggregates(*(getattr(batch, field.name)[known] for field in fields(Aggregates)))
    unlike[known] = recorded.numbers.differs(row[known], numbers)
    if not unlike.any():
        return None
    revision = np.ones(len(row), np.int32)
    revision[known] = recorded.revision[row[known]] + 1
    return _some(replace(batch, revision=revision), unlike)


def _some(batch: WindowBatch, chosen: npt.NDArray[np.bool_]) -> WindowBatch:
    columns = {
        field.name: getattr(batch, field.name)[chosen]
        for field in fields(WindowBatch)
        if isinstance(getattr(batch, field.name), np.ndarray)
    }
    return replace(batch, **columns)
