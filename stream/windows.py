"""Tumbling windows of one area: opened by readings, closed by the watermark, never forgotten early.

Closing a window makes revision 1 of every series in force, measured or not. A reading that comes
later, or a higher version, is folded in and every series whose numbers change gets revision
n + 1, in that window and in those after it that were entered with another value. So what finally
stands is a function of the set of readings, whatever their order. Long windows follow the same
course, made from the short ones.

Windows are kept for `hot_retention` behind the watermark; what comes later is not taken in, and
its window is made again from the historian (`stream.rebuild`). After a gap in which time moved by
more than `longest_gap` the empty windows between are left out, so that no clock error can hold a
partition up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from records.time import DAY, HOUR, MINUTE, floor_time
from records.window import WindowBatch
from stream.block import Block
from stream.fold import Aggregates, FoldLimits, fold
from stream.kept import Kept
from stream.long_windows import LongWindows
from stream.readings import Readings
from stream.roster import Roster, RosterTable
from stream.sequence import Memory
from stream.tail import Tail
from stream.watermark import NEVER
from stream.window_state import ClosedWindow, WindowState

__all__ = ["WindowSettings", "Windows"]

_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Lengths of short and of long windows and how long they are kept, ns.

    A value told by exception stands until the next one; what came too late to be taken in is
    followed for `exception_reach`.
    """

    length: int = 5 * MINUTE
    long: int = 15 * MINUTE
    hot_retention: int = 2 * HOUR
    longest_gap: int = 7 * DAY
    exception_reach: int = DAY
    fold: FoldLimits = field(default_factory=FoldLimits)

    @property
    def settling(self) -> int:
        """How long what was remembered at a time still shows in windows after it, ns.

        A value is carried, then it is a reference for the rules, and one that repeats is found
        frozen: after all three in a row, windows follow from the readings since. (For points
        by exception see `exception_reach`.)
        """
        rules = self.fold.rules
        whole = self.fold.carry + rules.reference_age + rules.frozen_after
        return -(-whole // self.long) * self.long


class Windows:
    """The windows of one area.

    Parameters
    ----------
    roster
        The area's points.
    settings
        Lengths and limits.
    """

    def __init__(self, roster: Roster, settings: WindowSettings) -> None:
        self._roster = roster
        self._settings = settings
        self._length = settings.length
        self._long = LongWindows(
            roster, settings.length, settings.long, settings.fold.quantile_percent
        )

    def initial(self) -> WindowState:
        """State before the first reading."""
        return WindowState.empty(len(self._roster))

    def hear(self, state: WindowState, scan_time: int, watermark: int) -> None:
        """Note that the area's link was heard at `scan_time`."""
        start = floor_time(scan_time, self._length)
        if self.too_old(start, watermark):
            return
        readings = state.readings.setdefault(start, Readings())
        if scan_time in readings.heard:
            return
        readings.heard.add(scan_time)
        table = self._roster.at(start)
        if start < state.closed_until and table.any_by_exception:
            state.touched.setdefault(start, []).append(np.flatnonzero(table.by_exception))

    def add(self, state: WindowState, block: Block, watermark: int) -> npt.NDArray[np.bool_] | None:
        """Put readings into their windows.

        Parameters
        ----------
        block
            Readings of one frame.
        watermark
            The area's before this frame, ns UTC or `NEVER`.

        Returns
        -------
        Which readings were beyond hot retention and were not taken in; None where none was.
        """
        if not len(block.row):
            return None
        first, last = (floor_time(time_ns, self._length) for time_ns in block.times())
        if first == last and not self.too_old(first, watermark):
            self._put(state, first, block)
            return None
        start = block.time - block.time % self._length
        late = np.zeros(len(start), np.bool_)
        for window in np.unique(start).tolist():
            inside = start == window
            if self.too_old(window, watermark):
                late |= inside
            else:
                self._put(state, window, block.select(inside))
        return late if late.any() else None

    def advance(
        self, state: WindowState, watermark: int, input_offset: int
    ) -> Iterator[tuple[WindowBatch, int]]:
        """Correct closed windows that were touched, then close those that end by `watermark`.

        Yields
        ------
        Each batch, of short windows and of long ones, with the time up to which the area's
        windows of that length are complete after it. A batch whose smallest revision is 1 is the
        first of its window.
        """
        if state.touched:
            yield from self._correct(state, watermark, input_offset)
            yield from self._advance_long(state, state.closed_until, input_offset)
        if watermark == NEVER:
            return
        before = state.closed_until
        while (start := self._next(state, watermark)) is not None:
            batch = self._close(state, start, state.memory.change(), input_offset)
            state.closed_until = start + self._length
            yield batch, state.closed_until
            yield from self._advance_long(state, state.closed_until, input_offset)
        if state.closed_until == before:
            return
        oldest = watermark - self._settings.hot_retention
        # Those that a gap left unfinished will get no more parts.
        yield from self._advance_long(state, oldest, input_offset)
        for start in [start for start in state.readings if start + self._length <= oldest]:
            del state.readings[start]
        # The long window is made again from all its parts as long as any can change.
        for start in [start for start in state.closed if self._long.end(start) <= oldest]:
            del state.closed[start]
        state.long.forget(oldest - self._settings.long)

    def _advance_long(
        self, state: WindowState, until: int, input_offset: int
    ) -> Iterator[tuple[WindowBatch, int]]:
        return self._long.advance(state.long, state.closed, until, input_offset)

    def too_old(self, start: int, watermark: int) -> bool:
        """Whether the window that begins at `start` has left memory at this watermark."""
        return (
            watermark != NEVER and start + self._length <= watermark - self._settings.hot_retention
        )

    def _put(self, state: WindowState, start: int, block: Block) -> None:
        state.readings.setdefault(start, Readings()).add(block)
        if start < state.closed_until:
            state.touched.setdefault(start, []).append(block.row)

    def _next(self, state: WindowState, watermark: int) -> int | None:
        """Start of the next window to close, if it ends by the watermark."""
        if state.closed_until == NEVER:
            start = min(state.readings, default=floor_time(watermark, self._length))
        else:
            start = state.closed_until
        due = floor_time(watermark, self._length)
        if due - start > self._settings.longest_gap and start not in state.readings:
            start = min((s for s in state.readings if s > start), default=due)
        if start + self._length > watermark:
            if state.closed_until == NEVER and not state.readings:
                state.closed_until = start
            return None
        return start

    def _close(
        self, state: WindowState, start: int, memory: Memory, input_offset: int
    ) -> WindowBatch:
        """Make revision 1 of a window; `memory` is moved on to its end."""
        entry = memory.take(_ALL)
        emitted, tail = self._fold(state, start, memory, None)
        revision = np.ones(len(self._roster), np.int32)
        state.closed[start] = Kept(ClosedWindow(entry, emitted, tail, revision))
        state.long.changed.add(self._long.start(start))
        if start in state.readings:
            state.readings[start].settled = state.readings[start].n_rows
        table = self._roster.at(start)
        rows = _ALL if table.all_in_force else np.flatnonzero(table.in_force)
        return self._batch(start, table, rows, revision, emitted, input_offset)

    def _fold(
        self,
        state: WindowState,
        start: int,
        memory: Memory,
        points: npt.NDArray[np.int64] | None,
    ) -> tuple[Aggregates, Tail]:
        readings = state.readings.get(start) or Readings()
        cells = readings.cells(len(self._roster), points)
        return fold(
            memory,
            cells,
            np.array(sorted(readings.heard), np.int64),
            self._roster.at(start),
            _ALL if points is None else points,
            start,
            self._length,
            self._settings.fold,
            self._long.within,
        )

    def _correct(
        self, state: WindowState, watermark: int, input_offset: int
    ) -> Iterator[tuple[WindowBatch, int]]:
        """Fold what came late in, window by window, as long as anything changes."""
        touched, state.touched = state.touched, {}
        changed = np.zeros(len(self._roster), np.bool_)
        start = min(touched)
        while start < state.closed_until:
            for rows in touched.pop(start, ()):
                changed[rows] = True
            if start not in state.closed:
                # Earlier than the first window so far: nothing was known before it.
                memory = Memory.empty(len(self._roster))
                if start - self._length in state.closed:
                    memory = self._exit(state, start - self._length)
                yield self._close(state, start, memory, input_offset), state.closed_until
                changed = self._carried(state, start, np.arange(len(self._roster)), memory)
            elif changed.any():
                batch, changed = self._revise(state, start, np.flatnonzero(changed), input_offset)
                if batch is not None:
                    yield batch, state.closed_until
            elif touched:
                start = min(touched)
                continue
            else:
                return
            start += self._length

    def _exit(self, state: WindowState, start: int) -> Memory:
        memory = state.closed[start].value.entry.take(_ALL)
        self._fold(state, start, memory, None)
        return memory

    def _revise(
        self,
        state: WindowState,
        start: int,
        points: npt.NDArray[np.int64],
        input_offset: int,
    ) -> tuple[WindowBatch | None, npt.NDArray[np.bool_]]:
        """Fold some points of a closed window again; return also which leave it otherwise."""
        closed = state.closed[start].value
        memory = closed.entry.take(points)
        if start in state.readings:
            state.readings[start].compact()
        emitted, tail = self._fold(state, start, memory, points)
        table = self._roster.at(start)
        differs = closed.emitted.differs(points, emitted)
        if differs.any() or closed.tail.differs(points, tail):
            closed = state.closed[start].change()
            closed.emitted.put(points, emitted)
            closed.tail.put(points, tail)
            state.long.changed.add(self._long.start(start))
        revised = points[differs & table.in_force[points]]
        batch = None
        if len(revised):
            closed.revision[revised] += 1
            batch = self._batch(
                start, table, revised, closed.revision, closed.emitted, input_offset
            )
        return batch, self._carried(state, start, points, memory)

    def _carried(
        self, state: WindowState, start: int, points: npt.NDArray[np.int64], memory: Memory
    ) -> npt.NDArray[np.bool_]:
        """Hand `memory` on to the window after `start`; return for which points it is news."""
        changed = np.zeros(len(self._roster), np.bool_)
        following = state.closed.get(start + self._length)
        if following is not None:
            entry = following.value.entry
        elif start + self._length == state.closed_until:
            entry = state.memory.value
        else:
            return changed
        changed[points] = entry.take(points).differs(memory)
        if changed.any():
            entry = following.change().entry if following is not None else state.memory.change()
            entry.put(points, memory)
        return changed

    def _batch(
        self,
        start: int,
        table: RosterTable,
        rows: slice | npt.NDArray[np.int64],
        revision: npt.NDArray[np.int32],
        emitted: Aggregates,
        input_offset: int,
    ) -> WindowBatch:
        return WindowBatch(
            self._roster.area,
            start,
            self._length,
            input_offset,
            series=table.ids[rows],
            revision=revision[rows],
            **emitted.columns(rows),
        )
