"""Crash worlds: the real stages give the same answer however often they are killed.

`CRASH_WORLDS=10000 python -m pytest tests/stream/test_crash_worlds.py` runs as many worlds.
"""

import os
from datetime import UTC
from typing import Any

import pytest

from records.log import LogRecord, Outgoing, Partition
from records.snapshot import pack, unpack
from records.window import decode_window
from stream.keeper import StageKeeper
from stream.local_clock import LocalClock
from stream.stage import Outcome, Stage
from tests.stream.crash_world import DEAD, WINDOWS, Producer, World, differences, make_stages

CLOCK = LocalClock(UTC)
WORLDS = int(os.environ.get("CRASH_WORLDS", "120"))
SHARDS = 8
CHANCE = 0.02


def told(kind: type[World], seed: int) -> list[str]:
    calm = World(make_stages(CLOCK), seed, 0.0).run()
    assert len(calm.log[Partition(WINDOWS, 0)]) > 6
    return differences(kind(make_stages(CLOCK), seed, CHANCE).run(), calm)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_world_with_crashes_ends_like_the_one_without(shard: int) -> None:
    crashes = 0
    for seed in range(shard, WORLDS, SHARDS):
        calm = World(make_stages(CLOCK), seed, 0.0).run()
        disk = World(make_stages(CLOCK), seed, CHANCE).run()
        assert differences(disk, calm) == [], f"world {seed}"
        crashes += disk.crashes
    assert crashes > 2 * (WORLDS // SHARDS)


class OffsetBeforeState(World):
    """Notes an offset as done before the record was taken in, as acknowledging on receipt does."""

    def offer(self, keeper: StageKeeper[Any], record: LogRecord) -> None:
        for name, data in self.disk.checkpoints.items():
            tree = unpack(data)
            ahead = [
                [topic, number, max(at, record.offset + 1)]
                if (topic, number) == (record.topic, record.partition)
                and name.startswith(keeper.stage.name)
                else [topic, number, at]
                for topic, number, at in tree["offsets"]
            ]
            self.disk.checkpoints[name] = pack({"offsets": ahead, "state": tree["state"]}, {})
        self.disk.effect()
        keeper.offer(record)


class StateApartFromOffset(World):
    """Writes the state as it changes, and its offsets only now and then."""

    def turn(self, keeper: StageKeeper[Any]) -> int:
        taken = super().turn(keeper)
        for unit, held in keeper._held.items():
            name = keeper._name(unit)
            if name in self.disk.checkpoints:
                self.disk.effect()
                offsets = unpack(self.disk.checkpoints[name])["offsets"]
                tree = {"offsets": offsets, "state": keeper.stage.dump(held.state)}
                self.disk.checkpoints[name] = pack(tree)
        return taken


class CommitAheadOfCheckpoint(World):
    """Goes on from what was committed, though the checkpoint is older."""

    def turn(self, keeper: StageKeeper[Any]) -> int:
        taken = super().turn(keeper)
        for partition, offset in keeper.positions.items():
            self.disk.effect()
            self.disk.commits[partition] = offset
        return taken

    def started(self, keeper: StageKeeper[Any]) -> None:
        for partition in keeper.positions:
            ahead = self.disk.commits.get(partition, 0)
            keeper._next[partition] = max(keeper._next[partition], ahead)


class UnflushedCheckpoint(World):
    """Saves a checkpoint while outcomes are still on their way."""

    def keeper(self, stage: Stage[Any], outlet: Producer) -> StageKeeper[Any]:
        return super().keeper(stage, LazyProducer(self.disk))


class LazyProducer(Producer):
    def deliver(self, outcomes: "list[Outcome]") -> None:  # type: ignore[override]
        self._buffer += [outcome for outcome in outcomes if isinstance(outcome, Outgoing)]
        if len(self._buffer) > 20:
            Producer.flush(self)

    def flush(self) -> None:
        if self._disk.rng.random() < 0.2:
            Producer.flush(self)


class LowerRevisions(World):
    """A sink that takes whatever comes."""

    takes_lower_revisions = True


@pytest.mark.parametrize(
    "broken",
    [
        OffsetBeforeState,
        StateApartFromOffset,
        CommitAheadOfCheckpoint,
        UnflushedCheckpoint,
        LowerRevisions,
    ],
)
def test_a_world_that_breaks_a_rule_is_caught(broken: type[World]) -> None:
    assert any(told(broken, seed) for seed in range(12))


def test_the_worlds_have_corrections_and_dead_letters_in_them() -> None:
    revisions, letters = 0, 0
    for seed in range(5):
        calm = World(make_stages(CLOCK), seed, 0.0).run()
        batches = [decode_window(record.value) for record in calm.log[Partition(WINDOWS, 0)]]
        revisions += sum(int(batch.revision.max()) > 1 for batch in batches)
        letters += len(calm.log.get(Partition(DEAD, 0), []))
    assert revisions > 10
    assert letters > 10
