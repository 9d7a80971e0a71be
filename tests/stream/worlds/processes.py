"""The processes of a world: workers that run stages, the recorder, and a sink of windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from console.services.service_outlet import ServiceOutlet
from records.log import LogRecord, Partition
from records.window import WINDOW_TYPE
from storage.filing import RECORDED_TOPICS
from storage.recorder import HistoryWriter, Recorder
from stream.keeper import Outlet, StageKeeper, unit_of
from stream.stage import Stage
from tests.stream.worlds.disk import Disk, Producer, Store

__all__ = ["Follower", "Process", "RecorderProcess", "Worker", "partitions_of"]


class Process(Protocol):
    """What a crash ends and a start begins anew."""

    def turn(self) -> int:
        """Do some work, and return how many records were taken in."""
        ...

    def settle(self) -> None:
        """Bring everything done to where it survives."""
        ...


class Worker:
    """Runs stages over the partitions that are assigned to it, as shells do.

    Parameters
    ----------
    disk
        What survives.
    stages
        Made afresh for this process.
    units
        Assigned units by stage name.
    """

    keeper_type: type[StageKeeper[Any]] = StageKeeper
    producer_type = Producer
    store_type = Store

    def __init__(
        self, disk: Disk, stages: Sequence[Stage[Any]], units: Mapping[str, set[int]], n_areas: int
    ) -> None:
        self.disk = disk
        self._n_areas = n_areas
        self.outlet: Outlet = ServiceOutlet(
            self.producer_type(disk),
            disk.redis,
            "test",
            "worker",  # type: ignore[arg-type]
        )
        self.keepers = {stage.name: self._keeper(stage) for stage in stages}
        self.zombies: list[tuple[StageKeeper[Any], int]] = []
        for name, keeper in self.keepers.items():
            self.take_over(keeper, units[name])

    def take_over(self, keeper: StageKeeper[Any], units: set[int]) -> None:
        """Take the states of these units over."""
        stage = keeper.stage
        everything = partitions_of(stage, self._n_areas)
        keeper.take_over(p for p in everything if unit_of(stage.scope, p) in units)

    def turn(self) -> int:
        """Let every stage take some records in, and keep a checkpoint now and then."""
        rng, taken = self.disk.rng, 0
        for keeper in self.keepers.values():
            taken += self.offer_some(keeper)
            if self.disk.chance and rng.random() < 0.3:
                self.checkpoint(keeper)
        return taken + self._haunt()

    def offer_some(self, keeper: StageKeeper[Any]) -> int:
        """Offer a burst of each partition."""
        taken = 0
        for partition, offset in keeper.positions.items():
            burst = self.disk.rng.randrange(1, 16) if self.disk.chance else 10_000
            for record in self.disk.log.get(partition, [])[offset : offset + burst]:
                self.offer(keeper, record)
                taken += 1
        return taken

    def offer(self, keeper: StageKeeper[Any], record: LogRecord) -> None:
        """Offer one record."""
        keeper.offer(record)

    def checkpoint(self, keeper: StageKeeper[Any]) -> None:
        """Keep a checkpoint, sometimes while the states go on; the commit trails it."""
        if self.disk.rng.random() < 0.5:
            positions = keeper.checkpoint()
        else:
            drafts = [keeper.draft(unit) for unit in keeper.changed]
            self.offer_some(keeper)
            positions = keeper.save(drafts)
        for partition, offset in positions.items():
            self.commit(partition, offset)

    def settle(self) -> None:
        """Keep checkpoints of everything."""
        for keeper in self.keepers.values():
            for partition, offset in keeper.checkpoint().items():
                self.commit(partition, offset)

    def commit(self, partition: Partition, offset: int) -> None:
        """Acknowledge what a checkpoint covers."""
        self.disk.effect("commit")
        self.disk.commits[partition] = offset

    def reassign(self, name: str, units: set[int], *, zombies: bool) -> None:
        """Rebalance a stage: hand its state on and take over what is given now.

        Sometimes the checkpoint is not made in time; sometimes the worker was taken for dead
        and does not know yet that its partitions are another's: it goes on with them as a
        zombie, producing and keeping checkpoints. Nobody stops it; only commits are refused.
        """
        rng, keeper = self.disk.rng, self.keepers[name]
        fate = rng.random()
        if fate < 0.3 and zombies:
            self.zombies.append((keeper, rng.randrange(1, 5)))
            keeper = self.keepers[name] = self._keeper(keeper.stage)
        elif fate < 0.7:
            self.checkpoint(keeper)
        keeper.let_go()
        self.take_over(keeper, units)

    def _haunt(self) -> int:
        """Let the zombies have their turn: whatever they do must be harmless."""
        zombies = self.zombies
        self.zombies = [(keeper, turns - 1) for keeper, turns in zombies if turns > 1]
        for keeper, _ in zombies:
            self.offer_some(keeper)
            keeper.checkpoint()
        return len(zombies)

    def _keeper(self, stage: Stage[Any]) -> StageKeeper[Any]:
        return self.keeper_type(stage, self.outlet, self.store_type(self.disk), lambda _: 0)


class RecorderProcess:
    """The real recorder, following every topic that is kept."""

    def __init__(self, disk: Disk, writer: HistoryWriter) -> None:
        self._disk, self._recorder = disk, Recorder(writer)

    def turn(self) -> int:
        """Take some records in, and commit them now and then."""
        rng, taken = self._disk.rng, 0
        positions = self._recorder.positions
        for partition, records in list(self._disk.log.items()):
            if partition.topic.split(".", 2)[2] in RECORDED_TOPICS:
                first = positions.get(partition, 0)
                burst = rng.randrange(1, 40) if self._disk.chance else 10_000
                taken += self._recorder.take(records[first : first + burst])
        if self._disk.chance and rng.random() < 0.25:
            self._recorder.flush()
        return taken

    def settle(self) -> None:
        """Commit everything."""
        self._recorder.flush()


class Follower:
    """Brings windows to the book, and notes how far it came only now and then."""

    lower_too = False

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._positions = dict(disk.book.positions)

    def turn(self) -> int:
        """Take in what is new."""
        taken = 0
        for partition, records in list(self._disk.log.items()):
            first = self._positions.get(partition, 0)
            new = records[first:]
            windows = [r for r in new if r.headers.get("ce_type") == WINDOW_TYPE]
            self._disk.book.take(windows, lower_too=self.lower_too)
            self._positions[partition] = first + len(new)
            taken += len(new)
        if self._disk.rng.random() < 0.5:
            self.settle()
        return taken

    def settle(self) -> None:
        """Note how far it came."""
        self._disk.effect("sink")
        self._disk.book.positions |= self._positions


def partitions_of(stage: Stage[Any], n_areas: int) -> list[Partition]:
    """All input partitions of a stage in these worlds."""
    single = ("operator.act.v1", "network.state.v1", "weather.v1")
    return [
        Partition(topic, number)
        for topic in stage.inputs
        for number in range(1 if topic.endswith(single) else n_areas)
    ]
