import numpy as np
import pytest

from forecasting.recent import Recent
from forecasting.residuals import ArModel, default_lags, fit_ar


def simulate(phi: dict[int, float], n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = np.zeros(n)
    for t in range(max(phi), n):
        out[t] = sum(c * out[t - k] for k, c in phi.items()) + rng.normal()
    return out[:, None]


def clock(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.int64)


def fit(series: np.ndarray, lags: tuple[int, ...], n_instants: int = 1) -> ArModel:
    return fit_ar(series, lags, clock(len(series)), n_instants)


def test_the_fit_recovers_the_process_it_came_from():
    model = fit(simulate({1: 0.6, 24: 0.3}, 20_000), (1, 2, 24))
    np.testing.assert_allclose(model.coefficients[0, :, 0], [0.6, 0.0, 0.3], atol=0.03)
    assert model.innovation_sd[0] == pytest.approx(1.0, abs=0.03)


def test_missing_readings_do_not_bend_the_fit():
    series = simulate({1: 0.6, 24: 0.3}, 20_000)
    series[np.random.default_rng(1).random(len(series)) < 0.1] = np.nan
    model = fit(series, (1, 2, 24))
    np.testing.assert_allclose(model.coefficients[0, :, 0], [0.6, 0.0, 0.3], atol=0.04)


def test_a_forecast_follows_the_recursion_by_hand():
    model = ArModel((1, 3), np.array([[[0.5], [0.2]]]), np.ones(1))
    history = np.array([[1.0], [2.0], [4.0]])
    # 0.5*4 + 0.2*1 = 2.2; 0.5*2.2 + 0.2*2 = 1.5; 0.5*1.5 + 0.2*4 = 1.55
    np.testing.assert_allclose(model.forecast(history, clock(3))[:, 0], [2.2, 1.5, 1.55])


def test_the_residual_forecast_dies_out():
    model = fit(simulate({1: 0.9, 24: 0.08}, 5_000), default_lags(24))
    far = model.forecast(np.ones((model.memory, 1)) * 3, clock(24 * 60))
    assert np.abs(far[-24:]).max() < 0.05


def test_an_explosive_series_is_shrunk_until_it_is_stable():
    growing = np.exp(0.02 * np.arange(600.0))[:, None]
    model = fit(growing, (1, 2))
    far = model.forecast(np.ones((2, 1)), clock(2_000))
    assert np.abs(far[-1, 0]) < np.abs(far[0, 0])


def test_readings_one_by_one_leave_the_same_history_as_all_at_once():
    series = simulate({1: 0.6}, 400)
    series[[50, 51, 300]] = np.nan
    model = ArModel((1, 24), np.array([[[0.6], [0.1]]]), np.ones(1))
    whole = model.advanced(model.empty_history(), series, clock(400))
    one = model.empty_history()
    for t, row in enumerate(series):
        one = model.advanced(one, row[None], np.array([t]))
    np.testing.assert_allclose(whole.rows, one.rows)
    assert np.isfinite(whole.rows).all()


def test_a_missing_reading_takes_its_own_forecast():
    model = ArModel((1,), np.array([[[0.5]]]), np.ones(1))
    after = model.advanced(
        Recent.of(np.array([[8.0]]), 1), np.array([[np.nan], [np.nan]]), clock(2)
    )
    assert after.rows.tolist() == [[2.0]]


def test_a_history_too_short_for_any_lag_forecasts_nothing():
    model = fit(np.ones((3, 2)), (4,))
    assert (model.coefficients == 0).all()


def test_a_short_history_keeps_short_lags_only():
    assert max(default_lags(24, 24 * 10)) <= 60


def test_every_instant_finds_the_dynamics_of_its_own_hour():
    rng = np.random.default_rng(2)
    n = 24 * 1500
    daytime = (np.arange(n) % 24 >= 8) & (np.arange(n) % 24 < 20)
    out = np.zeros(n)
    for t in range(1, n):
        out[t] = (0.9 if daytime[t] else 0.2) * out[t - 1] + rng.normal()
    model = fit(out[:, None], (1, 2), 24)
    assert model.coefficients[14, 0, 0] == pytest.approx(0.9, abs=0.06)
    assert model.coefficients[2, 0, 0] == pytest.approx(0.2, abs=0.06)
    errors = model.innovations(out[:, None], clock(n))
    same_all_day = fit(out[:, None], (1, 2)).innovations(out[:, None], clock(n))
    assert np.nanstd(errors) < 0.97 * np.nanstd(same_all_day)


def test_many_origins_at_once_are_each_origin_alone():
    series = simulate({1: 0.6, 24: 0.3}, 3_000)
    model = fit(series, (1, 24), 24)
    starts = np.array([500, 507, 900])
    history = np.stack([series[s - 24 : s] for s in starts], axis=1)
    together = model.forecast(history, starts[None, :] + np.arange(5)[:, None])
    for i, s in enumerate(starts):
        alone = model.forecast(series[s - 24 : s], s + np.arange(5))
        np.testing.assert_allclose(together[:, i], alone)
