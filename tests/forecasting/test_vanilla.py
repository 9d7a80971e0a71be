import numpy as np
import pytest

from forecasting.predictors import Predictors
from forecasting.vanilla import fit_vanilla


@pytest.fixture
def year(calendar):
    times = np.datetime64("2022-01-01", "ns").astype(np.int64) + calendar.step_ns * np.arange(
        24 * 365
    )
    predictors = calendar.predictors(times)
    day = calendar.day(times)
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    rng = np.random.default_rng(0)
    joined = predictors.joined({"temperature": rng.uniform(-5, 30, len(times))})
    return joined, ((day + 3) % 7).astype(float), month.astype(float)


def law(predictors: Predictors, weekday: np.ndarray, month: np.ndarray) -> np.ndarray:
    t = predictors["temperature"]
    hour = predictors.instant
    return 50 + 0.5 * month + 2 * np.sin(hour + weekday) + (0.01 * hour + 0.02 * month) * t**2


def test_what_lies_in_its_span_is_reproduced(year):
    predictors, weekday, month = year
    truth = law(predictors, weekday, month)
    load = np.stack([truth, 3 * truth], axis=1)
    model = fit_vanilla(predictors, weekday, month, load, 24)
    np.testing.assert_allclose(model.predict(predictors, weekday, month), load, rtol=1e-5)


def test_gaps_of_one_series_do_not_touch_another(year):
    predictors, weekday, month = year
    rng = np.random.default_rng(1)
    load = law(predictors, weekday, month)[:, None] + rng.normal(size=(len(month), 2))
    whole = fit_vanilla(predictors, weekday, month, load, 24)
    load[100:900, 1] = np.nan
    holed = fit_vanilla(predictors, weekday, month, load, 24)
    before, after = (m.predict(predictors, weekday, month) for m in (whole, holed))
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=1e-9)
    assert np.abs(after[:, 1] - before[:, 1]).max() > 1e-3


def test_without_temperature_only_the_clock_remains(calendar, year):
    predictors, weekday, month = year
    columns = {k: v for k, v in predictors.columns.items() if k != "temperature"}
    bare = Predictors(predictors.instant, columns)
    load = (10 + weekday + 0.1 * bare.instant)[:, None]
    model = fit_vanilla(bare, weekday, month, load, 24)
    np.testing.assert_allclose(model.predict(bare, weekday, month), load, rtol=1e-6)
