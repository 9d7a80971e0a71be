"""Worlds whose checkpoints and historian are the real ones, in files.

A crash may come before any file is opened for writing, renamed or removed: Python tells its audit
hooks of each. A power cut may leave a checkpoint cut short.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.checkpoint_record import Checkpoint
from storage.checkpoint_store import CheckpointStore
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_manifest import read_manifest
from storage.historian_writer import HistorianWriter
from tests.stream.worlds.disk import Disk, Store
from tests.stream.worlds.processes import Process, RecorderProcess, Worker
from tests.stream.worlds.raw_logs import RawLogs
from tests.stream.worlds.world import World

__all__ = ["FilesWorld"]


@dataclass
class FilesDisk(Disk):
    """Checkpoints and historian in a directory of their own.

    Parameters
    ----------
    directory
        Watched: what is done to files in it are effects.
    """

    directory: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="world-")
    )
    locks: list[int] = field(default_factory=list)
    whole: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.path = Path(self.directory.name)
        self.historian = WrittenHistorian(self.path / "historian")  # type: ignore[assignment]

    def cut_power(self) -> None:
        """Cut a checkpoint short that was written just now, and has a whole one before it."""
        if self.rng.random() < 0.5:
            return
        for name, whole in sorted(self.whole.items()):
            path = self.path / "checkpoints" / f"{name}.checkpoint"
            if whole > 1 and path.exists() and path.with_suffix(".previous").exists():
                os.truncate(path, path.stat().st_size // 2)
                self.whole[name] = 1
                self.n_torn += 1
                return


class FileStore(Store):
    """The real store; notes how many whole generations of each name there are."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        assert isinstance(disk, FilesDisk)
        self._files = CheckpointStore(disk.path / "checkpoints")
        self._whole = disk.whole

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        before = self._whole.pop(name, 0)
        self._files.save(name, data, parts, new)
        self._whole[name] = min(before + 1, 2)

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        return self._files.load_all(names)


class FileWorker(Worker):
    store_type = FileStore


class WrittenHistorian:
    """What the files of the manifest hold."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def kept(self) -> Sequence[tuple[HistoryClass, pa.Table]]:
        """Tables by class, one a file."""
        return [
            (kept_as, pq.read_table(self.path / entry.path, schema=CLASSES[kept_as].schema))
            for entry in read_manifest(self.path).files
            for kept_as in [HistoryClass(entry.kept_as)]
        ]


class FilesWorld(World):
    """A world over real files."""

    worker_type = FileWorker
    zombies = False
    disk: FilesDisk

    def new_disk(self, log: RawLogs, rng: random.Random, chance: float) -> Disk:
        return FilesDisk(log, rng, chance)

    def recorder(self) -> Process:
        """Start the recorder; what its lost forerunner locked went with it."""
        locks, self.disk.locks = self.disk.locks, []
        for lock in locks:
            os.close(lock)
        return RecorderProcess(self.disk, HistorianWriter(self.disk.historian.path))  # type: ignore[attr-defined]

    def run(self) -> Disk:
        """Run with every write to a file an effect."""
        _watch(self.disk)
        try:
            return super().run()
        finally:
            _watch(None)
            for lock in self.disk.locks:
                os.close(lock)


_WRITES = os.O_WRONLY | os.O_RDWR
_watched: FilesDisk | None = None
_hooked = False


def _watch(disk: FilesDisk | None) -> None:
    global _watched, _hooked
    _watched = disk
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True


def _audit(event: str, given: tuple[Any, ...]) -> None:
    disk = _watched
    if disk is None:
        return
    if event == "fcntl.flock":
        disk.locks.append(given[0])
    elif event in ("os.rename", "os.remove") or (event == "open" and given[2] & _WRITES):
        path = str(given[0])
        if path.startswith(disk.directory.name):
            disk.effect("historian" if "/historian/" in path else "state")
