"""Forecasts of a point from its first day: what is known of all others, scaled to it.

One model serves all series: the shapes that they have and will have are the profiles, and a new
point is a mixture of the few that its first readings resemble most, each times its own scale. A
point that resembles none takes its share of the sum that it is part of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import AnyArray, BoolArray, FloatArray, IntArray
from forecasting.link import Link
from forecasting.quantiles import QuantileModel
from forecasting.stations import convex_weights

__all__ = ["ColdStart", "cold_start"]

_NEIGHBOURS = 5
_RESEMBLES = 0.6  # of the variance of the new point, explained by the nearest profile
_TOLD = 0.05  # weight from which a profile is named
_TOWARDS_EQUAL = 0.1  # how far a mixture of few readings is drawn to equal parts
_COVERED = 0.9  # share of the new point's readings that a profile must have too


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Forecasts of new points.

    Attributes
    ----------
    values
        MW, shape (n_steps, n_series); NaN where nothing can be said.
    method
        ``cold_start`` (profiles), ``sharing_key`` (of a sum), or empty, shape (n_series,).
    reason
        What it rests on, shape (n_series,).
    donor
        Series whose errors, relative to its size, stand for those of the new point; its own place
        for all others, shape (n_series,).
    misfit
        Mean absolute difference to the readings known, over their mean, shape (n_series,).
    parent
        Place of the sum that each is part of, -1 without, shape (n_series,).
    """

    values: FloatArray
    method: AnyArray
    reason: AnyArray
    donor: IntArray
    misfit: FloatArray
    parent: IntArray

    def spread(self, model: QuantileModel, link: Link) -> QuantileModel:
        """Return the distributions with those of new points: their donors', as wide as they fit.

        Errors of a donor count relative to its size, and are widened where the new point differs
        from its mixture by more than the donor from its own model.
        """
        started = np.flatnonzero(self.method != "")
        donor = self.donor[started]
        level = np.abs(self.values[:, started]).mean(axis=0)
        size = np.where(link.logarithmic[donor], 1.0, np.abs(link.centre[donor]) + 1e-12)
        unit = link.spread[donor] / size  # of the donor's scale, relative
        own = link.spread[started] / np.where(link.logarithmic[started], 1.0, level)
        usual = model.spread.mean(axis=0)[donor] * unit
        wider = np.maximum(1.0, self.misfit[started] / np.maximum(usual, 1e-12))
        spread, factor, shape = model.spread.copy(), model.factor.copy(), model.shape.copy()
        spread[:, started] = spread[:, donor] * (unit / own * wider)
        factor[:, started], shape[:, :, started] = factor[:, donor], shape[:, :, donor]
        return replace(model, spread=spread, factor=factor, shape=shape)

    def outgrown(self, error_variance: FloatArray) -> BoolArray:
        """Return the sums whose own forecast does not hold what began below, shape (n_series,).

        Their models learnt from the time before: what the new points add is more than their
        errors usually are.

        Parameters
        ----------
        error_variance
            Of each series, MW^2, shape (n_series,).
        """
        mean = self.values.mean(axis=0)
        added = np.zeros(len(mean))
        places = np.flatnonzero(np.isfinite(mean))
        for above in _climb(places, self.parent):
            inside = above >= 0
            np.add.at(added, above[inside], mean[places[inside]])
        return np.asarray(np.abs(added) > np.sqrt(error_variance))


def cold_start(
    new: BoolArray,
    names: tuple[str, ...],
    parent: IntArray,
    loads: FloatArray,
    forecasts: FloatArray,
    n_instants: int,
) -> ColdStart:
    """Forecast new points.

    Parameters
    ----------
    new
        Points without a model of their own for want of readings, shape (n_series,).
    names
        Of the series.
    parent
        Place of the sum that each is part of, -1 without, shape (n_series,).
    loads
        Readings of the last days, MW, shape (n, n_series); NaN = missing.
    forecasts
        Of the series with models, MW, shape (n_steps, n_series); NaN for the others.
    n_instants
        Intervals of a day: less than one day of readings resembles anything.
    """
    n_series = len(new)
    out = ColdStart(
        np.full_like(forecasts, np.nan),
        np.full(n_series, "", object),
        np.full(n_series, "", object),
        np.arange(n_series),
        np.zeros(n_series),
        parent,
    )
    known = np.isfinite(loads)
    places = np.flatnonzero(new & known.any(axis=0))
    served = np.flatnonzero(~new & np.isfinite(forecasts).all(axis=0))
    if not len(places) or not len(served):
        return out
    days = known[:, places].sum(axis=0) / n_instants
    explained, scale = _resemblance(loads[:, places], loads[:, served])
    explained[days < 1.0] = -np.inf
    # A sum that the new point is part of has changed with it, and its forecast not yet.
    for above in _climb(places, parent):
        explained[above[:, None] == served] = -np.inf
    nearest = np.argsort(-explained, axis=1)[:, :_NEIGHBOURS]
    best = np.take_along_axis(explained, nearest, axis=1)
    alike = best[:, 0] >= _RESEMBLES
    size = np.where(np.isfinite(best), np.take_along_axis(scale, nearest, axis=1), 0.0)
    weight = _mixture(loads[:, places], loads[:, served[nearest]] * size, np.isfinite(best))
    mixed = np.einsum("tnk,nk->tn", forecasts[:, served[nearest]], weight * size)
    for row in np.flatnonzero(alike).tolist():
        place = places[row]
        used = served[nearest[row, weight[row] >= _TOLD]]
        out.values[:, place] = mixed[:, row]
        out.method[place] = "cold_start"
        shapes = ", ".join(names[k] for k in used)
        out.reason[place] = f"{days[row]:.3g} days known: shaped like {shapes}, scaled"
        out.donor[place] = served[nearest[row, int(weight[row].argmax())]]
        fitted = loads[:, served[nearest[row]]] @ (weight[row] * size[row])
        out.misfit[place] = _misfit(loads[:, place], fitted)
    for row in np.flatnonzero(~alike).tolist():
        _share(out, int(places[row]), float(days[row]), names, parent, loads, forecasts)
    return out


