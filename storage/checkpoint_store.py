"""Checkpoints in files: written whole or not at all, checked when read, one generation back.

A file holds a magic, the length and the SHA-256 of the bytes, then the bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Checkpoint", "CheckpointDamagedError", "CheckpointStore"]

_MAGIC = b"GCC1"
_HEADER = len(_MAGIC) + 8 + 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class CheckpointDamagedError(OSError):
    """A checkpoint's file is cut short or altered; the message says what can be done."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was kept under a name.

    Parameters
    ----------
    data
        The bytes.
    previous
        Whether this is the generation before the last, because the last one is damaged.
    problem
        What is wrong with the last one, for a person; empty when nothing is.
    """

    data: bytes
    previous: bool = False
    problem: str = ""


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

    def save(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`; what was there becomes the previous generation.

        Raises
        ------
        ValueError
            When `name` is not a plain file name.
        OSError
            When the disk refuses; what was there before stays.
        """
        path = self._path(name)
        temporary = path.with_suffix(".tmp")
        header = _MAGIC + len(data).to_bytes(8, "little") + hashlib.sha256(data).digest()
        try:
            with temporary.open("wb") as file:
                file.write(header)
                file.write(data)
                file.flush()
                if self._durable:
                    os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        if path.exists():
            path.replace(path.with_suffix(".previous"))
        temporary.replace(path)
        if self._durable:
            fd = os.open(self._directory, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)

    def load(self, name: str) -> Checkpoint | None:
        """Return what is kept under `name`, or None when nothing ever was.

        Raises
        ------
        CheckpointDamagedError
            When the last generation is damaged and there is no whole one before it.
        """
        path = self._path(name)
        problems = []
        for generation in (path, path.with_suffix(".previous")):
            try:
                data = _read(generation)
            except CheckpointDamagedError as error:
                problems.append(str(error))
                continue
            # Between the two renames of `save` only the previous generation is there.
            if data is not None:
                return Checkpoint(data, bool(problems), "; ".join(problems))
        if problems:
            raise CheckpointDamagedError(
                f"{'; '.join(problems)}; no whole generation is left: restore one from a copy, "
                "or delete the files to start again from the begin of the log"
            )
        return None

    def names(self) -> list[str]:
        """Names under which something is kept, in order."""
        kept = (".checkpoint", ".previous")
        return sorted({p.stem for p in self._directory.iterdir() if p.suffix in kept})

    def delete(self, name: str) -> None:
        """Forget both generations of `name`."""
        path = self._path(name)
        for generation in (path.with_suffix(".previous"), path):
            generation.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a checkpoint: letters, digits, '.', '_', '-'")
        return self._directory / f"{name}.checkpoint"


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    data = content[_HEADER:]
    length = int.from_bytes(content[4:12], "little")
    if content[:4] != _MAGIC or len(content) < _HEADER:
        raise CheckpointDamagedError(f"{path} is not a checkpoint")
    if len(data) != length:
        raise CheckpointDamagedError(f"{path} holds {len(data)} bytes of {length}")
    if hashlib.sha256(data).digest() != content[12:_HEADER]:
        raise CheckpointDamagedError(f"{path} does not match its checksum")
    return data
