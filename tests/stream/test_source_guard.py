"""One meter is faked for three weeks: it is quarantined, and the others hardly notice.

Two regions of four loads and a meter each for the whole of them. Loads follow a daily shape, the
weekend, the weather of the day (which no model knows), and noise of 2 %; the meters of the whole
have 3 % of losses more, and noise of 0.1 %. From the second day on one load is told wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from records.finding import Finding, decode_findings
from records.log import LogRecord, Outgoing, Partition
from records.operator_act import ActKind, OperatorAct, act_record
from records.rupture import RuptureEvent, RuptureKind, RuptureStatus, decode_ruptures
from records.snapshot import pack, unpack
from records.state import NetworkState, RegionBalance, state_record
from records.tick import tick_record
from records.time import DAY, HOUR, parse_time
from records.topics import topic_name
from records.window import WindowBatch, window_record
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.forecast_stage import ForecastStage
from stream.stage import Issued, Outcome

Array = npt.NDArray[np.float64]

START = parse_time("2024-01-01T00:00:00Z")
N_PAST = 70 * 24
N_LIVE = 22 * 24
FALSE_FROM = N_PAST + 24
LEAVES = tuple(f"{region}{k}" for region in "ab" for k in range(4))
METERS = ("meter a", "meter b")
TREE = Hierarchy(
    ("total", "a", "b", *LEAVES),
    ("total", "region", "region", *["load"] * 8),
    (None, "total", "total", *["a"] * 4, *["b"] * 4),
)
WINDOWS, STATES, ACTS = (
    topic_name("test", name)
    for name in ("meter.interval.v1", "network.state.v1", "operator.act.v1")
)
FAKED = "a1"


@cache
def truth() -> Array:
    """Loads of everything, MW, shape (n_hours, 8)."""
    hours = np.arange(N_PAST + N_LIVE + 24)
    rng = np.random.default_rng(3)
    shape = 1.0 + 0.3 * np.sin(2 * np.pi * (hours % 24 - 6) / 24)
    shape = shape * np.where(hours // 24 % 7 >= 5, 0.85, 1.0)
    shape = shape * np.exp(0.04 * rng.standard_normal(len(hours) // 24)[hours // 24])
    sizes = np.array([40.0, 20.0, 30.0, 25.0, 50.0, 35.0, 15.0, 30.0])
    return shape[:, None] * sizes * np.exp(0.02 * rng.standard_normal((len(hours), 8)))


@cache
def metered() -> Array:
    """Meters of the whole, MW, shape (n_hours, 2)."""
    sums = np.stack([truth()[:, :4].sum(axis=1), truth()[:, 4:].sum(axis=1)], axis=1)
    noise = np.random.default_rng(4).standard_normal(sums.shape)
    return np.asarray(1.03 * sums * np.exp(0.001 * noise))


def scaled(true: Array, _hours: Array) -> Array:
    return 3.0 * true


def drifting(true: Array, hours: Array) -> Array:
    """Five per cent more each day."""
    return np.asarray(true * (1.0 + 0.05 * hours / 24.0))


def replayed(true: Array, hours: Array) -> Array:
    """The first day again and again, its mean at every hour."""
    return np.full(len(true), true[:24].mean()) + 0.0 * hours


Fake = Callable[[Array, Array], Array]
FAKES: dict[str, Fake] = {"scaled": scaled, "drifting": drifting, "replayed": replayed}


def told(fake: Fake | None, *, real: bool = False) -> Array:
    """What is read, the meters of the whole beside the leaves, shape (n_hours, 10).

    `real` lets the meter of the whole move with the load: the change is one of consumption.
    """
    leaves, whole = truth().copy(), metered().copy()
    if fake is not None:
        false = slice(FALSE_FROM, None)
        place = LEAVES.index(FAKED)
        true = leaves[false, place].copy()
        leaves[false, place] = fake(true, np.arange(len(true), dtype=np.float64))
        if real:
            whole[false, 0] += 1.03 * (leaves[false, place] - true)
    return np.concatenate([leaves, whole], axis=1)


def stage(*, guarded: bool, acts: bool = False, balanced: bool = False) -> ForecastStage:
    plan = ForecastPlan(
        "short", TREE, Calendar("UTC", HOUR), 24, DAY, HOUR, "meter.interval.v1",
        refit_every=7 * DAY,
        balances=dict(zip("ab", METERS, strict=True)) if guarded else {},
        balanced=dict(zip(("north", "south"), METERS, strict=True)) if balanced else {},
        operator_acts=acts,
    )  # fmt: skip
    past = TrainingSet(
        START, truth()[:N_PAST], np.empty((N_PAST, 0)), metered()[:N_PAST] if guarded else None
    )
    return ForecastStage("test", plan, past)


def hour_record(
    hour: int, values: Array, series: tuple[str, ...] = (*LEAVES, *METERS)
) -> LogRecord:
    n, start = len(values), START + hour * HOUR
    batch = WindowBatch(
        0, start, HOUR, hour, np.array(series, object), np.ones(n, np.int32), values,
        *(np.full(n, np.nan) for _ in range(4)), np.ones(n, np.int32), np.zeros(n),
        np.zeros(n, np.uint16),
    )  # fmt: skip
    out = window_record(WINDOWS, batch, start + HOUR)
    return LogRecord(out.topic, 0, hour, 0, out.value, out.key, out.headers)


def state_of(hour: int, whole: Array) -> LogRecord:
    """The network's state at the end of an hour, with what its areas consume by their balance."""
    at, none = START + (hour + 1) * HOUR, b""
    regions = {
        area: RegionBalance(consumed + 5.0, 5.0, 0.0, consumed)
        for area, consumed in zip(("north", "south"), whole.tolist(), strict=True)
    }
    told = NetworkState(
        at, "two", True, "", 3, 1.0, none, none, none, none, none, none, {}, [], 10, 0,
        regions=regions,
    )  # fmt: skip
    out = state_record(STATES, told, at)
    return LogRecord(out.topic, 0, hour, 0, out.value, out.key, out.headers)


