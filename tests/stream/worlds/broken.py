"""Worlds that break one rule each: the proof that the verdict would see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pyarrow as pa

from records.log import LogRecord, Partition
from records.snapshot import pack, unpack
from storage.checkpoint_record import Checkpoint
from storage.historian_classes import HistoryClass
from stream.keeper import StageKeeper
from tests.stream.worlds.disk import MemoryHistorian, Producer, Store
from tests.stream.worlds.processes import Follower, Process, RecorderProcess, Worker
from tests.stream.worlds.world import World

__all__ = ["BROKEN"]


class OffsetFirstStore(Store):
    """Writes the offsets of a checkpoint, and then its state."""

    order = ("offsets", "state")

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        apart = self.disk.apart
        apart |= {f"{name}/{part}": body for part, body in new.items()}
        whole = unpack(data, {part: apart[f"{name}/{part}"] for part in parts})
        for piece in self.order:
            self.disk.effect("halfway")
            # Without a place for its parts a tree is packed whole.
            apart[f"{name} {piece}"] = pack(whole[piece])

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        found = {name: self._load(name) for name in names}
        return {name: kept for name, kept in found.items() if kept is not None}

    def _load(self, name: str) -> Checkpoint | None:
        found = [self.disk.apart.get(f"{name} {piece}") for piece in self.order]
        kept = {piece: unpack(one) for piece, one in zip(self.order, found, strict=True) if one}
        if len(kept) < len(self.order):
            return None
        parts: dict[str, bytes] = {}
        return Checkpoint(pack(kept, parts), parts)


class StateFirstStore(OffsetFirstStore):
    """Writes the state of a checkpoint, and then its offsets."""

    order = ("state", "offsets")


class OffsetFirstWorker(Worker):
    store_type = OffsetFirstStore


class OffsetBeforeState(World):
    """An offset is saved before the state that belongs to it."""

    worker_type = OffsetFirstWorker


class StateFirstWorker(Worker):
    store_type = StateFirstStore


class StateApartFromOffset(World):
    """A state is saved apart from its offset."""

    worker_type = StateFirstWorker


class HastyWorker(Worker):
    """Commits what it took in, and goes on from what was committed."""

    def offer(self, keeper: StageKeeper[Any], record: LogRecord) -> None:
        super().offer(keeper, record)
        self.disk.commits[Partition(record.topic, record.partition)] = record.offset + 1

    def take_over(self, keeper: StageKeeper[Any], units: set[int]) -> None:
        super().take_over(keeper, units)
        for partition in keeper.positions:
            ahead = self.disk.commits.get(partition, 0)
            keeper._next[partition] = max(keeper._next[partition], ahead)


class CommitAheadOfCheckpoint(World):
    """The committed offset is ahead of the checkpoint, and believed."""

    worker_type = HastyWorker


class LazyProducer(Producer):
    """Says that it flushed what is still on its way."""

    def flush(self) -> None:
        if self._disk.rng.random() < 0.2:
            super().flush()


class LazyWorker(Worker):
    producer_type = LazyProducer


class UnflushedCheckpoint(World):
    """A checkpoint is saved while outcomes are still on their way."""

    worker_type = LazyWorker


class CredulousFollower(Follower):
    lower_too = True


class LowerRevisions(World):
    """A sink takes whatever comes."""

    follower_type = CredulousFollower


class StubbornKeeper(StageKeeper[Any]):
    """Lets nothing go: where a unit comes back it goes on from the state it had."""

    def let_go(self) -> None:
        pass

    def take_over(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        mine = dict(self._held)
        positions = super().take_over(partitions)
        self._mine = getattr(self, "_mine", {}) | mine
        self._held.update({unit: kept for unit, kept in self._mine.items() if unit in self._held})
        return positions


class StubbornWorker(Worker):
    keeper_type = StubbornKeeper


class GoesOnAfterLettingGo(World):
    """A keeper goes on with the states that it was told to let go."""

    worker_type = StubbornWorker


class HalvedHistorian(MemoryHistorian):
    """Commits rows and positions apart."""

    def commit(
        self,
        tables: Mapping[tuple[HistoryClass, str], pa.Table],
        positions: Mapping[Partition, int],
    ) -> None:
        self.disk.effect("historian")
        self.first(tables, positions)
        self.disk.effect("halfway")
        self.second(tables, positions)

    def first(self, tables: Any, positions: Any) -> None:
        self.add(tables)

    def second(self, tables: Any, positions: Any) -> None:
        self.move(positions)


class PositionsFirstHistorian(HalvedHistorian):
    """Moves the positions, and then adds the rows."""

    def first(self, tables: Any, positions: Any) -> None:
        self.move(positions)

    def second(self, tables: Any, positions: Any) -> None:
        self.add(tables)


class RowsBeforePositions(World):
    """The historian commits its rows, and then the positions."""

    def recorder(self) -> Process:
        return self._recorder_of(HalvedHistorian)

    def _recorder_of(self, kind: type[HalvedHistorian]) -> Process:
        if not isinstance(self.disk.historian, kind):
            self.disk.historian = kind(self.disk)
        return RecorderProcess(self.disk, self.disk.historian)


class PositionsBeforeRows(RowsBeforePositions):
    """The historian commits its positions, and then the rows."""

    def recorder(self) -> Process:
        return self._recorder_of(PositionsFirstHistorian)


class ForgetfulRedis(World):
    """The read model takes what is older than what it has."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.disk.redis.keeps_younger = False


BROKEN: tuple[type[World], ...] = (
    OffsetBeforeState,
    StateApartFromOffset,
    CommitAheadOfCheckpoint,
    LowerRevisions,
    UnflushedCheckpoint,
    RowsBeforePositions,
    PositionsBeforeRows,
    ForgetfulRedis,
    GoesOnAfterLettingGo,
)
