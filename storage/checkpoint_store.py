"""Checkpoints in files: written whole or not at all, checked when read, one generation back.

The parts of a checkpoint are files of their own, in a directory beside it. They are there before
the checkpoint that names them, and go when neither it nor the one before it names them any more.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from storage.checkpoint_generations import Generation, NamedParts, newest_whole
from storage.checkpoint_record import (
    Checkpoint,
    CheckpointDamagedError,
    read_checkpoint,
    write_checkpoint,
)

__all__ = ["CheckpointStore"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOTHING: Mapping[str, bytes] = {}
_NONE: frozenset[str] = frozenset()
_REMEDY = (
    "no whole generation is left: restore one from a copy, or delete the files to start again "
    "from the begin of the log"
)


class CheckpointStore:
    """Named checkpoints in a directory.

    Parameters
    ----------
    directory
        Created when absent.
    durable
        Whether `save` survives a power cut, not only a killed process.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._durable = durable
        self._named: dict[str, NamedParts] = {}
        """Of each checkpoint saved here."""
        self._damaged: set[str] = set()
        """Checkpoints whose last generation is damaged: it must not replace the one before."""

    def save(
        self,
        name: str,
        data: bytes,
        parts: Collection[str] = (),
        new: Mapping[str, bytes] = _NOTHING,
    ) -> None:
        """Keep `data` under `name`; what was there becomes the previous generation.

        Parameters
        ----------
        name
            Of the checkpoint.
        data
            The state.
        parts
            Names of all parts that belong to it.
        new
            Bytes of those that were not kept yet.

        Raises
        ------
        ValueError
            When `name` is not a plain file name.
        OSError
            When the disk refuses; what was there before stays.
        """
        path, shelf = self._path(name), self._shelf(name)
        previous = path.with_suffix(".previous")
        last = path if path.exists() and name not in self._damaged else previous
        added: list[Path] = []
        try:
            if new:
                shelf.mkdir(exist_ok=True)
                for part, body in new.items():
                    if not (shelf / part).exists():
                        added.append(shelf / part)
                    self._write_beside(shelf / part, body).replace(shelf / part)
                self._settle(shelf)
            temporary = self._write_beside(path, write_checkpoint(data, parts))
        except OSError:
            # No checkpoint names them, and a full disk should not be kept full.
            for part_file in added:
                part_file.unlink(missing_ok=True)
            raise
        if name not in self._named:
            # The first time, what a killed process left behind is cleared away too.
            there = frozenset(kept.name for kept in shelf.iterdir()) if shelf.is_dir() else _NONE
            self._named[name] = NamedParts(there, _named_by(last) if there else _NONE)
        if last is path:
            path.replace(previous)
        temporary.replace(path)
        self._damaged.discard(name)
        self._settle(self._directory)
        for part in self._named[name].move_on(parts):
            (shelf / part).unlink(missing_ok=True)

    def load(self, name: str) -> Checkpoint | None:
        """Return what is kept under `name`, or None when nothing ever was.

        Raises
        ------
        CheckpointDamagedError
            When the last generation is damaged and there is no whole one before it.
        CheckpointFormatError
            When the last generation is of another release.
        """
        self._named.pop(name, None)
        self._damaged.discard(name)
        # Between the two renames of `save` only the previous generation is there.
        found = newest_whole(self._generations(name), _REMEDY)
        if found is not None and found.previous:
            self._damaged.add(name)
        return found

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        """Return what is kept under these names, without those under which nothing ever was.

        Raises
        ------
        CheckpointDamagedError
            As `load`.
        """
        found = {name: self.load(name) for name in names}
        return {name: kept for name, kept in found.items() if kept is not None}

    def names(self) -> list[str]:
        """Names under which something is kept, in order."""
        kept = (".checkpoint", ".previous")
        return sorted({p.stem for p in self._directory.iterdir() if p.suffix in kept})

    def delete(self, name: str) -> None:
        """Forget both generations of `name`, and their parts."""
        path = self._path(name)
        for generation in (path.with_suffix(".previous"), path):
            generation.unlink(missing_ok=True)
        shutil.rmtree(self._shelf(name), ignore_errors=True)
        self._named.pop(name, None)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a checkpoint: letters, digits, '.', '_', '-'")
        return self._directory / f"{name}.checkpoint"

    def _shelf(self, name: str) -> Path:
        return self._directory / f"{name}.parts"

    def _generations(self, name: str) -> Iterator[Generation]:
        path, shelf = self._path(name), self._shelf(name)
        for each in (path, path.with_suffix(".previous")):
            content = _content(each)
            if content is not None:
                yield Generation(str(each), content, lambda part: _content(shelf / part))

    def _write_beside(self, path: Path, content: bytes) -> Path:
        """Write what is to be renamed to `path`, and return where."""
        temporary = path.with_suffix(".tmp")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                if self._durable:
                    file.flush()
                    os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _settle(self, directory: Path) -> None:
        """Make renames survive a power cut."""
        if self._durable:
            fd = os.open(directory, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _named_by(path: Path) -> frozenset[str]:
    """Parts that a generation names; none where there is no whole one."""
    content = _content(path)
    try:
        return frozenset(read_checkpoint(content, str(path))[1] if content else ())
    except CheckpointDamagedError:
        return _NONE
