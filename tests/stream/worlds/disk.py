"""What survives a crash, and the chance of one before every effect on it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from records.log import LogRecord, Outgoing, Partition
from storage.checkpoint_ledger import CheckpointLedger
from storage.checkpoint_record import Checkpoint
from storage.historian_classes import HistoryClass
from tests.storage.redis_twin import RedisTwin
from tests.stream.worlds.raw_logs import RawLogs
from tests.stream.worlds.window_book import WindowBook

__all__ = ["Crash", "Disk", "MemoryHistorian", "Producer", "Store"]

MOST_CRASHES = 40
RARE = {
    "state": 6.0,
    "part": 0.5,
    "historian": 8.0,
    "redis": 6.0,
    "commit": 3.0,
    "sink": 0.5,
    "halfway": 20.0,
}
"""How much likelier a crash is before effects that are rare, and so matter as much as others."""


class Crash(Exception):
    """The process is gone."""


@dataclass
class Disk:
    """Everything outside the processes.

    Parameters
    ----------
    log
        All partitions, the raw ones filled.
    rng
        Decides what happens.
    chance
        Of a crash before an effect.
    """

    log: RawLogs
    rng: random.Random
    chance: float
    commits: dict[Partition, int] = field(default_factory=dict)
    apart: dict[str, bytes] = field(default_factory=dict)
    checkpoints: list[tuple[str, bytes]] = field(default_factory=list)
    n_writers: int = 0
    crashed: Counter[str] = field(default_factory=Counter)
    n_torn: int = 0

    def __post_init__(self) -> None:
        self.redis = RedisTwin(before_write=lambda: self.effect("redis"))
        self.historian = MemoryHistorian(self)
        self.book = WindowBook(lambda: self.effect("sink"))

    @property
    def crashes(self) -> int:
        """How often a process was lost."""
        return self.crashed.total()

    def effect(self, kind: str) -> None:
        """Something is about to be written: it may never come to that."""
        if self.rng.random() < self.chance * RARE.get(kind, 1.0) and self.crashes < MOST_CRASHES:
            self.crashed[kind] += 1
            raise Crash(kind)

    def cut_power(self) -> None:
        """The whole machine was lost. What survives here is a broker's, elsewhere."""

    def compact(self) -> None:
        """Forget all but the last record of each key, as a broker may at any time."""
        last = {key: at for at, (key, _) in enumerate(self.checkpoints)}
        kept = [self.checkpoints[at] for at in sorted(last.values())]
        self.checkpoints = [(key, body) for key, body in kept if body]

    def records(self) -> int:
        """How many records the log holds."""
        return sum(len(records) for records in self.log.values())


class Producer:
    """A writer of the log that buffers, as producers do, and may send some early."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._waiting: list[Outgoing] = []

    def append(self, records: Iterable[Outgoing]) -> None:
        """Hand records over."""
        self._waiting += records
        if self._disk.chance and self._disk.rng.random() < 0.3:
            self.flush()

    def flush(self) -> None:
        """Send what waits, one by one."""
        waiting, self._waiting = self._waiting, []
        for out in waiting:
            self._disk.effect("produce")
            kept = self._disk.log.setdefault(Partition(out.topic, out.partition), [])
            headers = dict(out.headers)
            kept.append(
                LogRecord(out.topic, out.partition, len(kept), 0, out.value, out.key, headers)
            )

    def close(self) -> None:
        """Flush."""
        self.flush()


class Store:
    """Checkpoints in a compacted topic: what `storage.kafka_checkpoints` does, without a broker.

    A part is a record of its own, and so is its end; each is an effect. What is written, and what
    counts of all that is there, is told by the very class that tells it of Kafka's topic.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self._ledger = CheckpointLedger(self._new_writer)

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        """Keep `data`."""
        for key, body in self._ledger.records(name, data, parts, new):
            self._append("part" if "/" in key else "state", key, body)
        for key in self._ledger.saved(name, parts):
            self._append("part", key, b"")
        if self.disk.chance and self.disk.rng.random() < 0.05:
            self.disk.compact()

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        """Return what was kept last under each of these names."""
        return self._ledger.loaded(self.disk.checkpoints, names, "the worlds' topic")

    def _append(self, effect: str, key: str, body: bytes) -> None:
        self.disk.effect(effect)
        self.disk.checkpoints.append((key, body))

    def _new_writer(self) -> str:
        self.disk.n_writers += 1
        return str(self.disk.n_writers)


class MemoryHistorian:
    """Keeps rows and positions, both or neither, as the contract of history writers says."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.kept: list[tuple[HistoryClass, pa.Table]] = []
        self._positions: dict[Partition, int] = {}

    def positions(self) -> dict[Partition, int]:
        """Next offset to be recorded."""
        return dict(self._positions)

    def commit(
        self,
        tables: Mapping[tuple[HistoryClass, str], pa.Table],
        positions: Mapping[Partition, int],
    ) -> None:
        """Add rows and move the positions."""
        self.disk.effect("historian")
        self.add(tables)
        self.move(positions)
        # The process may be lost before it learns that it was done.
        self.disk.effect("historian")

    def add(self, tables: Mapping[tuple[HistoryClass, str], pa.Table]) -> None:
        """Keep rows."""
        self.kept += [(kept_as, table) for (kept_as, _), table in tables.items()]

    def move(self, positions: Mapping[Partition, int]) -> None:
        """Keep positions."""
        self._positions |= positions
