import numpy as np
import pytest

from forecasting.residuals import ArModel, default_lags, fit_ar


def simulate(phi: dict[int, float], n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = np.zeros(n)
    for t in range(max(phi), n):
        out[t] = sum(c * out[t - k] for k, c in phi.items()) + rng.normal()
    return out[:, None]


def test_the_fit_recovers_the_process_it_came_from():
    model = fit_ar(simulate({1: 0.6, 24: 0.3}, 20_000), (1, 2, 24))
    np.testing.assert_allclose(model.coefficients[:, 0], [0.6, 0.0, 0.3], atol=0.03)
    assert model.innovation_sd[0] == pytest.approx(1.0, abs=0.03)


def test_missing_readings_do_not_bend_the_fit():
    series = simulate({1: 0.6, 24: 0.3}, 20_000)
    series[np.random.default_rng(1).random(len(series)) < 0.1] = np.nan
    model = fit_ar(series, (1, 2, 24))
    np.testing.assert_allclose(model.coefficients[:, 0], [0.6, 0.0, 0.3], atol=0.04)


def test_a_forecast_follows_the_recursion_by_hand():
    model = ArModel((1, 3), np.array([[0.5], [0.2]]), np.ones(1))
    history = np.array([[1.0], [2.0], [4.0]])
    # 0.5*4 + 0.2*1 = 2.2; 0.5*2.2 + 0.2*2 = 1.5; 0.5*1.5 + 0.2*4 = 1.55
    np.testing.assert_allclose(model.forecast(history, 3)[:, 0], [2.2, 1.5, 1.55])


def test_the_residual_forecast_dies_out():
    model = fit_ar(simulate({1: 0.9, 24: 0.08}, 5_000), default_lags(24))
    far = model.forecast(np.ones((model.memory, 1)) * 3, 24 * 60)
    assert np.abs(far[-24:]).max() < 0.05


def test_an_explosive_series_is_shrunk_until_it_is_stable():
    growing = np.exp(0.02 * np.arange(600.0))[:, None]
    model = fit_ar(growing, (1, 2))
    far = model.forecast(np.ones((2, 1)), 2_000)
    assert np.abs(far[-1, 0]) < np.abs(far[0, 0])


def test_readings_one_by_one_leave_the_same_history_as_all_at_once():
    series = simulate({1: 0.6}, 400)
    series[[50, 51, 300]] = np.nan
    model = ArModel((1, 24), np.array([[0.6], [0.1]]), np.ones(1))
    whole = model.advanced(model.empty_history(), series)
    one = model.empty_history()
    for row in series:
        one = model.advanced(one, row[None])
    np.testing.assert_allclose(whole, one)
    assert np.isfinite(whole).all()


def test_a_missing_reading_takes_its_own_forecast():
    model = ArModel((1,), np.array([[0.5]]), np.ones(1))
    after = model.advanced(np.array([[8.0]]), np.array([[np.nan], [np.nan]]))
    assert after[0, 0] == 2.0


def test_a_history_too_short_for_any_lag_forecasts_nothing():
    model = fit_ar(np.ones((3, 2)), (4,))
    assert (model.coefficients == 0).all()


def test_a_short_history_keeps_short_lags_only():
    assert max(default_lags(24, 24 * 10)) <= 60
