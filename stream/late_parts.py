"""Parts corrected after what they belong to had left memory: noted, then told, each once.

They are told with the next part that another raw record made, so that a burst of corrections of one
day becomes one request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from records.late import MAX_LATE_ROWS
from records.snapshot import Tree

__all__ = ["LatePartsBook"]


@dataclass(slots=True)
class LatePartsBook:
    """Places of the series corrected, by the start of their part (ns UTC), ascending."""

    pending: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)

    def note(self, start: int, rows: npt.NDArray[np.int64]) -> None:
        """Note some series of the part that begins at `start`."""
        if len(rows):
            known = self.pending.get(start, rows[:0])
            self.pending[start] = np.union1d(known, rows)

    def take(self) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Take all out: starts and places, shape (n_rows,), as many at a time as a record holds."""
        pending, self.pending = sorted(self.pending.items()), {}
        if not pending:
            return
        start = np.repeat([start for start, _ in pending], [len(rows) for _, rows in pending])
        place = np.concatenate([rows for _, rows in pending])
        for first in range(0, len(start), MAX_LATE_ROWS):
            some = slice(first, first + MAX_LATE_ROWS)
            yield start[some], place[some]

    def dump(self) -> Tree:
        """State as a tree."""
        return [[start, rows] for start, rows in self.pending.items()]

    @classmethod
    def load(cls, tree: Sequence[tuple[int, npt.NDArray[np.int64]]]) -> LatePartsBook:
        """State from its tree."""
        return cls(dict(tree))
