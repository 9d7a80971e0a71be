"""A Redis that missed something, or lost everything, is given it from the topics."""

import numpy as np
import pytest
import redis

from records.alarm import Alarm, AlarmKind, AlarmSeverity, LeadTime, alarm_record
from records.forecast import ForecastLevel, ForecastRun, SeriesMeta, forecast_record, level_meta
from records.rupture import Evidence, RuptureEvent, RuptureKind, rupture_record
from records.state import NetworkState, state_record
from records.time import DAY, HOUR
from storage.memory_log import MemoryLog
from storage.redis_forecasts import ForecastReader
from storage.redis_refill import ReadModelRefill
from storage.redis_state import LiveState

T0 = 16_384 * DAY


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self):
        return self.now


def state(time):
    one = np.ones(1).tobytes()
    return NetworkState(
        time, "grid", True, "", 3, 1.0, one, one, one, one, one, one, {"0": 1.5}, [], 9, 0
    )


def alarm(updated, value):
    return Alarm(
        "branch:1", "", AlarmKind.LOADING, AlarmSeverity.MINOR, 4, LeadTime.OPERATIONAL, T0,
        updated, updated, None, value, 100.0, "MVA", value, "branch:1",
    )  # fmt: skip


def rupture(time):
    return RuptureEvent("total", time, time, RuptureKind.LEVEL, Evidence(9.0, 5.0, None, None))


def run(issue_time, levels=("region", "total")):
    made = []
    for level in levels:
        series = {level: SeriesMeta(None, {}, "model", "", {})}
        meta = level_meta(
            run=f"run-{issue_time}", issue_time=issue_time, start=issue_time, step=HOUR, n_steps=2,
            quantiles=[], unit="MW", hierarchy_version="1", series=series,
        )  # fmt: skip
        made.append(ForecastLevel(level, meta, (level,), np.full((1, 1, 2), float(issue_time))))
    return ForecastRun(f"run-{issue_time}", issue_time, tuple(made))


@pytest.fixture
def log():
    return MemoryLog()


def put(log, *records):
    log.append(records)
    log.flush()


def put_run(log, namespace, made):
    topic = f"gridcast.{namespace}.forecast.v1"
    put(log, *(forecast_record(topic, level, made.issue_time) for level in made.levels))


def model(client, namespace):
    """Everything in the read model but the stream of events, byte by byte."""
    found = {}
    for key in client.scan_iter(match=f"gc:{{{namespace}}}:*"):
        kind = client.type(key)
        if kind != b"stream":
            found[key] = client.hgetall(key) if kind == b"hash" else client.get(key)
    return found


def test_an_empty_redis_is_filled_as_if_it_had_been_there(log, client, namespace):
    prefix = f"gridcast.{namespace}"
    states = [state(T0), state(T0 + HOUR)]
    put(log, *(state_record(f"{prefix}.network.state.v1", each, each.time) for each in states))
    for each in (alarm(T0, 101.0), alarm(T0 + HOUR, 107.0)):
        put(log, alarm_record(f"{prefix}.network.alarm.v1", each, each.updated))
    put(log, rupture_record(f"{prefix}.monitor.rupture.v1", [rupture(T0)], T0))
    for each in (run(T0), run(T0 + HOUR)):
        put_run(log, namespace, each)

    copied = ReadModelRefill(log, client, namespace).fill()

    live = LiveState(client, namespace)
    assert live.states()["grid"].time == T0 + HOUR
    assert live.alarms() == [alarm(T0 + HOUR, 107.0)]
    assert live.ruptures() == {"total": rupture(T0)}
    reader = ForecastReader(client, namespace)
    assert reader.current_run().run_id == f"run-{T0 + HOUR}"
    assert reader.read_level(f"run-{T0}", "region").values.tolist() == [[[float(T0), float(T0)]]]
    assert copied == 1 + 2 + 1 + 4
    before = model(client, namespace)
    ReadModelRefill(log, client, namespace).fill()
    assert model(client, namespace) == before


def test_runs_that_redis_would_have_let_go_are_left_out(log, client, namespace):
    for hours in (0, 1, 48, 50):
        put_run(log, namespace, run(T0 + hours * HOUR))
    ReadModelRefill(log, client, namespace, ["forecast.v1"]).fill()
    reader = ForecastReader(client, namespace)
    kept = [hours for hours in (0, 1, 48, 50) if reader.run(f"run-{T0 + hours * HOUR}")]
    assert kept == [48, 50]


def test_a_run_that_was_cut_short_by_a_kill_waits_for_the_rest(log, client, namespace):
    put_run(log, namespace, run(T0))
    put_run(log, namespace, run(T0 + HOUR, levels=("region",)))
    refill = ReadModelRefill(log, client, namespace)
    refill.fill()
    reader = ForecastReader(client, namespace)
    assert reader.current_run().run_id == f"run-{T0}"
    put_run(log, namespace, run(T0 + HOUR))
    refill.fill()
    assert reader.current_run().run_id == f"run-{T0 + HOUR}"
    assert reader.current_run().levels == ["region", "total"]


def test_it_is_filled_once_and_again_when_something_was_missed(log, client, namespace):
    clock = Clock()
    put(log, state_record(f"gridcast.{namespace}.network.state.v1", state(T0), T0))
    refill = ReadModelRefill(log, client, namespace, clock=clock)
    assert refill.look(refill.misses) == 1
    clock.now += 5.0
    assert refill.look(refill.misses) is None
    refill.missed()
    assert refill.look(refill.misses) is None  # within the same second
    clock.now += 1.0
    assert refill.look(refill.misses) == 1


def test_what_was_missed_after_the_flush_is_made_up_for_by_the_next(log, client, namespace):
    clock = Clock()
    put(log, state_record(f"gridcast.{namespace}.network.state.v1", state(T0), T0))
    refill = ReadModelRefill(log, client, namespace, clock=clock)
    before = refill.misses
    refill.missed()
    assert refill.look(before) == 1
    clock.now += 1.0
    put(log, state_record(f"gridcast.{namespace}.network.state.v1", state(T0 + HOUR), T0))
    assert refill.look(refill.misses) == 1
    assert LiveState(client, namespace).states()["grid"].time == T0 + HOUR


def test_one_that_does_not_answer_is_tried_again(log, client, namespace):
    clock = Clock()
    gone = redis.Redis.from_url("redis://127.0.0.1:1/0")
    refill = ReadModelRefill(log, gone, namespace, clock=clock)
    for _ in range(2):
        with pytest.raises(redis.ConnectionError):
            refill.look(refill.misses)
        clock.now += 1.0
