"""What survives a crash, and the chance of one before every effect on it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from records.log import LogRecord, Outgoing, Partition
from storage.checkpoint_record import Checkpoint
from storage.historian_classes import HistoryClass
from tests.storage.redis_twin import RedisTwin
from tests.stream.worlds.raw_logs import RawLogs
from tests.stream.worlds.window_book import WindowBook

__all__ = ["Crash", "Disk", "Generation", "MemoryHistorian", "Producer", "Store"]

MOST_CRASHES = 40
RARE = {"state": 6.0, "part": 0.5, "historian": 8.0, "redis": 2.0, "sink": 0.5}
"""How much likelier a crash is before effects that are rare, and so matter as much as others."""


class Crash(Exception):
    """The process is gone."""


@dataclass(frozen=True)
class Generation:
    """A checkpoint and the names of its parts."""

    data: bytes
    parts: frozenset[str]


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
    generations: dict[str, list[Generation]] = field(default_factory=dict)
    parts: dict[tuple[str, str], bytes] = field(default_factory=dict)
    torn: set[str] = field(default_factory=set)
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

    def tear(self) -> None:
        """The power was cut: a checkpoint that was just written may be half there."""
        whole = [name for name, kept in self.generations.items() if len(kept) > 1]
        if whole and self.rng.random() < 0.5:
            self.torn.add(self.rng.choice(sorted(whole)))
            self.n_torn += 1

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
    """Checkpoints written whole, at once, with the generation before kept.

    Their parts are written before them, each an effect of its own, and go when neither
    generation names them.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        """Keep `data`."""
        disk = self.disk
        for part, body in new.items():
            disk.effect("part")
            disk.parts[name, part] = body
        disk.effect("state")
        kept = disk.generations.get(name, [])
        before = kept[-2:-1] if name in disk.torn else kept[-1:]
        disk.torn.discard(name)
        disk.generations[name] = [*before, Generation(data, frozenset(parts))]
        needed = {part for kept in disk.generations[name] for part in kept.parts}
        for place in [p for p in disk.parts if p[0] == name and p[1] not in needed]:
            disk.effect("part")
            del disk.parts[place]

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        """Return the last whole generation under each of these names."""
        found = {name: self.load(name) for name in names}
        return {name: kept for name, kept in found.items() if kept is not None}

    def load(self, name: str) -> Checkpoint | None:
        """Return the last whole generation."""
        kept = self.disk.generations.get(name)
        if not kept:
            return None
        torn = name in self.disk.torn
        found = kept[-2] if torn else kept[-1]
        parts = {part: self.disk.parts[name, part] for part in found.parts}
        return Checkpoint(found.data, parts, torn, f"{name} was torn" if torn else "")


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
