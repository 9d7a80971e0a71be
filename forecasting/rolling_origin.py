"""Errors the short-term model would have made in the training window, origin by origin.

They come from residuals held out by the mid-term model, so they are honest enough to set quantiles,
reconciliation weights and the choice between the model and the naive forecast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from forecasting.arrays import FloatArray, IntArray
from forecasting.residuals import ArModel

__all__ = ["Origins", "choose_origins", "short_term_errors", "short_term_forecasts"]


@dataclass(frozen=True, slots=True)
class Origins:
    """Rows at which a forecast is made; row o is the first interval of its horizon.

    Attributes
    ----------
    rows
        Shape (n_origins,).
    n_steps
        Steps of every horizon.
    """

    rows: IntArray
    n_steps: int

    def targets(self) -> IntArray:
        """Return the rows forecast, shape (n_origins, n_steps)."""
        return self.rows[:, None] + np.arange(self.n_steps)


def choose_origins(
    n_times: int, memory: int, n_steps: int, n_instants: int, most: int = 360
) -> Origins:
    """Return origins through the latest part of the window, at every hour of the day in turn.

    Examples
    --------
    >>> choose_origins(200, 48, 24, 24).rows.tolist()
    [51, 76, 101, 126, 151, 176]
    """
    stride = n_instants + max(1, n_instants // 24)
    last = n_times - n_steps
    rows = np.arange(last, memory - 1, -stride, dtype=np.int64)[:most]
    return Origins(rows[::-1], n_steps)


def short_term_errors(
    model: ArModel, residuals: FloatArray, origins: Origins, instant: IntArray
) -> FloatArray:
    """Return actual minus forecast on the link scale, shape (n_origins, n_steps, n_series).

    Parameters
    ----------
    model
        Autoregression of these series.
    residuals
        Held-out residuals, shape (n_times, n_series); NaN = missing: as a target it stays NaN,
        as a past value it counts as zero.
    instant
        Instant of day of each interval, shape (n_times,).
    """
    forecast = short_term_forecasts(model, residuals, origins, instant)
    return np.asarray(residuals[origins.targets()] - forecast)


def short_term_forecasts(
    model: ArModel, residuals: FloatArray, origins: Origins, instant: IntArray
) -> FloatArray:
    """Return the residuals expected at each origin, shape (n_origins, n_steps, n_series).

    Parameters
    ----------
    model, residuals, instant
        As ``short_term_errors`` takes them; only residuals before an origin are read.
    """
    if not len(origins.rows):
        return np.empty((0, origins.n_steps, residuals.shape[1]))
    past = np.where(np.isfinite(residuals), residuals, 0.0)
    windows = sliding_window_view(past, model.memory, axis=0)[origins.rows - model.memory]
    forecast = model.forecast(windows.transpose(2, 0, 1), instant[origins.targets()].T)
    return np.asarray(forecast.transpose(1, 0, 2))
