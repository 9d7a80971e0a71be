"""Checkpoints as records of a compacted topic: what to write, what to erase, and what counts.

Whoever loads a checkpoint goes on under keys of its own: ``NAME@WRITER`` for the checkpoint and
``NAME@WRITER/PART`` for its parts. It writes every part with its first checkpoint, and erases
what it had found after that. So a worker that was taken for dead and wakes up neither replaces a
checkpoint of its successor nor erases a part of it; and whatever compaction leaves, the last
checkpoint of somebody is whole.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from storage.checkpoint_generations import Generation, NamedParts, newest_whole
from storage.checkpoint_record import Checkpoint, write_checkpoint

__all__ = ["CheckpointLedger"]

_GENERATIONS = 3
_REMEDY = (
    "nothing whole is left: use a new namespace, or delete the topic to start again from what "
    "the log holds"
)
_NOTHING: Mapping[str, bytes] = {}


def _unique() -> str:
    return uuid.uuid4().hex[:12]


@dataclass(slots=True)
class _Own:
    """What is written under a name from here.

    Parameters
    ----------
    writer
        Part of the keys.
    named
        Parts of the last two checkpoints written.
    waiting
        Parts found, which the first checkpoint writes again.
    found
        Keys found, which are erased after it.
    """

    writer: str
    named: NamedParts = field(default_factory=NamedParts)
    waiting: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING)
    found: Collection[str] = ()


class CheckpointLedger:
    """Keeps account of the checkpoints that one process loads and saves.

    Parameters
    ----------
    new_writer
        Returns a name that nobody has used yet.
    """

    def __init__(self, new_writer: Callable[[], str] = _unique) -> None:
        self._new_writer = new_writer
        self._own: dict[str, _Own] = {}

    def records(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> list[tuple[str, bytes]]:
        """Keys and bytes to be written, in this order, for a checkpoint; see `Checkpoints.save`."""
        own = self._of(name)
        key = f"{name}@{own.writer}"
        bodies = {part: own.waiting[part] for part in parts if part in own.waiting} | dict(new)
        return [
            *((f"{key}/{part}", body) for part, body in bodies.items()),
            (key, write_checkpoint(data, parts)),
        ]

    def saved(self, name: str, parts: Collection[str]) -> list[str]:
        """Keys to be erased once those records are kept."""
        own = self._of(name)
        erased = [
            *own.found,
            *(f"{name}@{own.writer}/{part}" for part in own.named.move_on(parts)),
        ]
        own.waiting, own.found = _NOTHING, ()
        return erased

    def loaded(
        self, records: Iterable[tuple[str, bytes]], names: Iterable[str], topic: str
    ) -> dict[str, Checkpoint]:
        """Return the checkpoint that counts under each name, without those never kept.

        Parameters
        ----------
        records
            Keys and bytes as they lie in the topic; no bytes where a key was erased.
        names
            Whose checkpoints.
        topic
            For messages.

        Raises
        ------
        CheckpointDamagedError
            When there is something under a name, but nothing whole.
        """
        shelves = {name: _Shelf() for name in names}
        for key, body in records:
            name, writer, part = _split(key)
            if name in shelves:
                shelves[name].put(key, writer, part, body)
        loaded = {}
        for name, shelf in shelves.items():
            self._own[name] = _Own(self._new_writer())
            found = newest_whole(shelf.generations(f"checkpoint {name} in {topic}"), _REMEDY)
            self._own[name].found = list(shelf.keys)
            if found is not None:
                self._own[name].waiting = found.parts
                loaded[name] = found
        return loaded

    @staticmethod
    def names(records: Iterable[tuple[str, bytes]]) -> list[str]:
        """Names under which there is a checkpoint, in order."""
        kept = dict(records)
        names = {_split(key)[0] for key, body in kept.items() if body and "/" not in key}
        return sorted(names)

    def _of(self, name: str) -> _Own:
        if name not in self._own:
            self._own[name] = _Own(self._new_writer())
        return self._own[name]


@dataclass(slots=True)
class _Shelf:
    """What the topic holds under one name."""

    keys: dict[str, None] = field(default_factory=dict)
    parts: dict[tuple[str, str], bytes] = field(default_factory=dict)
    kept: dict[str, deque[tuple[int, bytes]]] = field(default_factory=dict)
    count: int = 0

    def put(self, key: str, writer: str, part: str, body: bytes) -> None:
        """Take a record, or the end of one, which has no bytes."""
        self.count += 1
        if not body:
            self.keys.pop(key, None)
            self.parts.pop((writer, part), None)
            if not part:
                self.kept.pop(writer, None)
            return
        self.keys[key] = None
        if part:
            self.parts[writer, part] = body
        else:
            own = self.kept.setdefault(writer, deque(maxlen=_GENERATIONS))
            own.append((self.count, body))

    def generations(self, where: str) -> Iterator[Generation]:
        """All checkpoints, the last one first, each with the parts of its writer."""
        every = [(at, writer, body) for writer, own in self.kept.items() for at, body in own]
        for _, writer, body in sorted(every, reverse=True):
            yield Generation(where, body, partial(self._part, writer))

    def _part(self, writer: str, part: str) -> bytes | None:
        return self.parts.get((writer, part))


def _split(key: str) -> tuple[str, str, str]:
    """Name, writer and part of a key.

    >>> _split("area.1@7f/p"), _split("area.1@7f")
    (('area.1', '7f', 'p'), ('area.1', '7f', ''))
    """
    head, _, part = key.partition("/")
    name, _, writer = head.partition("@")
    return name, writer, part
