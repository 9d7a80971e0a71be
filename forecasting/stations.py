"""Which weather stations a series listens to, chosen from data.

A model on each station alone is held out by month; the convex combination of those predictions
with the least squared error gives the weights (stacked regression, Breiman, Machine Learning
24, 1996), and the blend of temperatures with these weights serves the final model.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.gam_fitting import fit_gam
from forecasting.predictors import Predictors
from forecasting.specification import GamSpecification
from forecasting.weather import smooth

__all__ = ["choose_station_weights", "convex_weights"]

_SMALLEST = 0.03  # below this a station is left out
_GRID = 0.05  # weights are rounded, so that series alike share a design
_N_ITERATIONS = 400


def choose_station_weights(
    specification: GamSpecification,
    calendar_columns: Predictors,
    stations: FloatArray,
    load: FloatArray,
    n_instants: int,
    blocks: IntArray,
) -> FloatArray:
    """Return the weight of each station for each series, shape (n_series, n_stations).

    Parameters
    ----------
    specification
        Terms of the model, on the temperature columns.
    calendar_columns
        Predictors without weather.
    stations
        degC, shape (n_times, n_stations); NaN = missing.
    load
        MW, shape (n_times, n_series); NaN = missing.
    blocks
        Cross-validation block of each interval.
    """
    n_series, n_stations = load.shape[1], stations.shape[1]
    if n_stations == 1:
        return np.ones((n_series, 1))
    columns, _ = smooth(stations, n_instants)
    residuals = np.zeros((n_stations, *load.shape))
    known = np.ones(load.shape, dtype=np.bool_)
    link = smoothing = None
    for k in range(n_stations):
        own = calendar_columns.joined(columns.zone(k))
        fit = fit_gam(
            specification, own, load, n_instants, link=link, smoothing=smoothing, blocks=blocks
        )
        link, smoothing = fit.model.link, fit.model.smoothing
        if fit.held_out is not None:
            known &= np.isfinite(fit.held_out)
            residuals[k] = np.where(np.isfinite(fit.held_out), fit.held_out, 0.0)
    residuals *= known
    weights = convex_weights(np.einsum("kts,lts->skl", residuals, residuals, optimize=True))
    rounded = np.where(
        weights < _SMALLEST, 0.0, np.maximum(_GRID, _GRID * np.rint(weights / _GRID))
    )
    return np.asarray(rounded / rounded.sum(axis=1, keepdims=True))


def convex_weights(products: FloatArray) -> FloatArray:
    """Return the weights w >= 0 with sum 1 that minimise w'Aw, shape (n, k).

    Accelerated projected gradient on all problems at once.

    Parameters
    ----------
    products
        A, positive semi-definite, shape (n, k, k).

    Examples
    --------
    >>> convex_weights(np.diag([1.0, 3.0])[None]).round(3).tolist()
    [[0.75, 0.25]]
    """
    n, k = products.shape[:2]
    largest = np.trace(products, axis1=1, axis2=2)
    scaled = products / np.where(largest > 0, largest, 1.0)[:, None, None]
    weights = np.full((n, k), 1.0 / k)
    ahead, momentum = weights, 1.0
    for _ in range(_N_ITERATIONS):
        gradient = (scaled @ ahead[:, :, None])[:, :, 0]
        moved = _onto_simplex(ahead - gradient)
        following = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + (momentum - 1.0) / following * (moved - weights)
        weights, momentum = moved, following
    return weights


def _onto_simplex(points: FloatArray) -> FloatArray:
    """Return the nearest points with non-negative coordinates that sum to 1."""
    ordered = -np.sort(-points, axis=1)
    excess = (np.cumsum(ordered, axis=1) - 1.0) / np.arange(1, points.shape[1] + 1)
    last = np.count_nonzero(ordered > excess, axis=1) - 1
    shift = np.take_along_axis(excess, last[:, None], axis=1)
    return np.asarray(np.maximum(points - shift, 0.0))
