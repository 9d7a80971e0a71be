"""The readings of one window: a set of (point, time, version, value, quality), order forgotten.

Frames are appended as they come and resolved once, when the window closes. For each point and
time the highest version wins. Among readings of that version the one with the smallest quality
word, then the smallest value, stands; if their values differ it is SUSPECT, for neither can be
believed. So neither order nor duplicates matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from records.quality import Quality
from records.snapshot import Tree

__all__ = ["Block", "Cells", "Readings"]

_SUSPECT = np.uint16(Quality.SUSPECT)


@dataclass(slots=True)
class Block:
    """Readings as columns of shape (n_rows,); `row` is the roster row of each.

    `single` says that no point repeats within the block; `span` is the first and the last time,
    where they are known already.
    """

    row: npt.NDArray[np.int64]
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]
    version: npt.NDArray[np.int32]
    single: bool = True
    span: tuple[int, int] | None = None

    def times(self) -> tuple[int, int]:
        """Return the first and the last time of a block that is not empty, ns UTC."""
        if self.span is None:
            self.span = int(self.time.min()), int(self.time.max())
        return self.span

    def select(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Block:
        """Some of the readings."""
        return Block(
            self.row[keep],
            self.time[keep],
            self.value[keep],
            self.quality[keep],
            self.version[keep],
            self.single,
        )


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
    """The readings of one window, and the times at which the area's link was heard."""

    blocks: list[Block] = field(default_factory=list)
    heard: set[int] = field(default_factory=set)

    def cells(self, n_points: int, points: npt.NDArray[np.int64] | None = None) -> Cells:
        """Resolve the readings of all points, or of some, into a matrix.

        Parameters
        ----------
        n_points
            Number of roster rows.
        points
            Roster rows wanted, ascending; None for all. Columns follow this order.
        """
        if points is None and all(block.single for block in self.blocks):
            blocks = [block for block in self.blocks if len(block.row)]
            cells = _layered(sorted(blocks, key=Block.times), n_points)
            if cells is not None:
                return cells
        flat = self._flat()
        if points is None:
            width, column = n_points, flat.row
        else:
            place = np.full(n_points, -1, np.int64)
            place[points] = np.arange(len(points))
            flat = flat.select(place[flat.row] >= 0)
            width, column = len(points), place[flat.row]
        return _matrix(flat, column, width)

    def compact(self) -> None:
        """Forget what can no longer stand: lower versions and exact duplicates."""
        if len(self.blocks) > 1:
            self.blocks = [_distinct(_sorted(self._flat()))]

    def _flat(self) -> Block:
        if not self.blocks:
            none = np.empty(0, np.int64)
            return Block(
                none, none, np.empty(0), np.empty(0, np.uint16), np.empty(0, np.int32), True
            )
        if len(self.blocks) == 1:
            return self.blocks[0]
        return Block(
            np.concatenate([block.row for block in self.blocks]),
            np.concatenate([block.time for block in self.blocks]),
            np.concatenate([block.value for block in self.blocks]),
            np.concatenate([block.quality for block in self.blocks]),
            np.concatenate([block.version for block in self.blocks]),
            False,
        )

    def dump(self) -> Tree:
        """State as a tree; the blocks are joined."""
        flat = self._flat()
        return {
            "heard": sorted(self.heard),
            "single": flat.single,
            "row": flat.row,
            "time": flat.time,
            "value": flat.value,
            "quality": flat.quality,
            "version": flat.version,
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> Readings:
        """State from its tree."""
        names = ("row", "time", "value", "quality", "version", "single")
        block = Block(*(tree[name] for name in names))
        return cls([block] if len(block.row) else [], set(tree["heard"]))


def _layered(blocks: Sequence[Block], n_points: int) -> Cells | None:
    """Lay blocks in order over each other, a row each, if each begins after the one before ends."""
    latest = None
    for block in blocks:
        first, last = block.times()
        if latest is not None and first <= latest:
            return None
        latest = last
    shape = (len(blocks), n_points)
    present = np.zeros(shape, np.bool_)
    time, value = np.zeros(shape, np.int64), np.zeros(shape)
    quality = np.zeros(shape, np.uint16)
    complete = True
    for layer, block in enumerate(blocks):
        rows: slice | npt.NDArray[np.int64] = block.row
        if len(block.row) == n_points and block.row[0] == 0 and (np.diff(block.row) == 1).all():
            rows = slice(None)
        else:
            complete = False
        present[layer, rows] = True
        time[layer, rows] = block.time
        value[layer, rows] = block.value
        quality[layer, rows] = block.quality
    return Cells(present, time, value, quality, complete)


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
    present = np.zeros(shape, np.bool_)
    time, value = np.zeros(shape, np.int64), np.zeros(shape)
    bits = np.zeros(shape, np.uint16)
    present[depth, column] = True
    time[depth, column] = flat.time[winner]
    value[depth, column] = flat.value[winner]
    bits[depth, column] = quality
    return Cells(present, time, value, bits)
