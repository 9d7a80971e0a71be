"""The historian's table of contents: which files count, and up to which offsets they reach.

It is replaced whole by a rename, so files and offsets change together, and a reader sees
either what was before a commit or what is after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from records.log import Partition

__all__ = ["FileEntry", "HistorianDamagedError", "Manifest", "read_manifest", "write_manifest"]

_NAME = "manifest.json"


class HistorianDamagedError(OSError):
    """The historian's files cannot be read; the message names which, and what to do."""


class FileEntry(msgspec.Struct, frozen=True):
    """One file that counts.

    `path` is relative to the historian; `first` and `last` bound its valid times (ns UTC).
    """

    path: str
    kept_as: str
    date: str
    rows: int
    size: int
    first: int
    last: int


class Manifest(msgspec.Struct, frozen=True):
    """Everything that counts.

    `positions` are rows of topic, partition and the next offset to be recorded.
    """

    sequence: int = 0
    files: list[FileEntry] = msgspec.field(default_factory=list)
    positions: list[tuple[str, int, int]] = msgspec.field(default_factory=list)

    def of_class(self, kept_as: str, start: int, end: int) -> list[FileEntry]:
        """Files of a class with valid times in ``[start, end)`` (ns UTC)."""
        return [
            entry
            for entry in self.files
            if entry.kept_as == kept_as and entry.last >= start and entry.first < end
        ]

    def next_offsets(self) -> dict[Partition, int]:
        """Next offset to be recorded, by partition."""
        return {Partition(topic, number): offset for topic, number, offset in self.positions}


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest of a historian; an empty one where nothing was kept yet.

    Raises
    ------
    HistorianDamagedError
        When it cannot be read.
    """
    path = directory / _NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except msgspec.MsgspecError as error:
        raise HistorianDamagedError(
            f"{path} cannot be read ({error}); restore it from a copy, or move the historian "
            "away and record again from the log"
        ) from error


def write_manifest(directory: Path, manifest: Manifest, *, durable: bool) -> None:
    """Replace the manifest: the one step that makes a commit."""
    temporary = directory / f".{_NAME}.tmp"
    try:
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(manifest))
            file.flush()
            if durable:
                os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    temporary.replace(directory / _NAME)
    if durable:
        sync_directories([directory])


def sync_directories(directories: Iterable[Path]) -> None:
    """Wait until renames in these directories are on the disk."""
    for directory in directories:
        fd = os.open(directory, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
