"""The watcher over a log in memory, with a wall clock set by hand."""

from __future__ import annotations

import numpy as np
import pytest

from console.services.deadline_watch import DeadlineWatch
from records.deadline import Severity
from records.forecast import ForecastLevel, forecast_record, level_meta, run_id
from records.log import Outgoing
from records.tick import tick_record
from records.time import HOUR, MINUTE, SECOND
from records.topics import topic_name
from storage.memory_log import MemoryLog
from stream.deadline import DeadlinePolicy

T0 = 400_000 * HOUR
POLICY = DeadlinePolicy(
    "short", HOUR, warning=10 * SECOND, alarm=20 * SECOND, silence=HOUR, clear_after=1
)
FRAMES, FORECASTS = topic_name("t", "scada.frame.v1"), topic_name("t", "forecast.v1")


class World:
    """A log whose clock is set by hand, and the watcher that follows it."""

    def __init__(self) -> None:
        self.now = 1_000 * SECOND
        self.log = MemoryLog(clock=lambda: self.now)
        self.watch = DeadlineWatch(self.log, "t", POLICY)

    def write(self, *records: Outgoing) -> None:
        self.log.append(records)
        self.log.flush()

    def tick(self, event_time: int, area: int = 0) -> None:
        self.write(tick_record(FRAMES, area, event_time, "gw"))

    def issue(self, issue_time: int, product: str = "short") -> None:
        meta = level_meta(
            run=run_id(issue_time, product),
            issue_time=issue_time,
            start=issue_time,
            step=HOUR,
            n_steps=1,
            quantiles=[],
            unit="MW",
            hierarchy_version="1",
            series={},
        )
        level = ForecastLevel("total", meta, (), np.empty((0, 1, 1)))
        self.write(forecast_record(FORECASTS, level, issue_time))

    def poll(self, seconds: int = 0) -> list[tuple[Severity, int | None]]:
        self.now += seconds * SECOND
        return [(event.severity, event.issue_time) for event in self.watch.poll(self.now)]


@pytest.fixture
def world() -> World:
    world = World()
    world.tick(T0 - MINUTE)
    assert world.poll() == []
    return world


def test_a_forecast_that_comes_in_time_raises_nothing(world: World) -> None:
    world.tick(T0)
    assert world.poll(5) == []
    world.issue(T0)
    assert world.poll(100) == []


def test_a_forecast_that_does_not_come_is_first_a_warning_then_an_alarm(world: World) -> None:
    world.tick(T0)
    assert world.poll(11) == [(Severity.WARNING, T0)]
    assert world.poll(10) == [(Severity.ALARM, T0)]
    assert world.poll(10) == []


def test_the_alarm_is_cleared_when_forecasts_come_in_time_again(world: World) -> None:
    world.tick(T0)
    world.poll(30)
    world.issue(T0)
    assert world.poll() == []
    world.tick(T0 + HOUR)
    world.issue(T0 + HOUR)
    assert world.poll() == [(Severity.CLEARANCE, T0 + HOUR)]


def test_a_forecast_of_another_product_does_not_count(world: World) -> None:
    world.tick(T0)
    world.issue(T0, product="week")
    assert world.poll(30) == [(Severity.ALARM, T0)]


def test_one_area_is_enough_to_make_a_forecast_due(world: World) -> None:
    world.tick(T0 - MINUTE, area=1)
    world.poll()
    world.tick(T0, area=1)
    assert world.poll(30) == [(Severity.ALARM, T0)]


def test_a_record_that_cannot_be_read_is_passed_over(world: World) -> None:
    world.write(Outgoing(FRAMES, 0, b"\x00", b"", {"ce_type": "gridcast.scada.frame.v1"}))
    assert world.poll() == []
    assert world.watch.event_time == T0 - MINUTE


def test_a_watcher_that_starts_late_looks_from_the_present_on(world: World) -> None:
    world.issue(T0 - HOUR)
    for minute in range(10):
        world.tick(T0 + minute * MINUTE)
    late = DeadlineWatch(world.log, "t", POLICY)
    assert late.poll(world.now + 100 * SECOND) == []
    assert late.state.last_issue == T0 - HOUR
