"""Short-term models fitted by statsmodels: a seasonal AR by maximum likelihood, series by series.

SARIMAX (p, 0, 0) x (1, 0, 0)_day is an autoregression on the lags of its multiplied polynomials, so
its estimates fill the same ``ArModel``; its Kalman filter takes missing values as they come. Slow:
seconds a series.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecasting.arrays import FloatArray, IntArray
from forecasting.residuals import ArModel

__all__ = ["fit_ar_by_statsmodels", "seasonal_model"]

_ORDER = 2


def fit_ar_by_statsmodels(
    residuals: FloatArray, lags: tuple[int, ...], instant: IntArray, n_instants: int
) -> ArModel:
    """Fit each series by statsmodels; arguments and result as ``fit_ar``.

    The lags are its own: 1 and 2, the day, and the day plus 1 and 2, with the same coefficients
    at every instant; ``lags`` and ``instant`` are not read.
    """
    day = n_instants
    own = (1, 2, day, day + 1, day + 2)
    coefficients = np.zeros((len(own), residuals.shape[1]))
    sd = np.zeros(residuals.shape[1])
    for s in range(residuals.shape[1]):
        if np.isfinite(residuals[:, s]).sum() <= 2 * day:
            continue
        with warnings.catch_warnings():
            # The best found so far is still a fine autoregression; its errors are measured below.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = seasonal_model(residuals[:, s], day).fit(disp=False, maxiter=50)
        one, two, seasonal = (float(v) for v in fitted.params[:3])
        coefficients[:, s] = [one, two, seasonal, -one * seasonal, -two * seasonal]
        sd[s] = float(np.sqrt(fitted.scale))
    return ArModel(own, coefficients[None], sd)


def seasonal_model(series: FloatArray, day: int) -> Any:
    """Return the unfitted state-space model of one series, shape (n_times,); NaN = missing."""
    return SARIMAX(
        series,
        order=(_ORDER, 0, 0),
        seasonal_order=(1, 0, 0, day),
        trend=None,
        concentrate_scale=True,
    )
