"""What is kept of the windows of one area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from records.snapshot import Tree
from stream.fold import Aggregates
from stream.kept import Kept
from stream.readings import Readings
from stream.sequence import Memory
from stream.watermark import NEVER

__all__ = ["ClosedWindow", "WindowState"]

_ALL = slice(None)
_PARTS_OPEN, _PARTS_CLOSED = 64, 8
"""How many parts the readings of a window may be in: one comes with each checkpoint while it is
open, and few with late readings after that."""


@dataclass(slots=True)
class ClosedWindow:
    """A closed window: what was remembered at its start, what was emitted, which revision."""

    entry: Memory
    emitted: Aggregates
    revision: npt.NDArray[np.int32]

    def dump(self) -> Tree:
        """State as a tree."""
        return [self.entry.dump(), self.emitted.columns(_ALL), self.revision]

    @classmethod
    def load(cls, tree: Any) -> ClosedWindow:
        """State from its tree."""
        entry, emitted, revision = tree
        columns = (emitted[column.name] for column in fields(Aggregates))
        return cls(Memory.load(entry), Aggregates(*columns), revision)


@dataclass(slots=True)
class WindowState:
    """All windows of one area.

    Parameters
    ----------
    readings
        Readings by window start, of open windows and of those still kept.
    closed
        What was emitted, by window start.
    memory
        What is remembered at `closed_until`.
    closed_until
        Every window that ends by then is closed, ns; `NEVER` at first.
    touched
        Rows of closed windows that something came late for, by window start.
    """

    readings: dict[int, Readings]
    closed: dict[int, Kept[ClosedWindow]]
    memory: Kept[Memory]
    closed_until: int = NEVER
    touched: dict[int, list[npt.NDArray[np.int64]]] = field(default_factory=dict)

    @classmethod
    def empty(cls, n_points: int) -> WindowState:
        """State before the first reading."""
        return cls({}, {}, Kept(Memory.empty(n_points)))

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "closed_until": self.closed_until,
            "memory": self.memory.dump(),
            "readings": [
                [start, kept.dump(_PARTS_CLOSED if start in self.closed else _PARTS_OPEN)]
                for start, kept in self.readings.items()
            ],
            "closed": [[start, kept.dump()] for start, kept in self.closed.items()],
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> WindowState:
        """State from its tree."""
        return cls(
            {start: Readings.load(kept) for start, kept in tree["readings"]},
            {start: Kept.load(ClosedWindow, part) for start, part in tree["closed"]},
            Kept.load(Memory, tree["memory"]),
            tree["closed_until"],
        )
