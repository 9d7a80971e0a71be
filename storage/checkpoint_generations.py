"""Generations of a checkpoint: which parts they name, and which of them is whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from storage.checkpoint_record import (
    Checkpoint,
    CheckpointDamagedError,
    CheckpointFormatError,
    check_part,
    read_checkpoint,
)

__all__ = ["Generation", "NamedParts", "newest_whole"]


@dataclass(slots=True)
class NamedParts:
    """Parts that the last two generations of a checkpoint name.

    >>> named = NamedParts()
    >>> [sorted(named.move_on(parts)) for parts in (["a"], ["a", "b"], ["c"], ["c"])]
    [[], [], [], ['a', 'b']]
    """

    before: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()

    def move_on(self, parts: Collection[str]) -> frozenset[str]:
        """Take the parts of the next generation; return those that none of the last two names."""
        gone = self.before - self.last - frozenset(parts)
        self.before, self.last = self.last, frozenset(parts)
        return gone


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation as it is kept.

    Parameters
    ----------
    where
        For messages.
    content
        Its bytes.
    part
        Returns the bytes of a part, None where there are none.
    """

    where: str
    content: bytes
    part: Callable[[str], bytes | None]


def newest_whole(generations: Iterable[Generation], remedy: str) -> Checkpoint | None:
    """Return the first generation that is whole with all its parts, None where there is none.

    Parameters
    ----------
    generations
        The last one first.
    remedy
        What to do when there are some, but none whole.

    Raises
    ------
    CheckpointDamagedError
        When there are some, but none whole.
    CheckpointFormatError
        When one before which none is whole is of another release.
    """
    problems: list[str] = []
    for each in generations:
        try:
            data, names = read_checkpoint(each.content, each.where)
            parts = {name: check_part(name, each.part(name), each.where) for name in names}
        except CheckpointFormatError:
            raise
        except CheckpointDamagedError as error:
            problems.append(str(error))
            continue
        return Checkpoint(data, parts, bool(problems), "; ".join(problems))
    if problems:
        raise CheckpointDamagedError(f"{'; '.join(problems)}; {remedy}")
    return None
