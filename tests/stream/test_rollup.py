"""Half hours, hours and local days out of quarters of an hour; means in MW."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.deadletter import decode_dead_letter
from records.errors import Reason
from records.log import LogRecord, Outgoing, Partition
from records.quality import Quality
from records.snapshot import pack, unpack
from records.tick import tick_record
from records.time import DAY, HOUR, MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.window import WINDOW_TYPE, decode_window
from stream.area import AreaStage
from stream.cascade import Cascade
from stream.local_clock import LocalClock
from stream.rollup import RollupStage
from tests.stream.quarters import (
    CLOCK,
    DAYS,
    HALVES,
    HOURS,
    QUARTER,
    QUARTERS,
    T0,
    Log,
    drive,
    made,
    quarter,
    stands,
)


@pytest.fixture
def log() -> Log:
    return Log()


def test_windows_close_when_the_watermark_of_the_quarters_passes_their_end(log: Log) -> None:
    stage = RollupStage("test", CLOCK)
    records = [log.put(quarter(T0 + k * QUARTER, {"a": 10.0 * k, "b": 1.0})) for k in range(4)]
    assert made(drive(stage, records[:1]), HALVES) == []
    outcomes = drive(stage, records)
    halves, (hour,) = made(outcomes, HALVES), made(outcomes, HOURS)
    assert [(b.start, b.length, b.mean[0]) for b in halves] == [
        (T0, 30 * MINUTE, 5.0),
        (T0 + 30 * MINUTE, 30 * MINUTE, 25.0),
    ]
    assert hour.series.tolist() == ["a", "b"]
    assert (hour.mean[0], hour.minimum[0], hour.maximum[0]) == (15.0, -1.0, 31.0)
    assert hour.energy_mwh[0] == pytest.approx((0 + 10 + 20 + 30) / 4)
    assert (hour.count[0], hour.imputed_share[0], hour.revision[0]) == (120, 0.0, 1)
    assert made(outcomes, DAYS) == []


def test_each_batch_says_up_to_where_its_topic_is_complete(log: Log) -> None:
    records = [log.put(quarter(T0 + k * QUARTER, {"a": 1.0})) for k in range(3)]
    # A long wait for the next one: two half hours and an hour end at once.
    records.append(log.put(quarter(T0 + 3 * QUARTER, {"a": 1.0}), T0 + 3 * HOUR))
    told = [
        (o.topic, decode_window(o.value).end, int(o.headers["gc_watermark"]))
        for o in drive(RollupStage("test", CLOCK), records)
    ]
    half, hour = T0 + 30 * MINUTE, T0 + HOUR
    assert told == [(HALVES, half, half), (HALVES, hour, hour), (HOURS, hour, hour)]


@given(quantiles=st.lists(st.floats(-1e4, 1e4), min_size=96, max_size=96))
@settings(max_examples=10, deadline=None)
def test_no_quantile_is_folded_over_time(quantiles: list[float]) -> None:
    log = Log()
    for k, q95 in enumerate(quantiles):
        log.put(replace(quarter(T0 + k * QUARTER, {"a": 1.0}), q95=np.array([q95])))
    outcomes = drive(RollupStage("test", CLOCK), log.records)
    for topic, n_windows in ((HALVES, 48), (HOURS, 24), (DAYS, 1)):
        batches = made(outcomes, topic)
        assert len(batches) == n_windows
        assert all(np.isnan(batch.q95).all() for batch in batches)


@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("Europe/Paris", "2014-03-29T23:00Z", 23),
        ("Europe/Paris", "2014-10-25T22:00Z", 25),
        ("Australia/Melbourne", "2014-10-04T14:00Z", 23),
        ("Australia/Melbourne", "2014-04-05T13:00Z", 25),
        ("Australia/Melbourne", "2014-11-09T13:00Z", 24),
    ],
)
def test_local_days_have_as_many_hours_as_their_clock_says(
    zone: str, start: str, hours: int, log: Log
) -> None:
    begin, n_parts = parse_time(start), 4 * hours
    records = [log.put(quarter(begin + k * QUARTER, {"a": float(k)})) for k in range(n_parts)]
    stage = RollupStage("test", LocalClock(ZoneInfo(zone)))
    assert made(drive(stage, records[:-1]), DAYS) == []
    (day,) = made(drive(stage, records), DAYS)
    assert (day.start, day.length) == (begin, hours * HOUR)
    assert day.mean[0] == pytest.approx((n_parts - 1) / 2)
    assert day.energy_mwh[0] == pytest.approx(sum(k / 4 for k in range(n_parts)), rel=1e-12)
    assert (day.count[0], day.imputed_share[0]) == (30 * n_parts, 0.0)


def test_a_day_may_begin_within_an_hour(log: Log) -> None:
    # Adelaide is nine and a half hours ahead of UTC in winter: its days begin at half past.
    begin = parse_time("2014-06-09T14:30Z")
    records = [log.put(quarter(begin + k * QUARTER, {"a": 1.0})) for k in range(-2, 98)]
    outcomes = drive(RollupStage("test", LocalClock(ZoneInfo("Australia/Adelaide"))), records)
    first, day = made(outcomes, DAYS)
    assert (day.start, day.length, day.imputed_share[0]) == (begin, DAY, 0.0)
    assert (first.end, first.imputed_share[0]) == (begin, pytest.approx(94 / 96))
    assert [b.imputed_share[0] for b in made(outcomes, HOURS)] == [0.0] * 25


def test_a_window_with_a_missing_quarter_says_so(log: Log) -> None:
    records = [log.put(quarter(T0 + k * QUARTER, {"a": 4.0})) for k in (0, 1, 3)]
    (hour,) = made(drive(RollupStage("test", CLOCK), records), HOURS)
    assert (hour.mean[0], hour.energy_mwh[0]) == (4.0, 4.0)
    assert (hour.count[0], hour.imputed_share[0]) == (90, 0.25)
    assert hour.quality[0] == Quality.HELD


def test_a_corrected_quarter_opens_a_new_revision_of_all_it_belongs_to(log: Log) -> None:
    records = [log.put(quarter(T0 + k * QUARTER, {"a": 4.0, "b": 2.0})) for k in range(96)]
    records.append(log.put(quarter(T0 + QUARTER, {"b": 6.0}, revision=2)))
    outcomes = drive(RollupStage("test", CLOCK), records)
    for topic, mean in ((HALVES, 4.0), (HOURS, 3.0), (DAYS, 2 + 4 / 96)):
        corrected = made(outcomes, topic)[-1]
        assert corrected.start == T0
        assert corrected.series.tolist() == ["b"]
        assert corrected.revision.tolist() == [2]
        assert corrected.mean[0] == pytest.approx(mean)


def test_a_correction_that_changes_no_number_of_the_whole_is_dropped(log: Log) -> None:
    records = [log.put(quarter(T0 + k * QUARTER, {"a": 4.0})) for k in range(8)]
    before = len(drive(RollupStage("test", CLOCK), records))
    records.append(log.put(replace(quarter(T0, {"a": 4.0}, revision=2), q95=np.array([9.0]))))
    assert len(drive(RollupStage("test", CLOCK), records)) == before


def test_a_lower_revision_that_comes_late_changes_nothing(log: Log) -> None:
    records = [log.put(quarter(T0 + k * QUARTER, {"a": 4.0}, revision=2)) for k in range(4)]
    before = len(drive(RollupStage("test", CLOCK), records))
    records.append(log.put(quarter(T0, {"a": 99.0})))
    assert len(drive(RollupStage("test", CLOCK), records)) == before


def test_a_series_that_appears_late_gets_its_first_revision_then(log: Log) -> None:
    records = [log.put(quarter(T0 + k * QUARTER, {"a": 4.0})) for k in range(4)]
    records.append(log.put(quarter(T0 + 2 * QUARTER, {"new": 8.0}, revision=3)))
    hour, late = made(drive(RollupStage("test", CLOCK), records), HOURS)
    assert (hour.series.tolist(), late.series.tolist()) == (["a"], ["new"])
    assert (late.revision[0], late.mean[0], late.imputed_share[0]) == (1, 8.0, 0.75)


def test_what_is_no_quarter_of_an_hour_goes_to_the_dead_letters(log: Log) -> None:
    wrong = [
        log.put(replace(quarter(T0, {"a": 1.0}), length=HOUR)),
        log.put(quarter(T0 + MINUTE, {"a": 1.0})),
    ]
    tick = tick_record(QUARTERS, 0, T0, "clock")
    wrong.append(LogRecord(QUARTERS, 0, 9, 0, tick.value, tick.key, tick.headers))
    reasons = [decode_dead_letter(o.value).reason for o in drive(RollupStage("test", CLOCK), wrong)]
    mismatch = Reason.SCHEMA_MISMATCH
    assert reasons == [mismatch, mismatch, Reason.UNKNOWN_TYPE]


Parts = list[tuple[int, int, float]]
part = st.tuples(st.integers(0, 110), st.integers(1, 4), st.sampled_from([1.0, 2.0, np.nan]))


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(part, min_size=1, max_size=40, unique_by=lambda p: p[:2]),
       seed=st.integers(0, 1000))  # fmt: skip
def test_order_and_duplicates_of_the_quarters_are_irrelevant_to_what_stands(
    parts: Parts, seed: int
) -> None:
    stage = RollupStage("test", LocalClock(ZoneInfo("Europe/Paris")))
    rng = random.Random(seed)

    def finally_of(arrived: Parts) -> Any:
        log = Log()
        for k, revision, value in arrived:
            means = {"a": value, "b": value + revision}
            log.put(quarter(T0 + k * QUARTER, means, revision=revision))
        log.put(quarter(T0 + 120 * QUARTER, {}), T0 + 30 * HOUR)
        return stands(drive(stage, log.records))

    arrived = parts + rng.choices(parts, k=5)
    rng.shuffle(arrived)
    expected = finally_of(sorted(parts))
    assert finally_of(arrived) == expected
    highest = {k: p for p in sorted(parts) for k in [p[0]]}
    assert finally_of(list(highest.values())) == expected


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(part, min_size=1, max_size=40), cut=st.integers(0, 40))
def test_revisions_rise_by_one_and_a_checkpoint_changes_nothing(parts: Parts, cut: int) -> None:
    stage = RollupStage("test", CLOCK)
    log = Log()
    states = [stage.initial([Partition(QUARTERS, 0)]) for _ in range(2)]
    reached: dict[tuple[str, str, int], int] = {}
    for index, (k, revision, value) in enumerate(parts):
        record = log.put(quarter(T0 + k * QUARTER, {"a": value}, revision=revision))
        if index == cut:
            states[1] = stage.load(unpack(pack(stage.dump(states[1]))))
        states[0], outcomes = stage.step(states[0], record)
        states[1], resumed = stage.step(states[1], record)
        assert resumed == outcomes
        for outcome in outcomes:
            assert isinstance(outcome, Outgoing)
            batch = decode_window(outcome.value)
            for series, revision_now in zip(batch.series, batch.revision, strict=True):
                key = outcome.topic, series, batch.start
                assert revision_now == reached.get(key, 0) + 1
                reached[key] = int(revision_now)


@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("Europe/Paris", "2014-03-29T23:00Z", 23),
        ("Europe/Paris", "2014-10-25T22:00Z", 25),
        ("Australia/Melbourne", "2014-10-04T14:00Z", 23),
        ("Australia/Melbourne", "2014-04-05T13:00Z", 25),
    ],
)
def test_energy_is_the_same_in_every_length_of_window(
    zone: str, start: str, hours: int, feed: Any, point: Any, area_stage: Callable[..., AreaStage]
) -> None:
    rng = np.random.default_rng(hours)
    begin = parse_time(start)
    first = (begin - T0) / SECOND
    arrived = []
    for at in range(0, hours * 3600 + 600, 300):
        rows = [(1, float(rng.normal(100, 30))), (2, float(rng.normal(-20, 5)))]
        # Some come after their window has closed.
        arrived.append((first + at + rng.choice([0.0, 700.0], p=[0.9, 0.1]), first + at, rows))
    arrived.sort(key=lambda frame: frame[0])
    area = area_stage([point(1), point(2, deadband=1.0)])
    rollup = RollupStage("test", LocalClock(ZoneInfo(zone)))
    cascade = Cascade([area, rollup], dict.fromkeys((*area.inputs, QUARTERS), (0,)))
    frames = [feed.frame(at, rows, append_s=now) for now, at, rows in arrived]
    sent = [Outgoing(f.topic, 0, f.value, f.key, f.headers) for f in frames]
    energy: dict[str, dict[tuple[str, int], float]] = {}
    for outcome in cascade.send(sent, begin + 26 * HOUR):
        if isinstance(outcome, Outgoing) and outcome.headers["ce_type"] == WINDOW_TYPE:
            batch = decode_window(outcome.value)
            if begin <= batch.start < begin + hours * HOUR:
                for series, mwh in zip(batch.series, batch.energy_mwh, strict=True):
                    energy.setdefault(outcome.topic, {})[series, batch.start] = float(mwh)
    fine = topic_name("test", "window.5min.v1")
    assert [len(energy[t]) for t in (fine, QUARTERS, HALVES, HOURS, DAYS)] == [
        24 * hours, 8 * hours, 4 * hours, 2 * hours, 2,
    ]  # fmt: skip
    for series in ("load:1 p_mw", "load:2 p_mw"):
        total, *others = (
            sum(mwh for (name, _), mwh in energy[topic].items() if name == series)
            for topic in (fine, QUARTERS, HALVES, HOURS, DAYS)
        )
        assert abs(total) > 100
        assert others == pytest.approx([total] * 4, rel=1e-9)


def test_parts_that_a_killed_worker_wrote_twice_change_no_byte() -> None:
    stage = RollupStage("test", CLOCK)

    def parts(repeats: int) -> Log:
        log = Log()
        for number in range(5):
            batch = replace(
                quarter(T0 + number * QUARTER, {"a": 1.0 + number}), input_offset=number
            )
            for _ in range(repeats):
                log.put(batch)
        late = quarter(T0, {"a": 9.0}, revision=2)
        for _ in range(repeats):
            log.put(replace(late, input_offset=40), log.watermark)
        return log

    once = drive(stage, parts(1).records)
    assert [decode_window(each.value).input_offset for each in once] == [1, 3, 3, 40, 40]
    assert drive(stage, parts(3).records) == once
