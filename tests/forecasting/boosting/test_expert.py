"""Trees in a backtest: what they issue at an origin, they issue from what precedes it."""

import numpy as np

from forecasting.backtest import mid_term_backtest
from forecasting.boosting.expert import fit_boosted_series
from forecasting.residuals import default_lags, fit_ar
from forecasting.rolling_origin import Origins
from forecasting.specification import default_specification
from forecasting.training import History

N_TRAIN = 24 * 150


def issued(calendar, history: History, rows: np.ndarray) -> np.ndarray:
    ((_, run),) = mid_term_backtest(calendar, history, default_specification(150.0), N_TRAIN)
    residual = (run.standard - run.rolling)[:N_TRAIN]
    instant = run.predictors.instant[:N_TRAIN]
    ar = fit_ar(residual, default_lags(24, N_TRAIN), instant, 24)
    series = fit_boosted_series(run, 0, ar, N_TRAIN, 1, 24, most_rows=1500)
    return series.issued(Origins(rows, 1))


def test_what_trees_issue_does_not_depend_on_any_load_after_the_origin(calendar, world):
    """Origins on both sides of a refit at the start of a month; loads triple after the last."""
    one = History(world.series[:1], world.times, world.load[:, :1], world.stations)
    local = calendar.day(one.times).astype("datetime64[D]").astype("datetime64[M]")
    august = int(np.flatnonzero(local == np.datetime64("2023-08"))[0])
    assert august > N_TRAIN
    rows = np.array([august - 30, august - 1, august + 5])
    load = one.load.copy()
    load[rows[-1] :] *= 3.0
    altered = History(one.series, one.times, load, one.stations)
    before = issued(calendar, one, rows)
    np.testing.assert_allclose(before, issued(calendar, altered, rows), rtol=1e-9)
    # The world is a line and noise; trees may not do much worse than the truth they are after.
    truth = np.log(one.load[:, 0])
    scale = truth[:N_TRAIN].std()
    assert np.abs(before[:, 0] - (truth[rows] - truth[:N_TRAIN].mean()) / scale).max() < 0.5
