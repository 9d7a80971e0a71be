"""A forecast in the terminal, read from a real Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redis import Redis

from records.forecast import ForecastLevel, ForecastRun, SeriesMeta, level_meta, run_id
from records.time import DAY, HOUR
from storage.redis_forecasts import ForecastPublisher
from storage.redis_server import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


def publish(url: str, issue_time: int, reason: str = "") -> None:
    name = run_id(issue_time, "short")
    meta = level_meta(
        run=name,
        issue_time=issue_time,
        start=issue_time,
        step=HOUR,
        n_steps=3,
        quantiles=[0.05, 0.25, 0.95],
        unit="MW",
        hierarchy_version="1",
        series={"total": SeriesMeta(None, {}, "gam_ar", reason, {})},
    )
    values = np.array(
        [[[10.0, 20.0, 30.0], [9.0, 19.0, 29.0], [9.5, 19.5, 29.5], [11.0, 21.0, 31.0]]]
    )
    client = Redis.from_url(url)
    client.flushall()
    level = ForecastLevel("total", meta, ("total",), values)
    ForecastPublisher(client, "demo").publish(ForecastRun(name, issue_time, (level,)))
    client.close()


@pytest.fixture
def show(gridcast: Any, monkeypatch: pytest.MonkeyPatch, server: str) -> Any:
    monkeypatch.setenv("REDIS_URL", server)
    return lambda *arguments: gridcast("forecast", "show", *arguments)


def test_a_fresh_forecast_is_shown_with_its_quantiles(show: Any, server: str) -> None:
    publish(server, time.time_ns() // HOUR * HOUR)
    ended = show("total")
    assert ended.code == 0
    assert "10.00" in ended.out and "29.00" in ended.out and "95 %" in ended.out
    assert "outdated" not in ended.out
    assert "▁" in ended.out and "█" in ended.out


def test_quantiles_between_are_shown_on_demand(show: Any, server: str) -> None:
    publish(server, time.time_ns() // HOUR * HOUR)
    assert "25 %" not in show("total").out
    assert "29.50" in show("total", "--all-quantiles").out


def test_an_old_forecast_says_that_it_is_outdated(show: Any, server: str) -> None:
    publish(server, time.time_ns() // HOUR * HOUR - 3 * DAY)
    assert "outdated: 3 days old" in show("total").out


def test_a_fallback_names_its_reason(show: Any, server: str) -> None:
    publish(server, time.time_ns() // HOUR * HOUR, reason="too short a past")
    assert "because: too short a past" in show("total").out


def test_fewer_rows_are_shown_on_demand(show: Any, server: str) -> None:
    publish(server, time.time_ns() // HOUR * HOUR)
    out = show("total", "--steps", "1").out
    assert "20.00" not in out
    assert "2 more; --steps 3 shows them" in out


def test_an_unknown_series_is_answered_with_those_there_are(show: Any, server: str) -> None:
    publish(server, time.time_ns() // HOUR * HOUR)
    ended = show("totla")
    assert ended.code == 2
    assert "total: total" in ended.err


def test_an_empty_redis_is_told_apart_from_none(show: Any, server: str) -> None:
    Redis.from_url(server).flushall()
    ended = show("total")
    assert ended.code == 1
    assert "no current forecast run" in ended.err


def test_without_redis_the_message_says_how_to_get_one(gridcast: Any, tmp_path: Path) -> None:
    ended = gridcast("forecast", "show", "total")
    assert ended.code == 1
    assert "REDIS_URL" in ended.err
