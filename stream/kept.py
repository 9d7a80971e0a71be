"""Pieces of a state that checkpoints write again only when they have changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Protocol, Self, TypeVar

from records.snapshot import Part, Tree, unpack

__all__ = ["Kept", "Piece"]


class Piece(Protocol):
    """What can be kept: something with a tree."""

    def dump(self) -> Tree:
        """Return it as a tree."""
        ...

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> Self:
        """Read it from its tree; the arrays of the tree are its own then."""
        ...


T = TypeVar("T", bound=Piece)


class Kept(Generic[T]):
    """A piece of state that is written once for each time that it changed.

    Once written its arrays are those of the part, which nobody can write to: whoever changes it
    must say so, or numpy refuses. So it stands in memory once, and what a checkpoint names is
    what the state is.

    Parameters
    ----------
    value
        The piece; it is this cell's from now on.
    part
        The part that holds the very same, if it was written already.
    """

    __slots__ = ("_part", "_value")

    def __init__(self, value: T, part: Part | None = None) -> None:
        self._value = value
        self._part = part

    @classmethod
    def load(cls, kind: type[T], part: Part) -> Kept[T]:
        """Read a cell from its part."""
        return cls(kind.load(part.tree()), part)

    @property
    def value(self) -> T:
        """The piece, to be read only."""
        return self._value

    def change(self) -> T:
        """Return the piece, to be changed."""
        if self._part is not None:
            self._value = type(self._value).load(unpack(self._part.body))
            self._part = None
        return self._value

    def dump(self) -> Part:
        """Return the part that holds it."""
        if self._part is None:
            self._part = Part.of(self._value.dump())
            self._value = type(self._value).load(self._part.tree())
        return self._part