def driven(fake: Fake | None, *, guarded: bool, real: bool = False) -> list[Outcome]:
    forecasting = stage(guarded=guarded)
    state, outcomes = forecasting.initial([Partition(WINDOWS, 0)]), []
    values = told(fake, real=real)
    for hour in range(N_PAST, N_PAST + N_LIVE):
        if hour % 100 == 0:
            state = forecasting.load(unpack(pack(forecasting.dump(state))))
        state, found = forecasting.step(state, hour_record(hour, values[hour]))
        outcomes += found
    return outcomes


@cache
def outcomes_of(name: str, guarded: bool, real: bool = False) -> list[Outcome]:
    return driven(FAKES.get(name), guarded=guarded, real=real)


def last_issue(outcomes: list[Outcome]) -> Array:
    issued = [found for found in outcomes if isinstance(found, Issued)][-1]
    return np.asarray(issued.issue.forecasts["reconciled"])


def moved(name: str, *, guarded: bool) -> dict[str, float]:
    """Mean change of each series' last forecast against the clean run, per cent."""
    clean = last_issue(outcomes_of("", guarded=guarded))
    faked = last_issue(outcomes_of(name, guarded=guarded))
    change = np.abs(faked - clean).mean(axis=1) / np.abs(clean).mean(axis=1)
    return dict(zip(TREE.ids, (100.0 * change).tolist(), strict=True))


def events(outcomes: list[Outcome]) -> list[RuptureEvent]:
    return [
        event
        for out in outcomes
        if isinstance(out, Outgoing) and out.topic.endswith("monitor.rupture.v1")
        for event in decode_ruptures(out.value)
    ]


def quarantines(outcomes: list[Outcome]) -> list[RuptureEvent]:
    return [event for event in events(outcomes) if event.status is RuptureStatus.QUARANTINED]


def findings(outcomes: list[Outcome]) -> list[Finding]:
    return [
        finding
        for out in outcomes
        if isinstance(out, Outgoing) and out.topic.endswith("finding.v1")
        for finding in decode_findings(out.value)
    ]


