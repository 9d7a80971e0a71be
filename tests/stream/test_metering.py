"""Meter documents to intervals: versions, withdrawals, watermarks, the check against SCADA."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.deadletter import decode_dead_letter
from records.envelope import watermark_of
from records.errors import Reason
from records.finding import Finding, decode_findings
from records.log import LogRecord, Outgoing, Partition
from records.meter import MeterDocument, MeterSeries, meter_record
from records.quality import Quality
from records.snapshot import pack, unpack
from records.tick import tick_record
from records.time import DAY, HOUR, MINUTE, parse_time
from records.topics import topic_name
from records.window import WindowBatch, decode_window, window_record
from stream.meter_check import CheckLimits
from stream.metering import MeteringSettings, MeteringStage

T0 = parse_time("2014-11-10T00:00:00Z")
METERS, WINDOWS = topic_name("test", "meter.read.v1"), topic_name("test", "window.5min.v1")
QUARTER = 15 * MINUTE

Maker = Callable[..., LogRecord]


@pytest.fixture
def logged() -> Callable[[Outgoing, int], LogRecord]:
    offsets: dict[str, Any] = {METERS: itertools.count(), WINDOWS: itertools.count()}

    def put(outgoing: Outgoing, append_time: int = T0 + 30 * DAY) -> LogRecord:
        return LogRecord(
            outgoing.topic,
            0,
            next(offsets[outgoing.topic]),
            append_time,
            outgoing.value,
            outgoing.key,
            outgoing.headers,
        )

    return put


@pytest.fixture
def document(logged: Any) -> Maker:
    def make(
        at: int,
        readings: dict[str, list[tuple[int, float | None]]],
        *,
        run: int = 0,
        revision: int = 1,
        name: str = "d",
        period: int = QUARTER,
        unit: str = "MWh",
        **columns: Any,
    ) -> LogRecord:
        series = [
            MeterSeries(
                meter,
                [T0 + start for start, _ in rows],
                [energy for _, energy in rows],
                **columns,
            )
            for meter, rows in readings.items()
        ]
        given = MeterDocument(0, "mdm", name, run, revision, period, T0 + at, unit, series)
        record: LogRecord = logged(meter_record(METERS, given))
        return record

    return make


@pytest.fixture
def tick(logged: Any) -> Callable[[int], LogRecord]:
    return lambda at: logged(tick_record(METERS, 0, T0 + at, "clock"))


@pytest.fixture
def window(logged: Any) -> Maker:
    def make(start: int, means: dict[str, float], revision: int = 1) -> LogRecord:
        n_series = len(means)
        mean = np.array(list(means.values()))
        nothing = np.zeros(n_series)
        batch = WindowBatch(
            0,
            T0 + start,
            5 * MINUTE,
            0,
            np.array(list(means), dtype=object),
            np.full(n_series, revision, np.int32),
            mean,
            mean,
            mean,
            mean,
            mean / 12,
            np.full(n_series, 10, np.int32),
            nothing,
            np.zeros(n_series, np.uint16),
        )
        record: LogRecord = logged(window_record(WINDOWS, batch, T0 + start + 5 * MINUTE))
        return record

    return make


def intervals(outcomes: Sequence[Outgoing], *, empty: bool = False) -> list[WindowBatch]:
    name = topic_name("test", "meter.interval.v1")
    batches = [decode_window(o.value) for o in outcomes if o.topic == name]
    return [batch for batch in batches if empty or len(batch.series)]


def findings(outcomes: Sequence[Outgoing]) -> list[Finding]:
    name = topic_name("test", "finding.v1")
    return [f for o in outcomes if o.topic == name for f in decode_findings(o.value)]


def reasons(outcomes: Sequence[Outgoing]) -> list[Reason]:
    name = topic_name("test", "dead-letter.v1")
    return [decode_dead_letter(o.value).reason for o in outcomes if o.topic == name]


def test_energy_over_the_period_becomes_mean_power(document: Maker, run: Any) -> None:
    (batch,) = intervals(run(MeteringStage("test"), [document(QUARTER, {"m": [(0, 2.5)]})]))
    assert (batch.start, batch.length) == (T0, QUARTER)
    assert batch.mean.tolist() == [10.0]
    assert batch.energy_mwh.tolist() == [2.5]
    assert np.isnan(batch.q95[0])
    assert batch.revision.tolist() == [1]


def test_injection_is_counted_against_withdrawal(document: Maker, run: Any) -> None:
    record = document(QUARTER, {"m": [(0, 1.0)]}, injected_mwh=[3.0])
    assert intervals(run(MeteringStage("test"), [record]))[0].mean.tolist() == [-8.0]


def test_a_quarter_hour_and_an_hour_meter_agree_in_energy(document: Maker, run: Any) -> None:
    quarters = document(HOUR, {"a": [(k * QUARTER, 1.0 + k) for k in range(4)]})
    hour = document(HOUR, {"b": [(0, 10.0)]}, period=HOUR, name="h")
    parts = intervals(run(MeteringStage("test"), [quarters]))
    whole = intervals(run(MeteringStage("test"), [hour]))[0]
    assert sum(part.energy_mwh[0] for part in parts) == whole.energy_mwh[0]
    assert np.mean([part.mean[0] for part in parts]) == whole.mean[0]


def test_a_later_settlement_run_is_a_new_revision_and_an_earlier_one_changes_nothing(
    document: Maker, run: Any
) -> None:
    records = [
        document(QUARTER, {"m": [(0, 2.0)], "n": [(0, 1.0)]}),
        document(2 * DAY, {"m": [(0, 2.5)]}, run=1),
        document(3 * DAY, {"m": [(0, 9.0)]}, run=0, revision=2),
    ]
    told = [
        (batch.series.tolist(), batch.revision.tolist(), batch.energy_mwh.tolist())
        for batch in intervals(run(MeteringStage("test"), records))
    ]
    assert told == [(["m", "n"], [1, 1], [2.0, 1.0]), (["m"], [2], [2.5])]


def test_a_withdrawn_reading_leaves_nothing_until_it_comes_again(document: Maker, run: Any) -> None:
    records = [
        document(QUARTER, {"m": [(0, 2.0)]}),
        document(DAY, {"m": [(0, None)]}, withdrawn_reading=[True], revision=2),
        document(2 * DAY, {"m": [(0, 2.2)]}, revision=3),
    ]
    first, gone, again = intervals(run(MeteringStage("test"), records))
    assert np.isnan(gone.mean[0])
    assert gone.quality[0] == Quality.MISSING
    assert [batch.revision[0] for batch in (first, gone, again)] == [1, 2, 3]
    assert again.energy_mwh[0] == 2.2


def test_the_same_document_twice_changes_nothing(document: Maker, run: Any) -> None:
    records = [document(QUARTER, {"m": [(0, 2.0)]}) for _ in range(2)]
    assert len(intervals(run(MeteringStage("test"), records))) == 1


def test_a_document_is_complete_only_before_its_moment_and_a_tick_completes_it(
    document: Maker, tick: Any, run: Any
) -> None:
    records = [tick(0), document(QUARTER, {"m": [(0, 2.0)]}), tick(QUARTER), tick(QUARTER + 1)]
    name = topic_name("test", "meter.interval.v1")
    outcomes = [o for o in run(MeteringStage("test"), records) if o.topic == name]
    marks = [watermark_of(o.headers) for o in outcomes]
    assert marks == [T0, T0 + QUARTER - 1, T0 + QUARTER]
    assert [len(b.series) for b in intervals(outcomes, empty=True)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unit": "MW"}, Reason.SCHEMA_MISMATCH),
        ({"at": 40 * DAY}, Reason.TIME_OUT_OF_BOUNDS),
        ({"readings": {"m": [(30 * DAY, 1.0)]}}, Reason.TIME_OUT_OF_BOUNDS),
        ({"readings": {"m": [(0, 1.0), (0, 2.0)]}}, Reason.CONTRADICTORY),
        ({"readings": {"m": [(0, -1.0)]}}, Reason.SCHEMA_MISMATCH),
        ({"readings": {"m": [(-1100 * DAY, 1.0)]}}, Reason.TIME_OUT_OF_BOUNDS),
        ({"period": HOUR}, Reason.SCHEMA_MISMATCH),
        ({"run": 2**70}, Reason.SCHEMA_MISMATCH),
    ],
)
def test_what_cannot_be_placed_is_refused_whole(
    change: dict[str, Any], reason: Reason, document: Maker, run: Any
) -> None:
    good = document(QUARTER, {"m": [(0, 2.0)]})
    given = {"at": DAY, "readings": {"m": [(0, 2.5)]}, "name": "e"} | change
    bad = document(given.pop("at"), given.pop("readings"), **given)
    outcomes = run(MeteringStage("test"), [good, bad])
    assert reasons(outcomes) == [reason]
    assert len(intervals(outcomes)) == 1


CHECKED = MeteringSettings(points={"meter-1": "load:1 p_mw"}, check=CheckLimits())


def test_a_meter_apart_from_its_telemetry_is_told_once(
    document: Maker, tick: Any, window: Maker, run: Any
) -> None:
    records = []
    for quarter, energy in enumerate([2.5, 3.0, 3.0, 2.5, 3.0]):
        at = quarter * QUARTER
        records += [
            window(at + part * 5 * MINUTE, {"load:1 p_mw": 10.0, "other": 1.0}) for part in range(3)
        ]
        records += [document(at + QUARTER, {"meter-1": [(at, energy)]}), tick(at + QUARTER)]
    found = findings(run(MeteringStage("test", CHECKED), records))
    assert [(f.rule, (f.time - T0) // QUARTER, f.observed) for f in found] == [
        ("meter_apart", 1, 12.0),
        ("meter_apart", 4, 12.0),
    ]
    assert found[0].point == "load:1 p_mw"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(picks=st.lists(st.booleans(), min_size=60, max_size=60))
def test_findings_do_not_depend_on_how_meters_and_windows_interleave(
    picks: list[bool], document: Maker, tick: Any, window: Maker, run: Any
) -> None:
    meters, scada = [], []
    for quarter in range(8):
        at = quarter * QUARTER
        energy = 2.5 if quarter % 3 else 4.0
        scada += [window(at + k * 5 * MINUTE, {"load:1 p_mw": 10.0}) for k in range(3)]
        meters += [document(at + QUARTER, {"meter-1": [(at, energy)]}), tick(at + QUARTER)]
    apart = findings(run(MeteringStage("test", CHECKED), [*scada, *meters]))
    queue = {True: list(meters), False: list(scada)}
    mixed = [queue[pick].pop(0) for pick in picks if queue[pick]]
    mixed += queue[True] + queue[False]
    assert findings(run(MeteringStage("test", CHECKED), mixed)) == apart
    assert len(apart) == 3


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(6)), cut=st.integers(0, 6))
def test_what_finally_stands_does_not_depend_on_the_order_of_documents(
    order: list[int], cut: int, document: Maker
) -> None:
    records = [
        document(QUARTER, {"m": [(0, 1.0), (QUARTER, 1.5)]}, name="a"),
        document(HOUR, {"m": [(0, 2.0)]}, name="b"),
        document(HOUR, {"m": [(0, 2.1)]}, name="b", revision=2),
        document(HOUR, {"m": [(0, 2.2)]}, name="c", revision=2),
        document(DAY, {"m": [(0, 3.0)]}, run=1, name="d"),
        document(DAY + 1, {"m": [(0, None)]}, run=1, name="d", withdrawn_reading=[True]),
    ]

    def stands(sequence: list[LogRecord]) -> dict[tuple[str, int], str]:
        stage = MeteringStage("test")
        state = stage.initial([Partition(METERS, 0)])
        final: dict[tuple[str, int], str] = {}
        for index, record in enumerate(sequence):
            if index == cut:
                state = stage.load(unpack(pack(stage.dump(state))))
            state, outcomes = stage.step(state, record)
            for batch in intervals([o for o in outcomes if isinstance(o, Outgoing)]):
                for series, mean in zip(batch.series, batch.mean, strict=True):
                    final[series, batch.start] = repr(mean)
        return final

    assert stands([records[index] for index in order]) == stands(records)


def test_meters_of_an_area_may_count_over_different_periods(document: Maker, run: Any) -> None:
    records = [
        document(HOUR, {"a": [(k * QUARTER, 1.0) for k in range(4)]}, name="quarters"),
        document(HOUR, {"b": [(0, 4.4)]}, period=HOUR, name="hours"),
        document(2 * DAY, {"a": [(0, 1.1)]}, run=1, name="quarters"),
    ]
    outcomes = run(MeteringStage("test"), records)
    assert reasons(outcomes) == []
    told = [
        (b.start - T0, b.length, b.series.tolist(), b.revision.tolist())
        for b in intervals(outcomes)
    ]
    assert told == [
        *((k * QUARTER, QUARTER, ["a"], [1]) for k in range(4)),
        (0, HOUR, ["b"], [1]),
        (0, QUARTER, ["a"], [2]),
    ]


def test_meters_of_different_periods_are_each_compared_with_their_telemetry(
    document: Maker, tick: Any, window: Maker, run: Any
) -> None:
    points = {"q": "load:1 p_mw", "h": "load:2 p_mw"}
    stage = MeteringStage("test", MeteringSettings(points=points, check=CheckLimits()))
    records = [
        window(k * 5 * MINUTE, {"load:1 p_mw": 10.0, "load:2 p_mw": 10.0}) for k in range(12)
    ]
    records += [
        document(HOUR, {"q": [(k * QUARTER, 2.5) for k in range(4)]}, name="quarters"),
        document(HOUR, {"h": [(0, 15.0)]}, period=HOUR, name="hours"),
        tick(HOUR + 1),
    ]
    assert [(f.point, f.observed) for f in findings(run(stage, records))] == [("load:2 p_mw", 15.0)]
