import numpy as np

from forecasting.backtest import mid_term_backtest, week_bootstrap
from forecasting.specification import default_specification
from forecasting.training import History


def test_a_month_is_forecast_from_what_precedes_it_only(calendar, world):
    n_train = 24 * 120
    specification = default_specification(160.0)
    ((_, before),) = mid_term_backtest(calendar, world, specification, n_train)
    load = world.load.copy()
    local = calendar.day(world.times).astype("datetime64[D]").astype("datetime64[M]")
    july = np.flatnonzero(local == np.datetime64("2023-07"))
    load[july[0] :] *= 3.0
    altered = History(world.series, world.times, load, world.stations)
    ((_, after),) = mid_term_backtest(calendar, altered, specification, n_train)
    np.testing.assert_allclose(before.rolling[july], after.rolling[july])
    august = np.flatnonzero(local == np.datetime64("2023-08"))
    assert np.abs(before.rolling[august] - after.rolling[august]).mean() > 0.1
    np.testing.assert_allclose(before.static, after.static)


def test_the_bootstrap_interval_surrounds_the_mean_and_narrows_with_weeks():
    rng = np.random.default_rng(0)
    values = rng.exponential(2.0, 700)
    long = week_bootstrap({"x": values}, np.arange(700) // 7)["x"]
    short = week_bootstrap({"x": values[:70]}, np.arange(70) // 7)["x"]
    assert long[0] < values.mean() < long[1]
    assert long[1] - long[0] < short[1] - short[0]
