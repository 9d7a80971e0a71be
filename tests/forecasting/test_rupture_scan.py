import numpy as np
import pytest

from forecasting.rupture_scan import least_steps, scan


def load(per_day: int, days: int, seed: int = 0) -> np.ndarray:
    """A daily shape with quieter weekends, and noise of 1 % that remembers a little."""
    t = np.arange(per_day * days)
    shape = 1.0 + 0.25 * np.sin(2 * np.pi * t / per_day) + 0.1 * np.sin(4 * np.pi * t / per_day)
    morning = np.maximum(0.0, np.sin(2 * np.pi * t / per_day))
    shape = shape - 0.2 * morning * (t // per_day % 7 >= 5)
    noise = np.random.default_rng(seed).normal(size=len(t)) * 0.01
    for i in range(1, len(t)):
        noise[i] += 0.6 * noise[i - 1]
    return 50.0 * shape * np.exp(noise)


def lasting(values: np.ndarray, per_day: int) -> list:
    return [event for event in scan(values, per_day) if event.kind != "outlier"]


@pytest.mark.parametrize("per_day", [24, 48, 96])
def test_a_fall_of_a_fifth_is_found_within_a_day_and_a_half(per_day: int) -> None:
    values, at = load(per_day, 100), 80 * per_day + per_day // 3
    values[at:] *= 0.8
    (event,) = lasting(values, per_day)
    assert event.kind == "level" or (event.kind == "profile" and event.onset <= at)
    assert event.kind == "profile" or abs(event.onset - at) <= 2
    assert 0 < event.detected - at <= 1.5 * per_day


def test_a_shape_turned_round_is_a_profile_rupture_found_within_two_days() -> None:
    values = load(48, 120)
    values[48 * 100 :] = np.roll(values, 24)[48 * 100 :]
    event = lasting(values, 48)[0]
    assert event.kind in ("profile", "level")
    assert event.detected - 48 * 100 < 2 * 48


def test_more_scatter_is_a_variance_rupture() -> None:
    values = load(48, 120)
    noise = np.random.default_rng(3).normal(size=20 * 48) * 0.08
    values[48 * 100 :] *= np.exp(noise)
    event = lasting(values, 48)[0]
    assert event.kind == "variance"
    assert event.detected - 48 * 100 <= 2 * 48


def test_a_value_that_stands_still_is_frozen_and_found_while_it_lasts() -> None:
    values = load(48, 60)
    values[48 * 50 : 48 * 51] = values[48 * 50]
    (event,) = lasting(values, 48)
    assert (event.kind, event.onset, event.detected) == ("frozen", 48 * 50, 48 * 50 + 5)


def test_consumption_that_goes_has_vanished_and_that_comes_is_new() -> None:
    values = load(24, 90)
    values[24 * 50 : 24 * 65] = 0.0
    found = lasting(values, 24)
    assert [event.kind for event in found[:2]] == ["vanished", "new"]
    assert [event.onset for event in found[:2]] == [24 * 50, 24 * 65]


def test_one_wild_reading_is_an_outlier_and_no_rupture() -> None:
    values = load(48, 90)
    values[48 * 70 + 9] *= 2.0
    assert [(event.kind, event.onset) for event in scan(values, 48)] == [("outlier", 48 * 70 + 9)]


def test_a_holiday_that_looks_like_a_sunday_is_no_rupture() -> None:
    values = load(48, 90)
    values[48 * 72 : 48 * 73] = values[48 * 69 : 48 * 70]
    assert lasting(values, 48) == []


def test_a_change_of_the_clock_is_no_rupture() -> None:
    values = load(24, 120)
    values[24 * 90 :] = np.roll(values, 1)[24 * 90 :]
    assert lasting(values, 24) == []


def test_calm_series_raise_nothing() -> None:
    assert [lasting(load(24, 365, seed), 24) for seed in range(3)] == [[], [], []]


def test_what_is_found_does_not_hang_on_what_comes_later() -> None:
    values, at = load(24, 150), 24 * 120
    values[at:] *= 0.8
    whole = scan(values, 24)[0]
    assert scan(values[: whole.detected + 25], 24)[0] == whole


def test_gaps_and_constant_and_short_series_raise_nothing() -> None:
    values = load(24, 90)
    values[24 * 40 : 24 * 45] = np.nan
    assert lasting(values, 24) == []
    assert scan(np.full(2_000, np.nan), 24) == []
    assert scan(np.zeros(2_000), 24) == []
    assert scan(load(24, 90)[: least_steps(24) - 1], 24) == []


def test_a_daily_series_without_a_profile_is_watched_for_its_level() -> None:
    values = 100 + np.random.default_rng(0).normal(size=400)
    values[300:] += 8.0
    event = lasting(values, 1)[0]
    assert event.kind == "level"
    assert abs(event.onset - 300) <= 2
