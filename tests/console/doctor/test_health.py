"""Health by signs of life: a process that hangs is not healthy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from storage.redis_server import RedisServer
from storage.redis_state import Heartbeat, LiveState


@pytest.fixture
def live(gridcast: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveState]:
    with RedisServer(tmp_path / "redis") as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        client = Redis.from_url(server.url)
        yield LiveState(client, "demo")
        client.close()


def test_a_service_that_beats_is_healthy(gridcast: Any, live: LiveState) -> None:
    live.beat(Heartbeat("forecast", time.time_ns(), None, detail="3 runs"))
    ended = gridcast("health", "forecast")
    assert ended.code == 0
    assert "forecast: ok" in ended.out


def test_a_service_that_fell_silent_is_not(gridcast: Any, live: LiveState) -> None:
    live.beat(Heartbeat("forecast", time.time_ns() - 90 * 10**9, None))
    assert gridcast("health", "forecast", "--within", "3600").code == 0
    ended = gridcast("health", "forecast")
    assert ended.code == 1
    assert "s old, more than 60 s" in ended.err


def test_a_service_that_never_beat_is_named_beside_those_that_did(
    gridcast: Any, live: LiveState
) -> None:
    live.beat(Heartbeat("area", time.time_ns(), None))
    ended = gridcast("health", "forecast")
    assert ended.code == 1
    assert "services that have: area" in ended.err