@pytest.mark.parametrize("name", FAKES)
def test_a_false_source_is_quarantined_and_told(name: str) -> None:
    outcomes = outcomes_of(name, guarded=True)
    (event,) = quarantines(outcomes)
    assert (event.series, event.kind) == (FAKED, RuptureKind.CONTRADICTED)
    assert event.detected_at <= START + FALSE_FROM * HOUR + 16 * DAY
    assert abs(event.time - (START + FALSE_FROM * HOUR)) <= 4 * DAY
    (finding,) = [f for f in findings(outcomes) if f.rule == "source_quarantined"]
    assert finding.point == FAKED


@pytest.mark.parametrize("name", FAKES)
def test_the_forecasts_of_the_others_and_of_the_sums_stay_within_a_bound(name: str) -> None:
    with_guard, without = moved(name, guarded=True), moved(name, guarded=False)
    others = [series for series in TREE.ids if series != FAKED]
    worst = max(with_guard[series] for series in others)
    assert worst < 0.5, with_guard
    assert max(without[series] for series in others) > 2.0, without
    # Not even the false source itself is far off: the balance stands for it.
    assert with_guard[FAKED] < 5.0 < without[FAKED]


def test_a_change_that_the_meter_of_the_whole_bears_out_is_no_fraud() -> None:
    outcomes = outcomes_of("scaled", guarded=True, real=True)
    assert quarantines(outcomes) == []
    assert RuptureKind.LEVEL in [event.kind for event in events(outcomes) if event.series == FAKED]


def test_honest_sources_are_left_alone() -> None:
    assert quarantines(outcomes_of("", guarded=True)) == []


def test_without_a_balance_nothing_is_called_false() -> None:
    assert quarantines(outcomes_of("scaled", guarded=False)) == []


def test_a_forecast_says_that_its_source_is_quarantined() -> None:
    issued = [o for o in outcomes_of("scaled", guarded=True) if isinstance(o, Issued)][-1]
    (load,) = (level for level in issued.run.levels if level.level == "load")
    about = load.meta.series[FAKED]
    assert about.reason.startswith("quarantined")
    assert about.quality["imputed_share"] == 1.0


def test_the_balance_of_the_estimated_network_stands_for_a_meter_of_the_whole() -> None:
    forecasting = stage(guarded=True, balanced=True)
    state = forecasting.initial([Partition(WINDOWS, 0), Partition(STATES, 0)])
    values, outcomes = told(scaled), []
    for hour in range(N_PAST, N_PAST + N_LIVE):
        loads = hour_record(hour, values[hour, :8], LEAVES)
        for record in (loads, state_of(hour, values[hour, 8:])):
            state, found = forecasting.step(state, record)
            outcomes += found
    assert quarantines(outcomes) == quarantines(outcomes_of("scaled", guarded=True))
    np.testing.assert_array_equal(
        last_issue(outcomes), last_issue(outcomes_of("scaled", guarded=True))
    )


def test_a_person_releases_it() -> None:
    forecasting = stage(guarded=True, acts=True)
    state = forecasting.initial([Partition(WINDOWS, 0), Partition(ACTS, 0)])
    outcomes: list[Outcome] = []
    values, offset = told(scaled), 0

    def acted(out: Outgoing) -> list[Outcome]:
        nonlocal state, offset
        offset += 1
        now = START + (N_PAST + N_LIVE) * HOUR
        record = LogRecord(ACTS, 0, offset, now, out.value, out.key, out.headers)
        state, found = forecasting.step(state, record)
        return found

    for hour in range(N_PAST, N_PAST + 16 * 24):
        state, found = forecasting.step(state, hour_record(hour, values[hour]))
        outcomes += found
        if hour == N_PAST + 15 * 24:
            release = OperatorAct(FAKED, ActKind.RELEASE, START + hour * HOUR, "Anna")
            outcomes += acted(act_record(ACTS, release))
        outcomes += acted(tick_record(ACTS, 0, START + (hour + 1) * HOUR, "clock"))
    told_of = [event.status for event in events(outcomes) if event.series == FAKED]
    # Believed again, its jump to three times the level is a rupture like any other.
    assert told_of[told_of.index(RuptureStatus.QUARANTINED) + 1] is RuptureStatus.NORMAL
