import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg

from forecasting.backends import residual_backend
from forecasting.backends.statsmodels_backend import seasonal_model
from forecasting.recent import Recent
from forecasting.residuals import ArModel, default_lags, fit_ar


def seasonal_noise(n: int, day: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = np.zeros(n + 200)
    for t in range(day + 2, n + 200):
        out[t] = 0.6 * out[t - 1] + 0.3 * (out[t - day] - 0.6 * out[t - day - 1]) + rng.normal()
    return out[200:]


def test_given_the_same_coefficients_the_forecasts_agree_with_sarimax():
    series = seasonal_noise(300)
    phi, seasonal = 0.5, 0.3
    oracle = seasonal_model(series, 12).smooth([phi, 0.1, seasonal])
    coefficients = np.array([phi, 0.1, seasonal, -phi * seasonal, -0.1 * seasonal])[None, :, None]
    ours = ArModel((1, 2, 12, 13, 14), coefficients, np.ones(1))
    np.testing.assert_allclose(
        ours.forecast(series[:, None], np.arange(40))[:, 0], oracle.forecast(40), atol=1e-9
    )


def test_one_more_reading_moves_both_forecasts_alike():
    series = seasonal_noise(300)
    oracle = seasonal_model(series[:250], 12).smooth([0.5, 0.1, 0.3]).extend(series[250:])
    coefficients = np.array([0.5, 0.1, 0.3, -0.15, -0.03])[None, :, None]
    ours = ArModel((1, 2, 12, 13, 14), coefficients, np.ones(1))
    history = ours.advanced(Recent.of(series[236:250, None], 14), series[250:, None], np.arange(50))
    np.testing.assert_allclose(
        ours.forecast(history.rows, np.arange(20))[:, 0], oracle.forecast(20), atol=1e-8
    )


def test_least_squares_agrees_with_autoreg():
    series = seasonal_noise(3_000)
    lags = (1, 2, 12, 13)
    oracle = AutoReg(series, list(lags), trend="n").fit()
    ours = fit_ar(series[:, None], lags, np.arange(3_000), 1)
    np.testing.assert_allclose(ours.coefficients[0, :, 0], oracle.params, atol=2e-3)


def test_the_statsmodels_backend_finds_the_seasonal_process_with_gaps():
    series = seasonal_noise(1_500)
    series[100:110] = np.nan
    model = residual_backend("statsmodels")(
        series[:, None], default_lags(12), np.arange(1_500) % 12, 12
    )
    assert model.lags == (1, 2, 12, 13, 14)
    np.testing.assert_allclose(model.coefficients[0, [0, 2], 0], [0.6, 0.3], atol=0.07)
    assert model.innovation_sd[0] == pytest.approx(1.0, abs=0.05)


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="choose batched or statsmodels"):
        residual_backend("lstm")
