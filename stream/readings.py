"""The readings of one window: a set of (point, time, version, value, quality), order forgotten.

Frames are appended as they come and resolved once, when the window closes. For each point and
time the highest version wins. Among readings of that version the one with the smallest quality
word, then the smallest value, stands; if their values differ it is SUSPECT, for neither can be
believed. So neither order nor duplicates matter.

What a checkpoint has taken is kept packed, as it stands there, and is not written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from records.quality import Quality
from records.snapshot import Part, Tree
from stream.block import Block

__all__ = ["Cells", "Readings"]

_SUSPECT = np.uint16(Quality.SUSPECT)


@dataclass(frozen=True, slots=True)
class Cells:
    """The readings that stand, as a matrix: each point's readings down its column, in order.

    Arrays of shape (n_times, n_points); where `present` is False the cell means nothing.
    `all_present` is True when every cell holds a reading.
    """

    present: npt.NDArray[np.bool_]
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]
    all_present: bool = False


@dataclass(slots=True)
class Readings:
    """The readings of one window, and the times at which the area's link was heard.

    Parameters
    ----------
    blocks
        Readings that no checkpoint holds yet.
    heard
        Times, ns UTC.
    parts
        The other readings, packed as checkpoints hold them.
    n_rows
        How many readings there are, repeated ones included.
    settled
        How many of them `compact` left, or stood when the window closed.
    """

    blocks: list[Block] = field(default_factory=list)
    heard: set[int] = field(default_factory=set)
    parts: list[Part] = field(default_factory=list)
    n_rows: int = 0
    settled: int = 0

    def add(self, block: Block) -> None:
        """Take readings in."""
        self.blocks.append(block)
        self.n_rows += len(block.row)

    def cells(self, n_points: int, points: npt.NDArray[np.int64] | None = None) -> Cells:
        """Resolve the readings of all points, or of some, into a matrix.

        Parameters
        ----------
        n_points
            Number of roster rows.
        points
            Roster rows wanted, ascending; None for all. Columns follow this order.
        """
        blocks = self._all()
        if points is None:
            if all(block.single for block in blocks):
                filled = [block for block in blocks if len(block.row)]
                cells = _layered(sorted(filled, key=Block.times), n_points)
                if cells is not None:
                    return cells
            flat = Block.joined(blocks)
            return _matrix(flat, flat.row, n_points)
        place = np.full(n_points, -1, np.int64)
        place[points] = np.arange(len(points))
        flat = Block.joined([block.select(place[block.row] >= 0) for block in blocks])
        return _matrix(flat, place[flat.row], len(points))

    def compact(self) -> None:
        """Forget lower versions and exact duplicates where they may be half of it or more."""
        if self.n_rows <= 2 * self.settled:
            return
        self.blocks, self.parts = [_distinct(_sorted(Block.joined(self._all())))], []
        self.n_rows = self.settled = len(self.blocks[0].row)

    def _all(self) -> list[Block]:
        return [Block.load(tree) for part in self.parts for tree in part.tree()] + self.blocks

    def dump(self, most_parts: int) -> Tree:
        """State as a tree; new readings are packed, and parts joined where they are many.

        Parameters
        ----------
        most_parts
            How many there may be.
        """
        if self.blocks:
            self.parts.append(Part.of([block.dump() for block in self.blocks]))
            self.blocks = []
        if len(self.parts) > most_parts:
            self.parts = _joined(self.parts)
        return {
            "heard": sorted(self.heard),
            "parts": list(self.parts),
            "n_rows": self.n_rows,
            "settled": self.settled,
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> Readings:
        """State from its tree."""
        return cls([], set(tree["heard"]), tree["parts"], tree["n_rows"], tree["settled"])


def _joined(parts: list[Part]) -> list[Part]:
    """Join parts into one, without the first if it is more than twice as large as the rest."""
    size = [len(part.body) for part in parts]
    apart = 1 if size[0] > 2 * sum(size[1:]) else 0
    blocks = [tree for part in parts[apart:] for tree in part.tree()]
    return [*parts[:apart], Part.of(blocks)]


def _layered(blocks: Sequence[Block], n_points: int) -> Cells | None:
    """Lay blocks in order over each other, a row each, if each begins after the one before ends."""
    latest = None
    for block in blocks:
        first, last = block.times()
        if latest is not None and first <= latest:
            return None
        latest = last
    shape = (len(blocks), n_points)
    flat = Block.joined(blocks)
    sizes = [len(block.row) for block in blocks]
    cell = flat.row + np.repeat(np.arange(len(blocks)) * n_points, sizes)
    return _cells(shape, cell, flat.time, flat.value, flat.quality)


def _sorted(flat: Block) -> Block:
    """Order by point and time; the reading that stands comes first of its point and time."""
    order = np.lexsort((flat.value, flat.quality, -flat.version, flat.time, flat.row))
    return flat.select(order)


def _distinct(flat: Block) -> Block:
    """Keep the highest version of each point and time, exact duplicates once."""
    n_rows = len(flat.row)
    if not n_rows:
        return flat
    first = _first_of_group(flat)
    start = np.maximum.accumulate(np.where(first, np.arange(n_rows), 0))
    top = flat.version == flat.version[start]
    repeated = np.zeros(n_rows, np.bool_)
    repeated[1:] = (
        ~first[1:] & (flat.value[1:] == flat.value[:-1]) & (flat.quality[1:] == flat.quality[:-1])
    )
    return flat.select(top & ~repeated)


def _first_of_group(flat: Block) -> npt.NDArray[np.bool_]:
    first = np.ones(len(flat.row), np.bool_)
    first[1:] = (flat.row[1:] != flat.row[:-1]) | (flat.time[1:] != flat.time[:-1])
    return first


def _matrix(flat: Block, column: npt.NDArray[np.int64], width: int) -> Cells:
    """Resolve flat readings; `column` is each reading's column, ascending with its row."""
    n_rows = len(flat.row)
    if not n_rows:
        shape = (0, width)
        return Cells(
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.int64),
            np.zeros(shape),
            np.zeros(shape, np.uint16),
        )
    order = np.lexsort((flat.value, flat.quality, -flat.version, flat.time, column))
    flat, column = flat.select(order), column[order]
    first = _first_of_group(flat)
    winner = np.flatnonzero(first)
    quality = flat.quality[winner]
    if len(winner) < n_rows:
        group = np.cumsum(first) - 1
        standing = winner[group]
        unlike = (flat.version == flat.version[standing]) & (flat.value != flat.value[standing])
        contradicted = np.unique(group[unlike])
        quality[contradicted] |= _SUSPECT
    column = column[winner]
    count = np.bincount(column, minlength=width)
    depth = np.arange(len(winner)) - np.repeat(np.cumsum(count) - count, count)
    shape = (int(count.max()), width)
    return _cells(shape, depth * width + column, flat.time[winner], flat.value[winner], quality)


def _cells(
    shape: tuple[int, int],
    cell: npt.NDArray[np.int64],
    time: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.uint16],
) -> Cells:
    """Lay readings out; `cell` is where each belongs in the flat matrix, no two in one place."""
    size = shape[0] * shape[1]
    present = np.zeros(size, np.bool_)
    times, values, bits = np.zeros(size, np.int64), np.zeros(size), np.zeros(size, np.uint16)
    present[cell], times[cell], values[cell], bits[cell] = True, time, value, quality
    return Cells(
        present.reshape(shape),
        times.reshape(shape),
        values.reshape(shape),
        bits.reshape(shape),
        len(cell) == size,
    )
