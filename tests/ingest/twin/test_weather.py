from __future__ import annotations

import numpy as np
import pytest

from ingest.twin.victoria import STEP, read_victoria
from ingest.twin.weather import HORIZON_HOURS, LATENCY, forecast_records, observation_records
from records.time import DAY, HOUR, parse_time

START = parse_time("2014-03-01T00:00:00Z")
VICTORIA = read_victoria()


def hourly(times: np.ndarray) -> np.ndarray:
    halves = [np.interp(times + s, VICTORIA.times, VICTORIA.temperature_degc) for s in (0, STEP)]
    return np.mean(halves, axis=0)


def test_each_observation_is_known_when_its_half_hour_is_over() -> None:
    told = list(observation_records(VICTORIA, START, START + 2 * HOUR))
    assert [r.available_at for r in told] == [START + k * STEP for k in (1, 2, 3, 4)]
    assert all(r.valid_time == [r.available_at - STEP] and r.issue_time is None for r in told)
    row = np.searchsorted(VICTORIA.times, START)
    assert told[0].value[0] == pytest.approx(VICTORIA.temperature_degc[row], abs=0.01)


def test_stretches_join_without_overlap() -> None:
    whole = list(observation_records(VICTORIA, START, START + DAY))
    parts = [
        record
        for hour in range(24)
        for record in observation_records(VICTORIA, START + hour * HOUR, START + (hour + 1) * HOUR)
    ]
    assert parts == whole


def test_a_forecast_comes_every_six_hours_for_four_days() -> None:
    told = list(forecast_records(VICTORIA, START, START + DAY, seed=1))
    issues = [r.issue_time for r in told]
    assert issues == [START - 0 * HOUR + k * 6 * HOUR for k in range(4)]
    assert all(r.available_at == r.issue_time + LATENCY for r in told)
    assert all(len(r.valid_time) == HORIZON_HOURS == 96 for r in told)
    assert told[0].valid_time[0] == told[0].issue_time


def test_the_error_grows_from_a_fraction_of_a_degree_to_a_degree_at_a_day_and_beyond() -> None:
    told = list(forecast_records(VICTORIA, START, START + 200 * DAY, seed=1))
    error = np.stack([np.array(r.value) - hourly(np.array(r.valid_time)) for r in told])
    deviation = error.std(axis=0)
    assert len(told) == 800
    # 800 independent issues: the deviation of each lead is known to 2.5 %, here within 4 of it.
    expected = np.sqrt((np.arange(96) + 1) / 24)
    np.testing.assert_allclose(
        deviation[[0, 5, 23, 47, 95]], expected[[0, 5, 23, 47, 95]], rtol=0.1
    )
    assert np.abs(error.mean(axis=0)).max() < 4 * 2 / np.sqrt(800)
    # Errors of neighbouring hours go together.
    assert np.corrcoef(error[:, 23], error[:, 24])[0, 1] > 0.9


def test_forecasts_are_the_same_by_their_seed() -> None:
    one, same = (list(forecast_records(VICTORIA, START, START + DAY, seed=1)) for _ in range(2))
    other = list(forecast_records(VICTORIA, START, START + DAY, seed=2))
    assert one == same and one != other
