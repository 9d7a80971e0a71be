"""Day-ahead scores, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from console.demo.day_ahead import HourlyValues, LevelScore, day_ahead_scores
from console.doctor.coherence import PublishedLevel
from records.time import DAY, HOUR, format_time, parse_time

MIDNIGHT = parse_time("2014-11-10T00:00+11:00")
ZONE = "Australia/Melbourne"


def level(issue_time: int, means: dict[str, float], name: str = "bus") -> PublishedLevel:
    """A forecast of 48 equal hours for every series."""
    text = format_time(issue_time)
    values = {series: np.full(48, mean) for series, mean in means.items()}
    return PublishedLevel("R", name, text, text, "PT1H", {}, values)


def constant(values: dict[str, float], start: int = MIDNIGHT - 14 * DAY) -> HourlyValues:
    return HourlyValues(start, {series: np.full(28 * 24, v) for series, v in values.items()})


def test_errors_are_percent_of_the_truth_and_averaged_over_a_level() -> None:
    published = [level(MIDNIGHT, {"a": 110.0, "b": 40.0})]
    truth = constant({"a": 100.0, "b": 50.0})
    known = constant({"a": 95.0, "b": 51.0})
    scores = day_ahead_scores(published, truth, known, timezone=ZONE)
    assert scores == {"bus": LevelScore(pytest.approx(15.0), pytest.approx(3.5), 48)}


def test_only_issues_at_the_chosen_local_hour_count() -> None:
    published = [level(MIDNIGHT + n * HOUR, {"a": 100.0 + n}) for n in range(24)]
    same = constant({"a": 100.0})
    assert day_ahead_scores(published, same, same, timezone=ZONE)["bus"].model == 0
    assert day_ahead_scores(published, same, same, timezone=ZONE, hour=9)["bus"].model == 9


def test_hours_beyond_a_day_ahead_do_not_count() -> None:
    forecast = level(MIDNIGHT, {"a": 100.0})
    forecast.means["a"][24:] = 1e6
    same = constant({"a": 100.0})
    assert day_ahead_scores([forecast], same, same, timezone=ZONE)["bus"].model == 0


def test_model_and_naive_are_scored_on_the_same_hours() -> None:
    truth = constant({"a": 100.0})
    truth.values["a"][14 * 24 + 3] = np.nan
    known = constant({"a": 90.0})
    known.values["a"][7 * 24 + 5] = np.nan
    score = day_ahead_scores([level(MIDNIGHT, {"a": 120.0})], truth, known, timezone=ZONE)["bus"]
    assert score == LevelScore(pytest.approx(20.0), pytest.approx(10.0), 22)


def test_hours_without_load_are_left_out() -> None:
    truth = constant({"a": 100.0})
    truth.values["a"][14 * 24] = 0.0
    score = day_ahead_scores([level(MIDNIGHT, {"a": 100.0})], truth, truth, timezone=ZONE)["bus"]
    assert score.n == 23


def test_a_series_without_truth_has_no_score() -> None:
    same = constant({"a": 100.0})
    assert day_ahead_scores([level(MIDNIGHT, {"b": 1.0})], same, same, timezone=ZONE) == {}


def test_the_truth_ends_where_it_ends() -> None:
    truth = HourlyValues(MIDNIGHT, {"a": np.full(5, 100.0)})
    assert np.isnan(truth.over("a", MIDNIGHT - 2 * HOUR, 10)).tolist() == [
        True, True, False, False, False, False, False, True, True, True,
    ]  # fmt: skip
