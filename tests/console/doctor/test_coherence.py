"""Sums of children against parents, from bytes laid out by hand after the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from console.doctor.coherence import (
    Coherence,
    coherence_of_run,
    from_redis,
    from_topic_value,
    worst,
)


def meta(parents: Mapping[str, str | None], n_steps: int = 2) -> dict[str, Any]:
    return {
        "run_id": "R1",
        "issue_time": "2014-11-10T00:00:00Z",
        "start": "2014-11-10T00:00:00Z",
        "step": "PT1H",
        "n_steps": n_steps,
        "quantiles": [0.5],
        "unit": "MW",
        "hierarchy_version": "1",
        "series": {
            name: {"parent": parent, "method": "gam", "reason": "", "quality": {}}
            for name, parent in parents.items()
        },
    }  # fmt: skip


def blob(*means: float) -> bytes:
    """The mean row, then a quantile row that does not add up, as quantiles need not."""
    return np.array([means, [77.0] * len(means)], "<f8").tobytes()


def value(level: str, parents: Mapping[str, str | None], blobs: Mapping[str, bytes]) -> bytes:
    return msgspec.msgpack.encode({"level": level, "meta": meta(parents), "values": blobs})


TOTAL = value("total", {"total": None}, {"total": blob(10.0, 20.0)})


def test_sums_that_hold_are_coherent() -> None:
    buses = value("bus", {"a": "total", "b": "total"}, {"a": blob(4, 5), "b": blob(6, 15)})
    result = coherence_of_run([from_topic_value(TOTAL), from_topic_value(buses)])
    assert result == Coherence(0.0, "", "R1", 1)


def test_the_gap_is_relative_to_the_sum_of_magnitudes() -> None:
    buses = value("bus", {"a": "total", "b": "total"}, {"a": blob(-4, 5), "b": blob(16, 15)})
    result = coherence_of_run([from_topic_value(TOTAL), from_topic_value(buses)])
    assert result.relative == pytest.approx(2.0 / 20.0)
    assert result.parent == "total"


def test_small_numbers_are_compared_with_one_megawatt() -> None:
    total = value("total", {"total": None}, {"total": blob(0.0, 0.0)})
    buses = value("bus", {"a": "total"}, {"a": blob(0.001, 0.0)})
    result = coherence_of_run([from_topic_value(total), from_topic_value(buses)])
    assert result.relative == pytest.approx(0.001)


def test_a_parent_that_was_not_published_is_not_coherent() -> None:
    buses = value("bus", {"a": "total"}, {"a": blob(1, 1)})
    assert coherence_of_run([from_topic_value(buses)]).relative == np.inf


def test_a_missing_number_is_not_coherent() -> None:
    buses = value("bus", {"a": "total"}, {"a": blob(np.nan, 20)})
    result = coherence_of_run([from_topic_value(TOTAL), from_topic_value(buses)])
    assert result.relative == np.inf


def test_hours_and_days_of_a_run_are_compared_each_on_their_own() -> None:
    days = meta({"total": None}, n_steps=1) | {"step": "P1D"}
    daily = {"level": "total@P1D", "meta": days, "values": {"total": blob(720.0)}}
    buses = value("bus", {"a": "total"}, {"a": blob(10, 20)})
    levels = [from_topic_value(v) for v in (TOTAL, msgspec.msgpack.encode(daily), buses)]
    assert coherence_of_run(levels) == Coherence(0.0, "", "R1", 1)


def test_the_worst_run_is_named_and_no_run_is_not_coherent() -> None:
    assert worst([Coherence(1e-9, "x", "R1", 2), Coherence(1e-7, "y", "R2", 3)]) == Coherence(
        1e-7, "y", "R2", 5
    )
    assert worst([]).relative == np.inf


class Keys:
    """The few commands of a Redis client that reading needs, over a dictionary."""

    def __init__(self, strings: dict[str, bytes], hashes: dict[str, dict[bytes, bytes]]) -> None:
        self.strings, self.hashes = strings, hashes

    def get(self, key: str) -> bytes | None:
        return self.strings.get(key)

    def scan_iter(self, match: str, count: int) -> list[bytes]:
        assert match.endswith("*") and count > 0
        return [key.encode() for key in self.hashes if key.startswith(match[:-1])]

    def hgetall(self, key: bytes) -> dict[bytes, bytes]:
        return dict(self.hashes[key.decode()])


def test_the_current_run_is_read_from_redis_by_the_keys_of_the_contract() -> None:
    hashes = {
        "gc:{t}:forecast:run:R1:total": {
            b"_meta": json.dumps(meta({"total": None})).encode(), b"total": blob(3, 3),
        },
        "gc:{t}:forecast:run:R1:bus": {
            b"_meta": json.dumps(meta({"a": "total"})).encode(), b"a": blob(3, 3),
        },
        "gc:{t}:forecast:run:R0:bus": {},
    }  # fmt: skip
    client: Any = Keys({"gc:{t}:forecast:current": b"R1"}, hashes)
    levels = from_redis(client, "t")
    assert [level.level for level in levels] == ["bus", "total"]
    assert coherence_of_run(levels) == Coherence(0.0, "", "R1", 1)


def test_an_empty_redis_has_no_levels() -> None:
    client: Any = Keys({}, {})
    assert from_redis(client, "t") == []
