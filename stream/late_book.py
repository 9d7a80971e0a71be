"""Readings whose window has left memory: noted here, then told to be made again, each once.

A late reading changes its own window, and those after it that begin with what it leaves behind,
as long as that shows. Each of them is told when it has left memory too and can no longer be
corrected there, and only when the area's next window closes; so a burst of late readings of one
window becomes one request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from records.late import MAX_LATE_ROWS, LateReadings
from records.snapshot import Tree
from stream.roster import Roster

__all__ = ["LateBook", "late_readings"]


@dataclass(slots=True)
class LateBook:
    """The series to be made again by window start; masks of shape (n_points,)."""

    pending: dict[int, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def note(
        self, start: int, rows: npt.NDArray[np.int64], n_points: int, length: int, shows: int
    ) -> None:
        """Note readings of some roster rows in the window that begins at `start` (ns UTC).

        The windows of `length` that begin within `shows` of its end are noted with it.
        """
        if not len(rows):
            return
        for window in range(start, start + length + shows, length):
            if window not in self.pending:
                self.pending[window] = np.zeros(n_points, np.bool_)
            self.pending[window][rows] = True

    def take_due(self, before: int) -> list[tuple[int, npt.NDArray[np.bool_]]]:
        """Take out the windows that begin before `before` (ns UTC), in order."""
        due = sorted(start for start in self.pending if start < before)
        return [(start, self.pending.pop(start)) for start in due]

    def dump(self) -> Tree:
        """State as a tree."""
        return [[start, rows] for start, rows in self.pending.items()]

    @classmethod
    def load(cls, tree: Sequence[tuple[int, npt.NDArray[np.bool_]]]) -> LateBook:
        """State from its tree."""
        return cls(dict(tree))


def late_readings(
    roster: Roster,
    due: Sequence[tuple[int, npt.NDArray[np.bool_]]],
    length: int,
    input_offset: int,
    known: int,
) -> Iterator[LateReadings]:
    """Yield what `LateBook.take_due` returned as records, a window whole in one of them."""
    starts: list[npt.NDArray[np.int64]] = []
    series: list[npt.NDArray[np.object_]] = []
    waiting = 0

    def told() -> LateReadings:
        return LateReadings(
            roster.area,
            input_offset,
            known,
            length,
            False,
            np.concatenate(starts),
            np.concatenate(series),
        )

    for start, rows in due:
        table = roster.at(start)
        names = table.ids[rows & table.in_force]
        if waiting and waiting + len(names) > MAX_LATE_ROWS:
            yield told()
            starts, series, waiting = [], [], 0
        starts.append(np.full(len(names), start, np.int64))
        series.append(names)
        waiting += len(names)
    if waiting:
        yield told()
