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
from stream.tail import Tail
from stream.watermark import NEVER

__all__ = ["ClosedLongWindow", "ClosedWindow", "LongWindowState", "WindowState"]

_ALL = slice(None)
_PARTS_OPEN, _PARTS_CLOSED = 64, 8
"""How many parts the readings of a window may be in: one comes with each checkpoint while it is
open, and few with late readings after that."""


@dataclass(slots=True)
class ClosedWindow:
    """A closed window: what was remembered at its start, what was emitted, which revision.

    `tail` holds its highest values, for the window of which it is a part.
    """

    entry: Memory
    emitted: Aggregates
    tail: Tail
    revision: npt.NDArray[np.int32]

    def dump(self) -> Tree:
        """State as a tree."""
        return [self.entry.dump(), self.emitted.columns(_ALL), self.tail.dump(), self.revision]

    @classmethod
    def load(cls, tree: Any) -> ClosedWindow:
        """State from its tree."""
        entry, emitted, tail, revision = tree
        return cls(Memory.load(entry), _aggregates(emitted), Tail.load(tail), revision)


@dataclass(slots=True)
class ClosedLongWindow:
    """A closed long window: what was emitted, and which revision."""

    emitted: Aggregates
    revision: npt.NDArray[np.int32]

    def dump(self) -> Tree:
        """State as a tree."""
        return [self.emitted.columns(_ALL), self.revision]

    @classmethod
    def load(cls, tree: Any) -> ClosedLongWindow:
        """State from its tree."""
        emitted, revision = tree
        return cls(_aggregates(emitted), revision)


@dataclass(slots=True)
class LongWindowState:
    """The long windows of one area.

    Parameters
    ----------
    closed
        What was emitted, by window start.
    closed_until
        End of the last window that closed, ns UTC; `NEVER` at first.
    changed
        Starts of the windows of which a part changed since.
    """

    closed: dict[int, Kept[ClosedLongWindow]] = field(default_factory=dict)
    closed_until: int = NEVER
    changed: set[int] = field(default_factory=set)

    def forget(self, until: int) -> None:
        """Drop the windows that begin by `until` (ns UTC)."""
        for start in [start for start in self.closed if start <= until]:
            del self.closed[start]

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "closed": [[start, kept.dump()] for start, kept in self.closed.items()],
            "closed_until": self.closed_until,
            "changed": sorted(self.changed),
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> LongWindowState:
        """State from its tree."""
        return cls(
            {start: Kept.load(ClosedLongWindow, part) for start, part in tree["closed"]},
            tree["closed_until"],
            set(tree["changed"]),
        )


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
    long
        The long windows.
    """

    readings: dict[int, Readings]
    closed: dict[int, Kept[ClosedWindow]]
    memory: Kept[Memory]
    closed_until: int = NEVER
    touched: dict[int, list[npt.NDArray[np.int64]]] = field(default_factory=dict)
    long: LongWindowState = field(default_factory=LongWindowState)

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
            "long": self.long.dump(),
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> WindowState:
        """State from its tree."""
        return cls(
            {start: Readings.load(kept) for start, kept in tree["readings"]},
            {start: Kept.load(ClosedWindow, part) for start, part in tree["closed"]},
            Kept.load(Memory, tree["memory"]),
            tree["closed_until"],
            long=LongWindowState.load(tree["long"]),
        )


def _aggregates(columns: Mapping[str, Any]) -> Aggregates:
    return Aggregates(*(columns[column.name] for column in fields(Aggregates)))
