"""A block of readings, as columns to compute with and as the few bytes that are kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from records.snapshot import Tree

__all__ = ["Block"]

_MILLISECOND = 1_000_000


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

    @classmethod
    def empty(cls) -> Block:
        """No readings."""
        none = np.empty(0, np.int64)
        return cls(none, none, np.empty(0), np.empty(0, np.uint16), np.empty(0, np.int32))

    @classmethod
    def joined(cls, blocks: Sequence[Block]) -> Block:
        """Join blocks, in order."""
        if len(blocks) == 1:
            return blocks[0]
        if not blocks:
            return cls.empty()
        return cls(
            np.concatenate([block.row for block in blocks]),
            np.concatenate([block.time for block in blocks]),
            np.concatenate([block.value for block in blocks]),
            np.concatenate([block.quality for block in blocks]),
            np.concatenate([block.version for block in blocks]),
            False,
        )

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

    def dump(self) -> Tree:
        """Block as a tree of 10 to 14 bytes a reading.

        What a column has in common stands once, and numbers are as wide as they need to be;
        times are whole milliseconds after the first wherever they can be.
        """
        first = int(self.time.min()) if len(self.time) else 0
        after = self.time - first
        whole = after // _MILLISECOND
        unit = 1
        if np.array_equal(whole * _MILLISECOND, after):
            after, unit = whole, _MILLISECOND
        counted = np.array_equal(self.row, np.arange(len(self.row)))
        return [
            None if counted else _narrow(self.row),
            [first, unit, _narrow(after)],
            self.value,
            _once(self.quality),
            _once(self.version),
            self.single,
        ]

    @classmethod
    def load(cls, tree: Sequence[Any]) -> Block:
        """Block from its tree."""
        row, (first, unit, after), value, quality, version, single = tree
        n_rows = len(value)
        return cls(
            np.arange(n_rows) if row is None else row.astype(np.int64),
            first + after.astype(np.int64) * unit,
            value,
            _each(quality, n_rows, np.uint16),
            _each(version, n_rows, np.int32),
            single,
        )


def _narrow(numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Non-negative numbers in as few bytes as hold the greatest."""
    greatest = int(numbers.max()) if len(numbers) else 0
    for kind in (np.uint16, np.uint32):
        if greatest <= np.iinfo(kind).max:
            return numbers.astype(kind)
    return numbers


def _once(column: npt.NDArray[Any]) -> Tree:
    """The one value of a column, or the column."""
    if len(column) and (column == column[0]).all():
        return int(column[0])
    return column


def _each(column: Any, n_rows: int, kind: type[Any]) -> npt.NDArray[Any]:
    return np.full(n_rows, column, kind) if isinstance(column, int) else column
