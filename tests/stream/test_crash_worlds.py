"""Crash worlds: the real stages give the same answer however often they are killed.

A sample of `make crash-worlds`, and the proof that broken rules would be seen.
"""

from collections import Counter

import pytest

from tests.stream.worlds.broken import BROKEN
from tests.stream.worlds.files import FilesWorld
from tests.stream.worlds.judged import SHARING, judged, undisturbed
from tests.stream.worlds.world import World

SHARDS = 3
WORLDS = 21
ENOUGH_FOR_BROKEN = 25


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_world_with_crashes_ends_like_the_one_without(shard: int) -> None:
    crashes: Counter[str] = Counter()
    moves = 0
    for world in range(shard, WORLDS, SHARDS):
        found = judged(world * SHARING + world % SHARING)
        assert found.differences == [], f"world {found.seed}"
        crashes += found.crashes
        moves += found.moves
    effects = {"state", "part", "produce", "commit", "redis", "historian", "sink"}
    assert effects <= crashes.keys()
    assert moves > 10


def test_a_world_in_real_files_ends_like_the_one_without_crashes() -> None:
    crashes: Counter[str] = Counter()
    torn = 0
    for logs in range(4):
        found = judged(logs * SHARING, FilesWorld)
        assert found.differences == []
        crashes += found.crashes
        torn += found.torn
    assert crashes["historian"] > 5
    assert crashes["state"] > 5
    assert torn > 0


@pytest.mark.parametrize("broken", BROKEN)
def test_a_world_that_breaks_a_rule_is_caught(broken: type[World]) -> None:
    assert any(judged(seed, broken).differences for seed in range(ENOUGH_FOR_BROKEN))


def test_the_worlds_have_trouble_of_every_kind_in_them() -> None:
    told: Counter[str] = Counter()
    revised = 0
    for logs in range(5):
        _, _, calm = undisturbed(logs)
        told.update(name for name, *_ in calm.records)
        revised += sum(len(seen) > 1 for seen in calm.history.values())
    assert revised > 100
    for name in ("dead-letter.v1", "finding.v1", "network.alarm.v1", "window.15min.v1"):
        assert told[name] > 10, name
    assert told["forecast.v1"] > 10
