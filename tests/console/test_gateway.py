"""The gateway's pace: real time at a multiple, or never far ahead of the forecasts."""

from __future__ import annotations

import threading

import pytest

from console.gateway import Pacer, Throttle, last_tick
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


def passes(throttle: Throttle, event_time: int) -> bool:
    """Whether a batch may go now; one that may not is stopped instead of waited for."""
    stop = threading.Event()
    timer = threading.Timer(0.15, stop.set)
    timer.start()
    try:
        return throttle.wait(event_time, stop, lambda: None)
    finally:
        timer.cancel()


def test_the_input_may_be_some_hours_ahead_of_the_first_forecast() -> None:
    throttle = Throttle(log_with(), "t", START, lead=2 * HOUR)
    assert passes(throttle, START + 2 * HOUR)
    assert not passes(throttle, START + 2 * HOUR + 20 * MINUTE)


def test_each_forecast_lets_the_input_go_on() -> None:
    log = log_with(published(START + HOUR))
    throttle = Throttle(log, "t", START, lead=2 * HOUR)
    assert passes(throttle, START + 3 * HOUR)
    log.append([published(START + 5 * HOUR)])
    log.flush()
    assert passes(throttle, START + 7 * HOUR)


def test_what_was_sent_is_flushed_before_it_is_waited_for() -> None:
    flushed = []
    throttle = Throttle(log_with(), "t", START)
    throttle.wait(START, threading.Event(), lambda: flushed.append(1))
    assert flushed == [1]


def test_a_pacer_starts_with_the_first_batch_and_stops_when_asked() -> None:
    stop = threading.Event()
    pacer = Pacer(speed=1e9)
    assert pacer.wait(START, stop, lambda: None)
    assert pacer.wait(START + HOUR, stop, lambda: None)
    slow = Pacer(speed=0.001)
    assert slow.wait(START, stop, lambda: None)
    threading.Timer(0.05, stop.set).start()
    assert not slow.wait(START + HOUR, stop, lambda: None)


@pytest.mark.parametrize("frames_after", [0, 3, 120])
def test_the_last_tick_is_found_behind_any_number_of_frames(frames_after: int) -> None:
    frames = [Outgoing(FRAMES, 0, b"frame") for _ in range(frames_after)]
    ticks = [tick_record(FRAMES, 0, START + n * MINUTE, "gw") for n in range(3)]
    assert last_tick(log_with(*ticks, *frames), (FRAMES, 0)) == START + 2 * MINUTE


def test_without_a_tick_there_is_none() -> None:
    assert last_tick(log_with(), (FRAMES, 0)) is None
    assert last_tick(log_with(Outgoing(FRAMES, 0, b"frame")), (FRAMES, 0)) is None
