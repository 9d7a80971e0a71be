"""Longer windows of one area, from the windows of `stream.windows` that make them up.

Means, energies and extremes follow from those of the parts; the exact quantile from the highest
values that each part keeps. A long window closes with its last part. A correction of any part
opens revision n + 1 of it where its numbers change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from records.time import floor_time
from records.window import WindowBatch
from stream.fold import Aggregates
from stream.kept import Kept
from stream.roster import Roster
from stream.tail import Tail, quantile_of
from stream.whole import nothing_known, whole
from stream.window_state import ClosedLongWindow, ClosedWindow, LongWindowState

__all__ = ["LongWindows"]


class LongWindows:
    """The long windows of one area.

    Parameters
    ----------
    roster
        The area's points.
    part_length, length
        Of the parts and of the windows, ns.
    percent
        Which quantile, percent.

    Raises
    ------
    ValueError
        When the length is not a multiple of that of the parts.
    """

    def __init__(self, roster: Roster, part_length: int, length: int, percent: int) -> None:
        if length % part_length:
            raise ValueError(f"windows of {length} ns are no multiple of parts of {part_length} ns")
        self._roster = roster
        self._part_length = part_length
        self._length = length
        self._percent = percent

    @property
    def within(self) -> int:
        """Most time (ns) that is spent above the quantile in one window."""
        return (100 - self._percent) * self._length // 100

    def start(self, part: int) -> int:
        """Start (ns UTC) of the window that holds the part which begins at `part`."""
        return floor_time(part, self._length)

    def end(self, part: int) -> int:
        """End (ns UTC) of the window that holds the part which begins at `part`."""
        return self.start(part) + self._length

    def advance(
        self,
        state: LongWindowState,
        parts: Mapping[int, Kept[ClosedWindow]],
        until: int,
        input_offset: int,
    ) -> Iterator[tuple[WindowBatch, int]]:
        """Correct windows of which a part has changed, and close those whose parts are closed.

        Parameters
        ----------
        parts
            Closed parts by start, of all windows still kept.
        until
            No more parts are to come of windows that end by then, ns UTC.

        Yields
        ------
        Each batch with the time up to which the long windows are complete after it.
        """
        for start in sorted(state.changed):
            if start + self._length > until:
                return
            state.changed.remove(start)
            made, ids, in_force = self._make(parts, start)
            kept = state.closed.get(start)
            if kept is None:
                revision = np.ones(len(self._roster), np.int32)
                state.closed[start] = Kept(ClosedLongWindow(made, revision))
                state.closed_until = max(state.closed_until, start + self._length)
                rows = np.flatnonzero(in_force)
            else:
                rows = np.flatnonzero(kept.value.emitted.differs(slice(None), made) & in_force)
                if not len(rows):
                    continue
                closed = kept.change()
                closed.emitted, revision = made, closed.revision
                revision[rows] += 1
            batch = WindowBatch(
                self._roster.area,
                start,
                self._length,
                input_offset,
                series=ids[rows],
                revision=revision[rows],
                **made.columns(rows),
            )
            yield batch, state.closed_until

    def _make(
        self, parts: Mapping[int, Kept[ClosedWindow]], start: int
    ) -> tuple[Aggregates, npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
        """Aggregate one window; return also the ids, and which points are in force in it."""
        starts = [
            part for part in range(start, start + self._length, self._part_length) if part in parts
        ]
        numbers, tails = [], []
        table = self._roster.at(starts[-1])
        ids, in_force = table.ids, table.in_force
        for part in starts:
            closed = parts[part].value
            emitted, tail = closed.emitted, closed.tail
            there = self._roster.at(part)
            if there is not table:
                ids = np.where(in_force, ids, there.ids)
                in_force = in_force | there.in_force
            if not there.all_in_force:
                emitted, tail = _only(there.in_force, emitted, tail)
            numbers.append(emitted)
            tails.append(tail)
        made = whole(numbers, self._length // self._part_length, self._length)
        made.q95 = quantile_of(tails, self._percent)
        return made, ids, in_force


def _only(
    in_force: npt.NDArray[np.bool_], emitted: Aggregates, tail: Tail
) -> tuple[Aggregates, Tail]:
    """Leave out the points that had no entry in the register."""
    kept = np.flatnonzero(in_force)
    numbers = nothing_known(len(in_force))
    numbers.put(kept, Aggregates(**emitted.columns(kept)))
    return numbers, Tail(tail.value, tail.weight * in_force, tail.total * in_force)
