"""Crash worlds: the real stages give the same answer however often they are killed.

A sample of `make crash-worlds`, and the proof that broken rules would be seen.
"""

from collections import Counter
from functools import cache

import pytest

from records.log import Partition
from records.topics import topic_name
from records.window import decode_window
from tests.stream.worlds.broken import BROKEN
from tests.stream.worlds.disk import Disk
from tests.stream.worlds.files import FilesWorld
from tests.stream.worlds.judged import judged
from tests.stream.worlds.plans import plan_of
from tests.stream.worlds.raw_logs import RawLogs
from tests.stream.worlds.verdict import differences
from tests.stream.worlds.world import World

SHARDS = 3
WORLDS = 30
ENOUGH_FOR_BROKEN = 25


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_world_with_crashes_ends_like_the_one_without(shard: int) -> None:
    crashes: Counter[str] = Counter()
    for seed in range(shard, WORLDS, SHARDS):
        found = judged(seed)
        assert found.differences == [], f"world {seed}"
        crashes += found.crashes
    assert {"state", "produce", "commit", "redis", "historian", "sink"} <= crashes.keys()


@pytest.mark.parametrize("seed", range(3))
def test_a_world_in_real_files_ends_like_the_one_without_crashes(seed: int) -> None:
    found = judged(seed, FilesWorld)
    assert found.differences == []
    assert found.crashes["historian"] + found.crashes["state"] > 2


@cache
def undisturbed(seed: int) -> tuple[RawLogs, Disk]:
    raw_logs = plan_of(seed).raw_logs(seed)
    return raw_logs, World(plan_of(seed), raw_logs, None).run()


@pytest.mark.parametrize("broken", BROKEN)
def test_a_world_that_breaks_a_rule_is_caught(broken: type[World]) -> None:
    def caught(seed: int) -> bool:
        raw_logs, calm = undisturbed(seed)
        return bool(differences(broken(plan_of(seed), raw_logs, seed).run(), calm))

    assert any(caught(seed) for seed in range(ENOUGH_FOR_BROKEN))


def test_the_worlds_have_trouble_of_every_kind_in_them() -> None:
    kinds: Counter[str] = Counter()
    revised = moves = torn = 0
    for seed in range(10):
        raw_logs, calm = undisturbed(seed)
        for partition, records in calm.log.items():
            kinds[partition.topic] += len(records)
            if partition.topic == topic_name("test", "window.5min.v1"):
                tops = [int(decode_window(record.value).revision.max()) for record in records]
                revised += sum(top > 1 for top in tops)
        world = World(plan_of(seed), raw_logs, seed)
        tearing = world.disk.tear

        def counted(tearing=tearing, world=world) -> None:
            nonlocal torn
            tearing()
            torn += bool(world.disk.torn)

        world.disk.tear = counted  # type: ignore[method-assign]
        world.run()
        moves += world.moves
    assert revised > 20
    assert moves > 10
    assert torn > 0
    told = ("dead-letter.v1", "finding.v1", "network.alarm.v1", "forecast.v1")
    assert all(kinds[topic_name("test", name)] > 10 for name in told)
    assert Partition(topic_name("test", "window.15min.v1"), 1) in undisturbed(0)[1].log
