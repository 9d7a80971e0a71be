"""How far the gateway may go, and where one that is started again goes on."""

from __future__ import annotations

import pytest

from console.services.gateway import ForecastBound, last_tick
from records.log import Outgoing
from records.tick import tick_record
from records.time import HOUR, MINUTE
from storage.memory_log import MemoryLog

FORECASTS = "gridcast.t.forecast.v1"
FRAMES = "gridcast.t.scada.frame.v1"
START = 1_000 * HOUR


def log_with(*records: Outgoing) -> MemoryLog:
    log = MemoryLog()
    log.claim(FORECASTS, [0])
    log.claim(FRAMES, [0])
    log.append(records)
    log.flush()
    return log


def published(issue_time: int) -> Outgoing:
    return Outgoing(FORECASTS, 0, b"", headers={"gc_watermark": str(issue_time)})


def test_the_input_may_be_some_hours_ahead_of_the_first_forecast() -> None:
    assert ForecastBound(log_with(), "t", START, lead=2 * HOUR)() == START + 2 * HOUR


def test_each_forecast_lets_the_input_go_on() -> None:
    log = log_with(published(START + HOUR))
    bound = ForecastBound(log, "t", START, lead=2 * HOUR)
    assert bound() == START + 3 * HOUR
    log.append([published(START + 5 * HOUR)])
    log.flush()
    assert bound() == START + 7 * HOUR


def test_a_forecast_that_is_repeated_after_a_restart_takes_nothing_back() -> None:
    log = log_with(published(START + 5 * HOUR))
    bound = ForecastBound(log, "t", START, lead=2 * HOUR)
    bound()
    log.append([published(START + 4 * HOUR)])
    log.flush()
    assert bound() == START + 7 * HOUR


@pytest.mark.parametrize("frames_after", [0, 3, 120])
def test_the_last_tick_is_found_behind_any_number_of_frames(frames_after: int) -> None:
    frames = [Outgoing(FRAMES, 0, b"frame") for _ in range(frames_after)]
    ticks = [tick_record(FRAMES, 0, START + n * MINUTE, "gw") for n in range(3)]
    assert last_tick(log_with(*ticks, *frames), (FRAMES, 0)) == START + 2 * MINUTE


def test_without_a_tick_there_is_none() -> None:
    assert last_tick(log_with(), (FRAMES, 0)) is None
    assert last_tick(log_with(Outgoing(FRAMES, 0, b"frame")), (FRAMES, 0)) is None
