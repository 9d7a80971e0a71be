"""How good a forecast was. Every score leaves out pairs where the actual or the forecast is NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatArray, IntArray

__all__ = ["Scores", "coverage", "crps", "interval_width", "pinball", "score"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Point scores over one axis of actuals and forecasts.

    Attributes
    ----------
    n, n_zero
        Pairs scored, and those among them left out of MAPE because the actual is zero.
    mape, wape
        Percent: mean of |error / actual|, and sum of |error| over sum of |actual|.
    mae, rmse, bias
        MW; bias is the mean of forecast - actual.
    over_share
        Share of forecasts above the actual, percent.
    peak_error
        Largest |error|, MW.
    """

    n: IntArray
    n_zero: IntArray
    mape: FloatArray
    wape: FloatArray
    mae: FloatArray
    rmse: FloatArray
    bias: FloatArray
    over_share: FloatArray
    peak_error: FloatArray


def score(actual: FloatArray, forecast: FloatArray, axis: int | tuple[int, ...] = 0) -> Scores:
    """Return the point scores along an axis; NaN where nothing could be scored.

    Examples
    --------
    >>> s = score(np.array([100.0, 0.0, 200.0]), np.array([110.0, 5.0, 190.0]))
    >>> round(float(s.mape), 3), int(s.n_zero), round(float(s.bias), 3)
    (7.5, 1, 1.667)
    """
    known = np.isfinite(actual) & np.isfinite(forecast)
    y = np.where(known, actual, 0.0)
    error = np.where(known, forecast, 0.0) - y
    size = np.abs(error)
    n = known.sum(axis=axis)
    nonzero = known & (y != 0)
    share = np.where(nonzero, size / np.where(nonzero, np.abs(y), 1.0), 0.0)
    total = np.abs(y).sum(axis=axis)
    return Scores(
        n=n,
        n_zero=n - nonzero.sum(axis=axis),
        mape=_ratio(100.0 * share.sum(axis=axis), nonzero.sum(axis=axis)),
        wape=_ratio(100.0 * size.sum(axis=axis), total),
        mae=_ratio(size.sum(axis=axis), n),
        rmse=np.sqrt(_ratio((error**2).sum(axis=axis), n)),
        bias=_ratio(error.sum(axis=axis), n),
        over_share=_ratio(100.0 * (known & (error > 0)).sum(axis=axis), n),
        peak_error=np.where(n > 0, size.max(axis=axis, initial=0.0), np.nan),
    )


def pinball(actual: FloatArray, quantiles: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Return the mean pinball loss of each quantile, MW, shape (n_quantiles,).

    Parameters
    ----------
    actual
        Any shape.
    quantiles
        That shape with the quantiles as first axis.
    probabilities
        Shape (n_quantiles,).
    """
    gap = actual[None] - quantiles
    known = np.isfinite(gap)
    level = probabilities.reshape(-1, *([1] * actual.ndim))
    loss = np.where(known, np.maximum(level * gap, (level - 1.0) * gap), 0.0)
    axes = tuple(range(1, gap.ndim))
    return _ratio(loss.sum(axis=axes), known.sum(axis=axes))


def crps(actual: FloatArray, quantiles: FloatArray, probabilities: FloatArray) -> float:
    """Return the continuous ranked probability score, MW: twice the pinball loss integrated.

    Trapezoidal over the given probabilities, with the loss falling to 0 at 0 and 1.
    """
    losses = np.concatenate([[0.0], pinball(actual, quantiles, probabilities), [0.0]])
    grid = np.concatenate([[0.0], probabilities, [1.0]])
    return float(2.0 * np.sum(np.diff(grid) * (losses[1:] + losses[:-1]) / 2.0))


def coverage(actual: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Return the share of actuals inside [lower, upper], percent; NaN if there is none."""
    known = np.isfinite(actual) & np.isfinite(lower) & np.isfinite(upper)
    inside = known & (actual >= lower) & (actual <= upper)
    return float(_ratio(100.0 * inside.sum(), known.sum()))


def interval_width(lower: FloatArray, upper: FloatArray) -> float:
    """Return the mean width of intervals, MW."""
    width = upper - lower
    known = np.isfinite(width)
    return float(_ratio(np.where(known, width, 0.0).sum(), known.sum()))


def _ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    top, bottom = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), np.nan)
