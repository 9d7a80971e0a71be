"""Checks of checkpoints: where each stands, beside what is committed and what the log holds.

A worker starts from its checkpoint, whatever is committed. So only the checkpoint and the log
decide what is done next; a commit elsewhere is told, for people who look at the lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from console.doctor.check import Check, Verdict
from records.log import LogReader, Partition
from records.snapshot import unpack
from storage.checkpoint_record import Checkpoint, CheckpointDamagedError, CheckpointFormatError

__all__ = ["NO_CHECKPOINTS", "KeptCheckpoints", "checkpoint_checks"]

Commits = Mapping[str, Mapping[Partition, int]]
"""Committed offsets by stage."""

_NOTHING: Commits = {}
_ANEW = "restore it from a copy, or delete it to start from what the log holds"
_OTHER_RELEASE = "run that release, or delete it to start from what the log holds"
_REPLACED = "the log was replaced or cut: restore it, or delete the checkpoint to start anew"
_REBUILD = (
    "restore the log, or delete the checkpoint to go on from what the log holds; what is missing "
    "then is in the historian: gridcast replay --source historian"
)


class KeptCheckpoints(Protocol):
    """Checkpoints that can be listed and read, in files or in a topic."""

    def names(self) -> list[str]:
        """Names under which something is kept, in order."""
        ...

    def load(self, name: str) -> Checkpoint | None:
        """Return what is kept under `name`."""
        ...

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        """Return what is kept under these names."""
        ...


class _NoCheckpoints:
    def names(self) -> list[str]:
        return []

    def load(self, name: str) -> Checkpoint | None:
        return None

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        return {}


NO_CHECKPOINTS: KeptCheckpoints = _NoCheckpoints()
"""Of a place that holds none."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A partition as one stage sees it: its checkpoint, its commit, and the log."""

    checkpoint: int | None
    committed: int | None
    begin: int
    end: int

    def __str__(self) -> str:
        """All of them side by side."""
        at = "none" if self.checkpoint is None else f"{self.checkpoint}"
        committed = "" if self.committed is None else f", committed {self.committed}"
        return f"checkpoint {at}{committed}, log {self.begin} to {self.end}"


def checkpoint_checks(
    kept: KeptCheckpoints, reader: LogReader, committed: Commits = _NOTHING
) -> Iterator[Check]:
    """Look at every checkpoint, and at every partition it was taken in.

    Parameters
    ----------
    kept
        The checkpoints.
    reader
        The log they point into.
    committed
        What the stages' groups have committed; nothing over the embedded log.
    """
    found: dict[str, dict[Partition, int]] = {}
    unreadable = set()
    for name, checkpoint in _loaded(kept):
        if isinstance(checkpoint, CheckpointDamagedError):
            unreadable.add(_stage(name))
            remedy = _OTHER_RELEASE if isinstance(checkpoint, CheckpointFormatError) else _ANEW
            yield Check(f"checkpoint {name}", Verdict.BAD, str(checkpoint), remedy)
            continue
        if checkpoint.previous:
            yield Check(f"checkpoint {name}", Verdict.WARNING, checkpoint.problem,
                        "nothing to do: the one before it is used, and more of the log is read "
                        "again; look at the disk if it happens twice")  # fmt: skip
        rows = unpack(checkpoint.data, checkpoint.parts)["offsets"]
        places = {Partition(str(topic), int(number)): int(at) for topic, number, at in rows}
        found.setdefault(_stage(name), {}).update(places)
    for stage in sorted(found.keys() | committed.keys()):
        own, told = found.get(stage, {}), committed.get(stage, {})
        for topic in sorted({place.topic for place in (*own, *told)}):
            there = reader.partitions(topic)
            gone = {place.number for place in own if place.topic == topic} - set(there)
            for number in sorted(gone):
                yield Check(_subject(stage, Partition(topic, number)), Verdict.BAD,
                            "the log has no such partition", _REPLACED)  # fmt: skip
            for number in there:
                where = Partition(topic, number)
                if where not in own and stage in unreadable:
                    continue  # Told above.
                bounds = reader.begin_offset(where), reader.end_offset(where)
                yield _judged(
                    _subject(stage, where), _Place(own.get(where), told.get(where), *bounds)
                )


def _subject(stage: str, where: Partition) -> str:
    return f"{stage}, {where.topic.split('.', 2)[-1]} {where.number}"


def _loaded(kept: KeptCheckpoints) -> Iterator[tuple[str, Checkpoint | CheckpointDamagedError]]:
    """Every checkpoint, or what is wrong with it."""
    names = kept.names()
    try:
        yield from kept.load_all(names).items()
        return
    except CheckpointDamagedError:
        pass  # One of them; which one is found out one by one.
    for name in names:
        try:
            checkpoint = kept.load(name)
        except CheckpointDamagedError as error:
            yield name, error
        else:
            if checkpoint is not None:
                yield name, checkpoint


def _stage(name: str) -> str:
    """Stage of a checkpoint: ``area.3`` is one of the stage ``area``."""
    stage, _, number = name.rpartition(".")
    return stage if stage and number.isdigit() else name


def _judged(subject: str, place: _Place) -> Check:
    at, committed, begin, end = place.checkpoint, place.committed, place.begin, place.end
    if at is None:
        if committed is not None and committed > begin:
            return Check(
                subject, Verdict.WARNING,
                f"{place}: no checkpoint is here, so a worker starts from {begin} and does "
                f"{committed - begin} records again that were committed",
                "harmless, but slow; if another host has the checkpoint, set checkpoint.place = "
                '"topic", so that a partition finds it wherever it moves',
            )  # fmt: skip
        return Check(
            subject, Verdict.GOOD, f"{place}: none yet, it starts from the begin of the log"
        )
    if at > end:
        return Check(
            subject, Verdict.BAD, f"{place}: {at - end} records beyond the end of the log",
            _REPLACED,
        )  # fmt: skip
    if at < begin:
        return Check(
            subject, Verdict.BAD,
            f"{place}: {begin - at} records were deleted before they were taken in; a worker "
            "stops there rather than leave them out",
            _REBUILD,
        )  # fmt: skip
    if committed is not None and committed > at:
        return Check(
            subject, Verdict.WARNING,
            f"{place}: {committed - at} records were committed that the checkpoint does not "
            "cover; a worker goes back to the checkpoint and does them again, none is left out",
            "nothing to do if an older checkpoint was restored or a tool moved the group; if "
            'another host has a younger one, set checkpoint.place = "topic"',
        )  # fmt: skip
    behind = f"{end - at} records behind the end" if end > at else "at the end of the log"
    return Check(subject, Verdict.GOOD, f"{place}: {behind}")
