"""What is kept of the windows that are rolled up: parts by start, revisions of what was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from records.snapshot import Tree
from stream.fold import Aggregates
from stream.kept import Kept
from stream.late_parts import LatePartsBook
from stream.watermark import NEVER
from stream.whole import nothing_known
from stream.whole_windows import Span

__all__ = ["Revisions", "RollupPart", "RollupState"]


@dataclass(slots=True)
class RollupPart:
    """The newest revision of every series of one part; 0 where a series has none."""

    numbers: Aggregates
    revision: npt.NDArray[np.int32]

    def dump(self) -> Tree:
        """State as a tree."""
        return [self.numbers.columns(slice(None)), self.revision]

    @classmethod
    def load(cls, tree: Any) -> RollupPart:
        """State from its tree."""
        numbers, revision = tree
        return cls(Aggregates(*(numbers[column.name] for column in fields(Aggregates))), revision)


@dataclass(slots=True)
class Revisions:
    """Last revision emitted of every series of one window, 0 for none, shape (n_series,)."""

    revision: npt.NDArray[np.int32]

    def dump(self) -> Tree:
        """State as a tree."""
        return self.revision

    @classmethod
    def load(cls, tree: Any) -> Revisions:
        """State from its tree."""
        return cls(tree)


@dataclass(slots=True)
class RollupState:
    """State of one area, changed in place.

    Parameters
    ----------
    area
        Area number, also that of the partition.
    watermark
        That of the parts, ns UTC.
    names
        Series ids; their places are the columns of all arrays.
    parts
        Parts by their start.
    open
        Windows that have a part and have not closed.
    closed
        Windows that were emitted.
    newest
        Raw offset of the newest part that closed or was corrected in its own time.
    late
        Parts whose windows are to be made again.
    """

    area: int
    watermark: int = NEVER
    names: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    parts: dict[int, Kept[RollupPart]] = field(default_factory=dict)
    open: set[Span] = field(default_factory=set)
    closed: dict[Span, Kept[Revisions]] = field(default_factory=dict)
    newest: int = -1
    late: LatePartsBook = field(default_factory=LatePartsBook)
    _place: dict[str, int] = field(default_factory=dict)

    def rows(self, series: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
        """Places of some series; new ones get one."""
        if len(series) == len(self.names) and bool((series == self.names).all()):
            return np.arange(len(series))
        new = list(dict.fromkeys(name for name in series if name not in self._place))
        for name in new:
            self._place[name] = len(self._place)
        if new:
            self.names = np.concatenate([self.names, np.array(new, object)])
        return np.array([self._place[name] for name in series], np.int64)

    def put(
        self,
        start: int,
        rows: npt.NDArray[np.int64],
        numbers: Aggregates,
        revision: npt.NDArray[np.int32],
    ) -> None:
        """Overwrite some series of the part that begins at `start` (ns UTC)."""
        kept = self.parts.get(start)
        part = (
            RollupPart(nothing_known(0), np.empty(0, np.int32)) if kept is None else kept.change()
        )
        missing = len(self.names) - len(part.revision)
        if missing:
            part = RollupPart(
                _joined(part.numbers, nothing_known(missing)), _padded(part.revision, missing)
            )
        part.numbers.put(rows, numbers)
        part.revision[rows] = revision
        self.parts[start] = Kept(part)

    def part_revision(self, start: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Revision of some series of a part, 0 for none."""
        kept = self.parts.get(start)
        if kept is None:
            return np.zeros(len(rows), np.int32)
        known = kept.value.revision
        return _padded(known, len(self.names) - len(known))[rows]

    def parts_of(self, starts: Iterable[int], rows: npt.NDArray[np.int64]) -> list[Aggregates]:
        """Return the parts that are there, in order, of some series."""
        found = []
        for start in starts:
            kept = self.parts.get(start)
            if kept is None:
                continue
            numbers = kept.value.numbers
            missing = len(self.names) - len(numbers.mean)
            if missing:
                numbers = _joined(numbers, nothing_known(missing))
            found.append(Aggregates(**numbers.columns(rows)))
        return found

    def present(self, starts: Iterable[int]) -> npt.NDArray[np.int64]:
        """Places of the series that any of these parts has."""
        known = np.zeros(len(self.names), np.bool_)
        for start in starts:
            kept = self.parts.get(start)
            if kept is not None:
                known[: len(kept.value.revision)] |= kept.value.revision > 0
        return np.flatnonzero(known)

    def raise_revision(self, span: Span, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Give some series of a window their next revision, the first if need be."""
        kept = self.closed.get(span)
        known = np.empty(0, np.int32) if kept is None else kept.change().revision
        revision = _padded(known, len(self.names) - len(known))
        revision[rows] += 1
        self.closed[span] = Kept(Revisions(revision))
        return revision[rows]

    def revision(self, span: Span, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Revision of some series of a closed window, 0 for none."""
        known = self.closed[span].value.revision
        return _padded(known, len(self.names) - len(known))[rows]

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "area": self.area,
            "watermark": self.watermark,
            "names": self.names.tolist(),
            "parts": [[start, kept.dump()] for start, kept in self.parts.items()],
            "open": sorted(self.open),
            "closed": [[*span, kept.dump()] for span, kept in self.closed.items()],
            "newest": self.newest,
            "late": self.late.dump(),
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> RollupState:
        """State from its tree."""
        return cls(
            tree["area"],
            tree["watermark"],
            np.array(tree["names"], object),
            {start: Kept.load(RollupPart, part) for start, part in tree["parts"]},
            {(start, end) for start, end in tree["open"]},
            {(start, end): Kept.load(Revisions, part) for start, end, part in tree["closed"]},
            tree.get("newest", -1),
            LatePartsBook.load(tree.get("late", ())),
            {name: place for place, name in enumerate(tree["names"])},
        )


def _padded(revision: npt.NDArray[np.int32], missing: int) -> npt.NDArray[np.int32]:
    return np.concatenate([revision, np.zeros(missing, np.int32)]) if missing else revision


def _joined(numbers: Aggregates, more: Aggregates) -> Aggregates:
    return Aggregates(
        *(
            np.concatenate([getattr(numbers, column.name), getattr(more, column.name)])
            for column in fields(Aggregates)
        )
    )
