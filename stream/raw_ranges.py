"""How far into the raw topics what was taken in reaches, partition by partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from records.lineage import RawRange
from records.snapshot import Tree

__all__ = ["RawRanges"]


@dataclass(slots=True)
class RawRanges:
    """First and last offset by topic and partition, changed in place.

    >>> ranges = RawRanges()
    >>> for offset in (7, 5, -1, 9):
    ...     ranges.take("raw", 0, offset)
    >>> ranges.told()
    [RawRange(topic='raw', partition=0, first=5, last=9)]
    """

    _reached: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def take(self, topic: str, partition: int, offset: int) -> None:
        """Note an offset; a negative one stands for no record at all."""
        if offset < 0:
            return
        first, last = self._reached.get((topic, partition), (offset, offset))
        self._reached[topic, partition] = min(first, offset), max(last, offset)

    def told(self) -> list[RawRange]:
        """Return the ranges, by topic and partition."""
        return [RawRange(*place, *self._reached[place]) for place in sorted(self._reached)]

    def dump(self) -> Tree:
        """State as a tree."""
        return [[*place, *reached] for place, reached in sorted(self._reached.items())]

    @classmethod
    def load(cls, tree: Sequence[Sequence[Any]]) -> RawRanges:
        """State from its tree."""
        return cls({(row[0], row[1]): (row[2], row[3]) for row in tree})
