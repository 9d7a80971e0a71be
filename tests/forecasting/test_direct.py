import numpy as np

from forecasting.direct import DirectModel, fit_direct


def daily_process(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = np.zeros(n)
    for t in range(12, n):
        out[t] = 0.7 * out[t - 1] + 0.2 * out[t - 12] + rng.normal(0, 0.3)
    return out[:, None]


def test_it_forecasts_better_than_saying_nothing_and_best_at_short_leads():
    series = daily_process(6_000)
    model = fit_direct(series[:4_000], 12, 12)
    origins = np.arange(4_000, 5_900, 7)
    actual = series[origins[:, None] + np.arange(12)]
    error = np.abs(actual - model.forecast(series, origins)).mean(axis=(0, 2))
    silence = np.abs(actual).mean(axis=(0, 2))
    assert error[0] < 0.7 * silence[0]
    assert (error < 1.02 * silence).all()


def test_nothing_after_the_origin_is_read():
    series = daily_process(3_000)
    model = fit_direct(series[:2_000], 12, 12)
    origins = np.array([2_500])
    before = model.forecast(series, origins)
    series[2_500:] = 1e6
    np.testing.assert_allclose(model.forecast(series, origins), before)


def test_gaps_are_survived_and_a_model_survives_being_stored():
    series = daily_process(3_000)
    series[::17] = np.nan
    model = fit_direct(series, 4, 12)
    again = DirectModel.from_arrays(model.to_arrays())
    origins = np.array([2_900])
    assert np.isfinite(model.forecast(series, origins)).all()
    np.testing.assert_array_equal(model.forecast(series, origins), again.forecast(series, origins))
