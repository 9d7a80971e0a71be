"""History kept in the historian is what the forecaster trains on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from console.services.history import keep_history, training_set
from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from ingest.twin.history import History
from records.log import LogRecord
from records.time import HOUR, MINUTE, parse_time
from records.topics import topic_name
from records.weather import WeatherQuantity, WeatherRecord, weather_record
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from stream.forecast_plan import ForecastPlan

START = parse_time("2014-03-01T22:00Z")
N_HOURS = 5


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Five hours over midnight: two loads, one with a gap, losses and balance of one area."""
    load = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0], [4.0, 40.0], [5.0, 50.0]])
    history = History(
        START + HOUR * np.arange(N_HOURS),
        ("a", "b"),
        load,
        ("losses:0",),
        np.arange(N_HOURS, dtype=float)[:, None],
        ("balance:0",),
        np.arange(N_HOURS, dtype=float)[:, None] + 100.0,
        "here",
        np.array([20.0, 21.0, 22.0, 23.0, 24.0]),
    )
    writer = HistorianWriter(tmp_path / "historian")
    assert keep_history(history, writer, recorded_at=START) == 14 + 5 + 5
    writer.close()
    return tmp_path / "historian"


def plan(stations: tuple[str, ...] = ("here",)) -> ForecastPlan:
    tree = Hierarchy(("all", "b", "losses:0", "a"), ("t", "l", "l", "l"), (None, *["all"] * 3))
    calendar = Calendar("UTC", HOUR)
    return ForecastPlan("p", tree, calendar, 2, HOUR, 5 * MINUTE, "window.5min.v1", stations)


def test_what_was_kept_is_read_in_the_order_of_the_plan(kept: Path) -> None:
    with Historian(kept) as historian:
        training = training_set(historian, plan(), START, START + N_HOURS * HOUR)
    np.testing.assert_array_equal(
        training.loads,
        [[10, 0, 1], [np.nan, 1, 2], [30, 2, 3], [40, 3, 4], [50, 4, 5]],
    )
    np.testing.assert_array_equal(training.temperatures[:, 0], [20, 21, 22, 23, 24])
    assert training.start == START


def test_what_areas_take_in_all_is_read_where_a_plan_balances_them(kept: Path) -> None:
    balanced = replace(plan(), balances={"all": "balance:0"}, balanced={"0": "balance:0"})
    with Historian(kept) as historian:
        training = training_set(historian, balanced, START, START + N_HOURS * HOUR)
    assert training.metered is not None
    assert training.metered[:, 0].tolist() == [100.0, 101.0, 102.0, 103.0, 104.0]


def test_only_what_was_known_at_the_end_is_read(kept: Path) -> None:
    with Historian(kept) as historian:
        training = training_set(historian, plan(), START, START + 2 * HOUR)
    assert training.loads.shape == (2, 3)


def test_a_plan_without_stations_needs_no_weather(kept: Path) -> None:
    with Historian(kept) as historian:
        training = training_set(historian, plan(stations=()), START, START + HOUR)
    assert training.temperatures.shape == (1, 0)


def test_forecasts_that_a_run_recorded_later_are_no_observations(kept: Path) -> None:
    topic, end = topic_name("demo", "weather.v1"), START + N_HOURS * HOUR
    told = WeatherRecord(
        "here", WeatherQuantity.TEMPERATURE, START, end, [START + 3 * HOUR], [-40.0]
    )
    sent = weather_record(topic, told, "gateway")
    with HistorianWriter(kept) as writer:
        recorder = Recorder(writer)
        recorder.take([LogRecord(topic, 0, 0, end, sent.value, sent.key, sent.headers)])
        recorder.flush()
    with Historian(kept) as historian:
        training = training_set(historian, plan(), START, end)
    np.testing.assert_array_equal(training.temperatures[:, 0], [20, 21, 22, 23, 24])
