"""The doctor: what is looked at, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from console.doctor.check import Verdict
from console.doctor.check_host import clock, disk
from storage.redis_server import RedisServer
from storage.redis_state import Heartbeat, LiveState


def test_on_a_fresh_machine_it_only_says_how_to_begin(gridcast: Any) -> None:
    ended = gridcast("doctor")
    assert ended.code == 0
    assert "gridcast demo" in ended.out
    assert "problem" not in ended.out


def test_a_redis_that_does_not_answer_is_a_problem(
    gridcast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    ended = gridcast("doctor")
    assert ended.code == 1
    assert "correct REDIS_URL" in ended.out


def test_a_service_without_a_sign_of_life_is_named(
    gridcast: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with RedisServer(tmp_path / "redis") as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        client = Redis.from_url(server.url)
        LiveState(client, "demo").beat(Heartbeat("forecaster", 0, None))
        client.close()
        out = gridcast("doctor").out
    assert "redis: answers" in out
    assert "service forecaster" in out
    assert "forecaster.log" in out


def test_the_disk_is_judged_even_before_the_directory_exists(tmp_path: Path) -> None:
    assert "GiB free" in disk(tmp_path / "not" / "yet").seen


def test_the_clock_check_changes_nothing_and_answers() -> None:
    assert clock().verdict in (Verdict.GOOD, Verdict.WARNING)
