"""A series whose level ruptures, through the forecast stage: fallback, coherence, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from records.log import LogRecord, Outgoing, Partition
from records.rupture import RuptureEvent, RuptureStatus, decode_ruptures
from records.snapshot import pack, unpack
from records.time import DAY, HOUR, parse_time
from records.topics import topic_name
from records.window import WindowBatch, window_record
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.forecast_stage import ForecastStage
from stream.stage import Issued, Outcome

START = parse_time("2024-01-01T00:00:00Z")
N_PAST = 60 * 24
BREAK = N_PAST + 30
NOW = START + N_PAST * HOUR
LEAVES = ("north", "south")
TREE = Hierarchy(("total", *LEAVES), ("total", "zone", "zone"), (None, "total", "total"))
WINDOWS = topic_name("test", "meter.interval.v1")


def load_mw(hours: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """A daily shape with quieter weekends; the north falls by a quarter and stays there."""
    shape = 1.0 + 0.3 * np.sin(2 * np.pi * (hours % 24) / 24) - 0.1 * (hours // 24 % 7 >= 5)
    noise = np.random.default_rng(5).standard_normal((20_000, 2))[hours] * 0.01
    loads = np.stack([100.0 * shape, 50.0 * shape], axis=1) * np.exp(noise)
    loads[hours >= BREAK, 0] *= 0.75
    return loads


def stage(switch: bool, refit_every: int | None = None) -> ForecastStage:
    plan = ForecastPlan(
        product="short",
        hierarchy=TREE,
        calendar=Calendar("UTC", HOUR),
        n_steps=24,
        cadence=6 * HOUR,
        fine_step=HOUR,
        source="meter.interval.v1",
        refit_every=refit_every,
        switch_on_rupture=switch,
    )
    past = load_mw(np.arange(N_PAST))
    return ForecastStage("test", plan, TrainingSet(START, past, np.empty((N_PAST, 0))))


def hour_record(hour: int) -> LogRecord:
    start = START + hour * HOUR
    batch = WindowBatch(
        0,
        start,
        HOUR,
        hour,
        np.array(LEAVES, dtype=object),
        np.ones(2, np.int32),
        load_mw(np.array([hour]))[0],
        *(np.full(2, np.nan) for _ in range(4)),
        np.ones(2, np.int32),
        np.zeros(2),
        np.zeros(2, np.uint16),
    )
    out = window_record(WINDOWS, batch, start + HOUR)
    return LogRecord(out.topic, 0, hour, 0, out.value, out.key, out.headers)


def driven(forecasting: ForecastStage, n_hours: int, *, restart_at: int = -1) -> list[Outcome]:
    state, outcomes = forecasting.initial([Partition(WINDOWS, 0)]), []
    for hour in range(N_PAST, N_PAST + n_hours):
        if hour == restart_at:
            state = forecasting.load(unpack(pack(forecasting.dump(state))))
        state, found = forecasting.step(state, hour_record(hour))
        outcomes += found
    return outcomes


def issues(outcomes: list[Outcome]) -> list[Issued]:
    return [outcome for outcome in outcomes if isinstance(outcome, Issued)]


def told(outcomes: list[Outcome]) -> list[RuptureEvent]:
    return [
        event
        for outcome in outcomes
        if isinstance(outcome, Outgoing) and outcome.topic.endswith("monitor.rupture.v1")
        for event in decode_ruptures(outcome.value)
    ]


def statuses(outcomes: list[Outcome], series: str) -> list[RuptureStatus]:
    return [e.status for e in told(outcomes) if e.series == series and e.status is not None]


def error_since(outcomes: list[Outcome], since: int, series: str) -> float:
    """Mean absolute percentage error of the issues from a time on."""
    errors = []
    for found in issues(outcomes):
        if found.issue.times[0] < since:
            continue
        hours = (found.issue.times - START) // HOUR
        loads = load_mw(hours)
        truth = {"north": loads[:, 0], "south": loads[:, 1], "total": loads.sum(axis=1)}[series]
        forecast = found.issue.forecasts["reconciled"][TREE.ids.index(series)]
        errors.append(np.abs(forecast / truth - 1.0).mean())
    return 100.0 * float(np.mean(errors))


@pytest.fixture(scope="module")
def switched() -> list[Outcome]:
    return driven(stage(True), 30 + 6 * 24)


def test_after_a_rupture_the_switched_forecast_errs_less(switched: list[Outcome]) -> None:
    kept = driven(stage(False), 30 + 6 * 24)
    known = next(e for e in told(switched) if e.status == RuptureStatus.SIMPLIFIED).detected_at
    for series in ("north", "total"):
        assert error_since(switched, known, series) < 0.7 * error_since(kept, known, series)
    assert error_since(switched, known, "south") < 1.1 * error_since(kept, known, "south")


def test_the_record_says_that_and_why_a_simpler_model_was_used(switched: list[Outcome]) -> None:
    levels = {level.level: level for level in issues(switched)[-1].run.levels}
    north = levels["zone"].meta.series["north"]
    assert north.method == "shallow_level"
    assert "rupture" in north.reason
    assert levels["zone"].meta.series["south"].method != "shallow_level"


def test_the_hierarchy_adds_up_throughout(switched: list[Outcome]) -> None:
    for found in issues(switched):
        means = found.issue.forecasts["reconciled"]
        np.testing.assert_allclose(means[0], means[1:].sum(axis=0), rtol=1e-9)


def test_the_rupture_is_published_with_its_levels_and_the_state(switched: list[Outcome]) -> None:
    events = [e for e in told(switched) if e.series == "north"]
    event = next(e for e in events if e.status == RuptureStatus.SIMPLIFIED)
    assert event.kind == "level"
    broke = START + BREAK * HOUR
    assert abs(event.time - broke) <= 3 * HOUR
    assert event.detected_at - broke <= DAY
    assert event.evidence.before is not None and event.evidence.after is not None
    assert event.evidence.after / event.evidence.before == pytest.approx(0.75, abs=0.1)


def test_with_enough_history_a_training_brings_the_series_back_to_normal() -> None:
    outcomes = driven(stage(True, refit_every=15 * DAY), 30 + 55 * 24)
    seen = statuses(outcomes, "north")
    assert seen[-3:] == [
        RuptureStatus.SIMPLIFIED,
        RuptureStatus.RECOVERING,
        RuptureStatus.NORMAL,
    ]
    last = issues(outcomes)[-1]
    assert last.issue.method[TREE.ids.index("north")] != "shallow_level"
    assert error_since(outcomes, int(last.issue.times[0]), "north") < 3.0


def test_a_restart_in_the_middle_changes_nothing() -> None:
    whole = issues(driven(stage(True), 60))
    again = issues(driven(stage(True), 60, restart_at=N_PAST + 45))
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(
            one.issue.forecasts["reconciled"], other.issue.forecasts["reconciled"]
        )