def _resemblance(mine: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how much of each new point a scaled profile explains, and the scale.

    Least squares through the origin over the intervals that both know; explained is one less the
    share of the variance that is left. Shapes (n_new, n_others).
    """
    own, theirs = np.isfinite(mine), np.isfinite(others)
    y, x = np.where(own, mine, 0.0), np.where(theirs, others, 0.0)
    both = own.T.astype(np.float64) @ theirs.astype(np.float64)
    square, cross = own.T @ x**2, y.T @ x
    scale = cross / np.where(square > 0, square, 1.0)
    power, total = (y**2).T @ theirs, y.T @ theirs
    left = power - scale * cross
    variance = power - total**2 / np.maximum(both, 1.0)
    # A point that never moves is explained by whatever stands as still as itself.
    variance = np.maximum(variance, 1e-6 * power)
    explained = 1.0 - left / np.where(variance > 0, variance, 1.0)
    good = (variance > 0) & (scale > 0) & (both >= _COVERED * own.sum(axis=0)[:, None])
    return np.where(good, explained, -np.inf), scale


def _misfit(load: FloatArray, fitted: FloatArray) -> float:
    known = np.isfinite(load) & np.isfinite(fitted)
    gap = np.abs(load - fitted)[known].mean() if known.any() else 0.0
    return float(gap / max(np.abs(load[known]).mean() if known.any() else 1.0, 1e-12))


def _climb(places: IntArray, parent: IntArray) -> Iterator[IntArray]:
    """Yield the sum that each place is part of, then the one above, and so on; -1 at the end."""
    above = parent[places]
    while (above >= 0).any():
        yield above
        above = np.where(above >= 0, parent[above], -1)


def _mixture(mine: FloatArray, scaled: FloatArray, usable: BoolArray) -> FloatArray:
    """Return the convex mixture of scaled profiles nearest to each new point, (n_new, k).

    Parameters
    ----------
    mine
        Shape (n, n_new).
    scaled, usable
        Shapes (n, n_new, k) and (n_new, k).
    """
    left = mine[:, :, None] - scaled
    left = np.where(np.isfinite(left), left, 0.0).transpose(1, 2, 0)
    products = left @ left.transpose(0, 2, 1)
    k = np.arange(products.shape[1])
    nearest = np.where(usable, products[:, k, k], np.inf).min(axis=1)[:, None]
    products[:, k, k] += np.where(np.isfinite(nearest), _TOWARDS_EQUAL * nearest, 0.0)
    weight = np.where(usable, convex_weights(products), 0.0)
    return np.asarray(weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300))


def _share(
    out: ColdStart,
    place: int,
    days: float,
    names: tuple[str, ...],
    parent: IntArray,
    loads: FloatArray,
    forecasts: FloatArray,
) -> None:
    """Give a point its share of the nearest sum above it that has a forecast."""
    above = int(parent[place])
    while above >= 0:
        both = np.isfinite(loads[:, place]) & np.isfinite(loads[:, above])
        whole = float(loads[both, above].sum())
        if np.isfinite(forecasts[:, above]).all() and whole > 0:
            key = float(loads[both, place].sum()) / whole
            out.values[:, place] = key * forecasts[:, above]
            out.method[place] = "sharing_key"
            told = f"{days:.3g} days known, like no other: {100 * key:.3g} % of {names[above]}"
            out.reason[place] = told
            out.donor[place] = above
            out.misfit[place] = _misfit(loads[:, place], key * loads[:, above])
            return
        above = int(parent[above])
