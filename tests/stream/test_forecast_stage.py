"""The forecast stage on a small tree: two zones and a total, hourly, driven record by record."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from records.deadletter import decode_dead_letter
from records.errors import Reason
from records.finding import decode_findings
from records.log import LogRecord, Outgoing, Partition
from records.rupture import decode_ruptures
from records.snapshot import pack, unpack
from records.tick import tick_record
from records.time import DAY, HOUR, MINUTE, parse_time
from records.topics import topic_name
from records.weather import WeatherQuantity, WeatherRecord, weather_record
from records.window import WindowBatch, window_record
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.forecast_stage import ForecastStage, ForecastState
from stream.stage import Issued, Outcome

START = parse_time("2024-01-01T00:00:00Z")
N_PAST = 150 * 24
NOW = START + N_PAST * HOUR
AFTER_ALL = NOW + 1000 * DAY
TREE = Hierarchy(
    ("total", "north", "south"), ("total", "zone", "zone"), (None, "total", "total"), version="7"
)
WINDOWS = topic_name("test", "meter.interval.v1")
WEATHER = topic_name("test", "weather.v1")
PARTITIONS = [Partition(WINDOWS, 0), Partition(WEATHER, 0)]


def load_mw(hours: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """A daily shape with quieter weekends that follows the cold, in both zones."""
    shape = 1.0 + 0.3 * np.sin(2 * np.pi * (hours % 24) / 24) - 0.1 * (hours // 24 % 7 >= 5)
    shape -= 0.01 * (warmth(hours) - 15.0)
    noise = np.random.default_rng(5).standard_normal((20_000, 2))[hours] * 0.01
    return np.stack([100.0 * shape, 50.0 * shape], axis=1) * np.exp(noise)


def stage(mid_term: str = "batched", residual: str = "batched") -> ForecastStage:
    plan = ForecastPlan(
        product="short",
        hierarchy=TREE,
        calendar=Calendar("UTC", HOUR),
        n_steps=48,
        cadence=HOUR,
        fine_step=HOUR,
        mid_term=mid_term,
        residual=residual,
        source="meter.interval.v1",
        stations=("s",),
        weights=np.ones((3, 1)),
    )
    past = np.arange(N_PAST)
    return ForecastStage("test", plan, TrainingSet(START, load_mw(past), warmth(past)[:, None]))


def warmth(hours: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Warmer by day, and some days warmer than others."""
    days = np.random.default_rng(6).standard_normal(2_000)[hours // 24]
    return np.asarray(15.0 + 5.0 * np.sin(2 * np.pi * hours / 24) + 4.0 * days)


def hour_batch(
    hour: int, values: npt.NDArray[np.float64], revision: int = 1, watermark: int | None = None
) -> Outgoing:
    start = START + hour * HOUR
    batch = WindowBatch(
        0,
        start,
        HOUR,
        hour,
        np.array(["north", "south"], dtype=object),
        np.full(2, revision, np.int32),
        values,
        *(np.full(2, np.nan) for _ in range(4)),
        np.ones(2, np.int32),
        np.zeros(2),
        np.zeros(2, np.uint16),
    )
    return window_record(WINDOWS, batch, start + HOUR if watermark is None else watermark)


def weather_hour(hour: int) -> list[Outgoing]:
    """A forecast for three days, and a tick that says the hour has come."""
    start = START + hour * HOUR
    times = [start + i * HOUR for i in range(72)]
    degrees: list[float | None] = warmth(np.arange(hour, hour + 72)).tolist()
    told = WeatherRecord("s", WeatherQuantity.TEMPERATURE, start, start, times, degrees)
    tick = tick_record(WEATHER, 0, start + HOUR, "test")
    return [weather_record(WEATHER, told, "test"), tick]


def logged(out: Outgoing, offset: int, append_time: int = AFTER_ALL) -> LogRecord:
    return LogRecord(out.topic, out.partition, offset, append_time, out.value, out.key, out.headers)


def run(
    forecasting: ForecastStage, state: ForecastState, sent: list[Outgoing]
) -> tuple[ForecastState, list[Outcome]]:
    outcomes: list[Outcome] = []
    for offset, out in enumerate(sent):
        record = logged(out, offset)
        state, found = forecasting.step(state, record)
        outcomes += found
    return state, outcomes


def day(first: int, n_hours: int = 24, factor: float = 1.0) -> list[Outgoing]:
    hours = np.arange(first, first + n_hours)
    loads = load_mw(hours) * factor
    return [
        out
        for hour, values in zip(hours.tolist(), loads, strict=True)
        for out in (hour_batch(hour, values), *weather_hour(hour))
    ]


def issues(outcomes: list[Outcome]) -> list[Issued]:
    return [outcome for outcome in outcomes if isinstance(outcome, Issued)]


@pytest.fixture(scope="module")
def trained() -> tuple[ForecastStage, bytes]:
    forecasting = stage()
    state = forecasting.initial(PARTITIONS)
    state, _ = run(forecasting, state, day(N_PAST, 1))
    return forecasting, pack(forecasting.dump(state))


@pytest.fixture
def fresh(trained: tuple[ForecastStage, bytes]) -> tuple[ForecastStage, ForecastState]:
    forecasting, snapshot = trained
    return forecasting, forecasting.load(unpack(snapshot))


Fresh = tuple[ForecastStage, ForecastState]


def test_every_hour_of_event_time_one_run_is_issued(fresh: Fresh) -> None:
    forecasting, state = fresh
    _, outcomes = run(forecasting, state, day(N_PAST + 1, 24))
    times = [found.run.issue_time for found in issues(outcomes)]
    assert times == [NOW + (2 + i) * HOUR for i in range(24)]


def test_levels_add_up_at_every_step_and_hours_add_up_to_days(fresh: Fresh) -> None:
    forecasting, state = fresh
    _, outcomes = run(forecasting, state, day(N_PAST + 1, 1))
    levels = {level.level: level for level in issues(outcomes)[0].run.levels}
    for name in ("", "@P1D"):
        total, zones = levels["total" + name].values, levels["zone" + name].values
        np.testing.assert_allclose(total[0, 0], zones[:, 0].sum(axis=0), rtol=1e-12)
    hourly, daily = levels["zone"], levels["zone@P1D"]
    first = (daily.start - hourly.start) // HOUR
    np.testing.assert_allclose(
        hourly.values[:, 0, first : first + 24].sum(axis=1), daily.values[:, 0, 0], rtol=1e-12
    )


def test_the_forecast_is_near_what_comes(fresh: Fresh) -> None:
    forecasting, state = fresh
    _, outcomes = run(forecasting, state, day(N_PAST + 1, 1))
    issue = issues(outcomes)[0].issue
    truth = load_mw(np.arange(N_PAST + 2, N_PAST + 50)).T
    error = np.abs(issue.forecasts["reconciled"][1:] - truth) / truth
    assert error.mean() < 0.03


def test_every_series_says_where_its_numbers_come_from(fresh: Fresh) -> None:
    forecasting, state = fresh
    _, outcomes = run(forecasting, state, day(N_PAST + 1, 1))
    meta = issues(outcomes)[0].run.levels[0].meta
    assert meta.hierarchy_version == "7"
    north = next(
        level for level in issues(outcomes)[0].run.levels if level.level == "zone"
    ).meta.series["north"]
    assert north.parent == "total"
    assert north.method in ("gam_ar", "seasonal_naive_7d")
    assert set(north.quality) == {"imputed_share", "missing_share"}


def test_nothing_is_issued_before_every_input_has_reached_the_hour(fresh: Fresh) -> None:
    forecasting, state = fresh
    hour = N_PAST + 1
    state, outcomes = run(forecasting, state, [hour_batch(hour, load_mw(np.array([hour]))[0])])
    assert not issues(outcomes)
    _, outcomes = run(forecasting, state, weather_hour(hour))
    assert [found.run.issue_time for found in issues(outcomes)] == [START + (hour + 1) * HOUR]


def test_a_correction_of_the_last_hours_moves_the_next_forecast(fresh: Fresh) -> None:
    forecasting, state = fresh
    snapshot = pack(forecasting.dump(state))
    hour = N_PAST + 1
    low = load_mw(np.array([hour]))[0] * 0.7
    wrong = [hour_batch(hour, low), *weather_hour(hour)]
    correction = hour_batch(hour, load_mw(np.array([hour]))[0], 2, START + (hour + 1) * HOUR)
    later = day(hour + 1, 1)

    _, corrected = run(
        forecasting, forecasting.load(unpack(snapshot)), [*wrong, correction, *later]
    )
    _, intime = run(forecasting, forecasting.load(unpack(snapshot)), [*day(hour, 1), *later])
    np.testing.assert_allclose(
        issues(corrected)[-1].issue.forecasts["gam_ar"],
        issues(intime)[-1].issue.forecasts["gam_ar"],
        rtol=1e-9,
    )


def test_what_is_learnt_next_is_learnt_from_the_correction(fresh: Fresh) -> None:
    forecasting, state = fresh
    snapshot = pack(forecasting.dump(state))
    hour = N_PAST + 1
    right = load_mw(np.array([hour]))[0]
    wrong = [hour_batch(hour, right * 0.5), *weather_hour(hour)]
    correction = hour_batch(hour, right, 2, START + (hour + 1) * HOUR)
    later = day(hour + 1, 1)

    def learnt(sent: list[Outgoing]) -> str:
        after, _ = run(forecasting, forecasting.load(unpack(snapshot)), [*sent, *later])
        after.forecaster.train()
        return after.forecaster.version

    intime = learnt(day(hour, 1))
    assert learnt([*wrong, correction]) == intime
    assert learnt(wrong) != intime


def test_a_correction_of_one_zone_changes_the_sum_that_it_is_part_of(fresh: Fresh) -> None:
    forecasting, state = fresh
    hour = N_PAST + 1
    north, south = load_mw(np.array([hour]))[0].tolist()
    sent = [
        hour_batch(hour, np.array([north * 0.5, south])),
        *weather_hour(hour),
        *day(hour + 1, 2),
        hour_batch(hour, np.array([north, south]), 2, START + (hour + 3) * HOUR),
        *day(hour + 3, 120),
    ]
    _, outcomes = run(forecasting, state, sent)
    issue = issues(outcomes)[-1]
    # The naive of a week later repeats what stands of that hour, of zones and of their sum.
    ahead = hour + 7 * 24 - (issue.run.issue_time - START) // HOUR
    naive = issue.issue.forecasts["seasonal_naive_7d"][:, ahead]
    np.testing.assert_allclose(naive, [north + south, north, south], rtol=1e-12)


def test_a_correction_that_comes_too_late_to_be_learnt_from_is_told(fresh: Fresh) -> None:
    forecasting, state = fresh
    hour = N_PAST + 1
    ancient = hour_batch(-24, np.array([1.0, 2.0]), 2, START + hour * HOUR)
    _, outcomes = run(forecasting, state, [ancient, *day(hour, 1)])
    (told,) = [
        outcome
        for outcome in outcomes
        if isinstance(outcome, Outgoing) and outcome.topic.endswith("finding.v1")
    ]
    (finding,) = decode_findings(told.value)
    assert (finding.point, finding.rule) == ("north", "too_late")
    assert finding.time == START - 24 * HOUR
    assert "2 values" in finding.expected


def test_how_partitions_interleave_does_not_matter(fresh: Fresh) -> None:
    forecasting, state = fresh
    snapshot = pack(forecasting.dump(state))
    sent = day(N_PAST + 1, 6)
    by_topic = sorted(sent, key=lambda out: out.topic)
    runs = []
    for order in (sent, by_topic):
        _, outcomes = run(forecasting, forecasting.load(unpack(snapshot)), order)
        runs.append([level.values for found in issues(outcomes) for level in found.run.levels])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_restored_state_issues_the_same_forecasts(fresh: Fresh) -> None:
    forecasting, state = fresh
    snapshot = pack(forecasting.dump(state))
    sent = day(N_PAST + 1, 4)
    _, whole = run(forecasting, forecasting.load(unpack(snapshot)), sent)
    half, first = run(forecasting, forecasting.load(unpack(snapshot)), sent[:6])
    again = forecasting.load(unpack(pack(forecasting.dump(half))))
    _, second = run(forecasting, again, sent[6:])
    for one, other in zip(issues(whole), issues(first + second), strict=True):
        np.testing.assert_array_equal(
            one.issue.forecasts["reconciled"], other.issue.forecasts["reconciled"]
        )


def test_a_lasting_fall_is_published_as_a_rupture(fresh: Fresh) -> None:
    forecasting, state = fresh
    _, outcomes = run(forecasting, state, day(N_PAST + 1, 48, factor=0.8))
    events = [
        event
        for outcome in outcomes
        if isinstance(outcome, Outgoing) and outcome.topic.endswith("monitor.rupture.v1")
        for event in decode_ruptures(outcome.value)
    ]
    assert events
    assert all(event.time <= event.detected_at for event in events)
    assert any(event.detected_at - (NOW + HOUR) <= 2 * DAY for event in events)


def test_a_record_that_cannot_be_read_is_a_dead_letter(fresh: Fresh) -> None:
    forecasting, state = fresh
    bad = weather_hour(N_PAST + 1)[0]
    record = LogRecord(WEATHER, 0, 0, 0, b"{", b"s", bad.headers)
    _, outcomes = forecasting.step(state, record)
    assert isinstance(outcomes[0], Outgoing)
    assert outcomes[0].topic.endswith("dead-letter.v1")


@pytest.mark.parametrize("which", [0, 1], ids=["forecast", "tick"])
def test_weather_told_ahead_of_the_clock_is_a_dead_letter_and_moves_nothing(
    fresh: Fresh, which: int
) -> None:
    forecasting, state = fresh
    snapshot = pack(forecasting.dump(state))
    ahead = weather_hour(N_PAST + 1 + 24 * 365)[which]
    state, outcomes = forecasting.step(state, logged(ahead, 0, append_time=NOW + HOUR))
    assert isinstance(outcomes[0], Outgoing)
    letter = decode_dead_letter(outcomes[0].value)
    assert letter.reason == Reason.TIME_OUT_OF_BOUNDS
    assert pack(forecasting.dump(state)) == snapshot


def test_a_tick_a_minute_ahead_of_the_clock_is_believed(fresh: Fresh) -> None:
    forecasting, state = fresh
    tick = weather_hour(N_PAST + 1)[1]
    append_time = NOW + 2 * HOUR - MINUTE
    _, outcomes = forecasting.step(state, logged(tick, 0, append_time))
    assert outcomes == []
    _, outcomes = forecasting.step(state, logged(tick, 0, append_time - 1))
    assert len(outcomes) == 1


def test_pygam_and_statsmodels_serve_the_same_pipeline() -> None:
    small = stage("pygam", "statsmodels")
    _, outcomes = run(small, small.initial(PARTITIONS), day(N_PAST, 2))
    found = issues(outcomes)[-1].issue
    truth = load_mw(np.arange(N_PAST + 2, N_PAST + 50)).T
    assert (np.abs(found.forecasts["gam_ar"][1:] - truth) / truth).mean() < 0.03
    assert set(found.method) == {"gam_ar"}
