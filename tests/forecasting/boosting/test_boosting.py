"""Boosted trees: what they may read, and what they find that a line cannot."""

import numpy as np
import pytest

from forecasting.boosting.features import MEMORY_DAYS, Past, features
from forecasting.boosting.trees import BoostedModel, fit_boosted
from forecasting.calendar import Calendar
from forecasting.rolling_origin import Origins
from tests.forecasting.conftest import hours

N_STEPS = 3


@pytest.fixture(scope="module")
def past() -> Past:
    """260 days of hours; what the base misses goes on by day, and turns its sign by night."""
    rng = np.random.default_rng(5)
    n_times = 24 * 260
    times = hours("2023-01-01T00", n_times)
    predictors = Calendar("Europe/Paris", 3_600_000_000_000).predictors(times)
    temperature = 12 + 6 * np.sin(np.arange(n_times) * 2 * np.pi / 24)
    base = np.sin(2 * np.pi * predictors.instant / 24)
    miss = np.zeros(n_times)
    for row, noise in enumerate(rng.normal(0, 0.1, n_times - 1)):
        by_day = 6 <= predictors.instant[row + 1] < 18
        miss[row + 1] = (0.9 if by_day else -0.9) * miss[row] + noise
    return Past(base + miss, base, predictors.joined({"temperature": temperature}), 24)


def linear(past: Past, origins: Origins) -> np.ndarray:
    """The best line through the last miss, as the only other model, (n_origins, n_steps, 1)."""
    miss = past.load - past.base
    out = [
        np.polyval(np.polyfit(miss[: -1 - k], miss[1 + k :], 1), miss[origins.rows - 1])
        for k in range(origins.n_steps)
    ]
    return np.stack(out, axis=1)[:, :, None]


@pytest.fixture(scope="module")
def fitted(past: Past) -> tuple[BoostedModel, Origins]:
    early = Origins(np.arange(MEMORY_DAYS * 24, 200 * 24), N_STEPS)
    model = fit_boosted(past, early, linear(past, early))
    return model, Origins(np.arange(201 * 24, 260 * 24 - N_STEPS), N_STEPS)


def test_what_an_origin_is_told_does_not_depend_on_any_load_after_it(past: Past) -> None:
    origin, lead = np.array([500, 500, 700]), np.array([0, 30, 2])
    told = features(past, origin, lead, np.zeros((3, 1)))
    for place, row in enumerate(origin):
        other = past.load.copy()
        other[row:] = 1e6
        later = Past(other, past.base, past.predictors, past.n_instants)
        again = features(
            later, origin[place : place + 1], lead[place : place + 1], np.zeros((1, 1))
        )
        assert np.array_equal(again[0], told[place], equal_nan=True)


def test_without_weather_there_are_only_fewer_columns(past: Past) -> None:
    columns = {k: v for k, v in past.predictors.columns.items() if k != "temperature"}
    dry = Past(past.load, past.base, type(past.predictors)(past.predictors.instant, columns), 24)
    origin, lead, others = np.array([500]), np.array([2]), np.zeros((1, 2))
    there, without = (features(p, origin, lead, others) for p in (past, dry))
    assert without.shape[1] < there.shape[1]
    assert np.isfinite(without).all()


def test_trees_find_what_the_best_line_cannot(past: Past, fitted) -> None:
    model, late = fitted
    others = linear(past, late)
    actual = past.load[late.targets()]
    alone = np.abs(actual - past.base[late.targets()] - others[..., 0]).mean(axis=0)
    boosted = np.abs(actual - model.forecast(past, late, others)).mean(axis=0)
    # The noise alone is 0.080 in the mean, and 0.18 what a line with no slope leaves.
    assert boosted[0] < 0.1 < 0.16 < alone[0]
    assert model.weights.sum(axis=1) == pytest.approx(1.0)


def test_a_model_read_back_forecasts_the_same(past: Past, fitted) -> None:
    model, late = fitted
    again = BoostedModel.from_arrays(model.to_arrays())
    some = Origins(late.rows[:20], N_STEPS)
    others = linear(past, some)
    assert np.array_equal(again.forecast(past, some, others), model.forecast(past, some, others))


def test_an_origin_without_its_memory_is_refused(past: Past) -> None:
    early = Origins(np.array([24]), N_STEPS)
    with pytest.raises(ValueError, match="15 days"):
        fit_boosted(past, early, np.zeros((1, N_STEPS, 1)))


def test_too_few_known_targets_are_refused(past: Past) -> None:
    some = Origins(np.arange(MEMORY_DAYS * 24, MEMORY_DAYS * 24 + 9), N_STEPS)
    with pytest.raises(ValueError, match="9 known targets"):
        fit_boosted(past, some, np.zeros((9, N_STEPS, 1)))
