"""Fits the additive models of all series of a design at once.

Per instant of the day: X'X and its eigenbasis once, X'Y for all series in one product, then each
series' scale and coefficients in O(p) and O(p^2). A Python loop runs over instants, never series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.cross_validation import held_out_residuals
from forecasting.design import Design
from forecasting.gam import GamModel
from forecasting.gram import EigenBasis, Gram, eigen_basis, rows_by_instant
from forecasting.link import Link, choose_link
from forecasting.missing import fill_gaps
from forecasting.penalty_selection import SCALES, choose_scale, pooled_reml, reml_curve
from forecasting.predictors import Predictors
from forecasting.specification import GamSpecification

__all__ = ["TOO_NEW", "GamFit", "fit_gam"]

_POOL_SIZE = 12
_LEAST_DAYS = 14
TOO_NEW = f"fewer than {_LEAST_DAYS} days of readings to fit on"
"""Why a new point has no model of its own."""


@dataclass(frozen=True, slots=True)
class GamFit:
    """A fitted model and, when asked for, its held-out residuals.

    Attributes
    ----------
    model
        The fitted model.
    held_out
        Actual minus prediction without the block of the interval, on the standardised link
        scale, shape (n_times, n_series); NaN where the load is missing. None if not asked for.
    """

    model: GamModel
    held_out: FloatArray | None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Training rows of one instant: positions, design, standardised load and what is known."""

    index: IntArray
    design: FloatArray
    values: FloatArray
    known: BoolArray


def fit_gam(
    specification: GamSpecification,
    predictors: Predictors,
    load: FloatArray,
    n_instants: int,
    *,
    link: Link | None = None,
    smoothing: FloatArray | None = None,
    blocks: IntArray | None = None,
) -> GamFit:
    """Fit the additive models of all series.

    Parameters
    ----------
    specification
        Terms; ranges not yet known are read from ``predictors``.
    predictors
        Of every training interval.
    load
        MW, shape (n_times, n_series); NaN = missing. Any float type; the work is in float64.
    n_instants
        Instants of the day.
    link
        Scale of each series; None chooses.
    smoothing
        Pooled smoothing parameters of an earlier fit, shape (n_instants, n_penalties): used as
        they are, so a refit is a linear solve. None selects them.
    blocks
        Number of the cross-validation block (say, the month) of each interval, shape (n_times,);
        given, the residuals held out by block come back too.
    """
    specification = specification.resolved(predictors)
    design = Design(specification)
    link = link or choose_link(load)
    matrix = _usable_matrix(design, predictors)
    order = rows_by_instant(predictors.instant, n_instants)
    if smoothing is None:
        pool = _pool(load)
        sample = [_pooled_rows(matrix, load, link, rows, pool) for rows in order]
        smoothing = pooled_reml(design, _gram(sample))
    fits = _Batch(design, matrix, load, link, order, smoothing)
    coefficients, scale = fits.solve()
    enough = np.isfinite(load).sum(axis=0) >= _LEAST_DAYS * n_instants
    reasons = tuple("" if ok else TOO_NEW for ok in enough)
    model = GamModel(
        design, link, coefficients, smoothing, SCALES[scale], fits.column_mean, reasons
    )
    held_out = None if blocks is None else fits.held_out(coefficients, scale, blocks)
    return GamFit(model, held_out)


class _Batch:
    """The fit of all series for given smoothing parameters, instant by instant."""

    def __init__(
        self,
        design: Design,
        matrix: FloatArray,
        load: FloatArray,
        link: Link,
        order: list[IntArray],
        smoothing: FloatArray,
    ) -> None:
        self._matrix, self._load, self._link, self._order = matrix, load, link, order
        self._penalty = design.penalty_matrix(smoothing)
        self._rank = design.penalty_rank
        self._bases: list[EigenBasis] = []
        self._complete: list[bool] = []
        self.column_mean = np.zeros((len(order), matrix.shape[1]))

    def rows(self, h: int) -> _Rows:
        """Return the rows of an instant that some series observed."""
        index = self._order[h]
        index = index[np.isfinite(self._matrix[index, 0])]
        values = self._link.forward(self._load[index])
        known = np.isfinite(values)
        seen = known.any(axis=1)
        if not seen.all():
            index, values, known = index[seen], values[seen], known[seen]
        if not known.all():
            values[~known] = 0.0
        return _Rows(index, self._matrix[index], values, known)

    def solve(self) -> tuple[FloatArray, IntArray]:
        """Return coefficients and the place of each series' scale among the candidates."""
        n_instants, n_series = len(self._order), self._load.shape[1]
        p = self._matrix.shape[1]
        coordinates = np.empty((n_instants, p, n_series))
        curves = np.zeros((len(SCALES), n_series))
        one = np.ones(n_series)
        for h in range(n_instants):
            rows = self.rows(h)
            basis = _basis(rows.design, self._penalty[h])
            self._bases.append(basis)
            complete = bool(rows.known.all())
            self._complete.append(complete)
            self.column_mean[h] = _mean_row(rows.design)
            filled = rows.values
            if not complete:
                filled = fill_gaps(rows.design, rows.values, rows.known, basis, one)
            coordinates[h] = (basis.transform @ rows.design.T) @ filled
            power = np.einsum("ts,ts->s", filled, filled)
            count = rows.known.sum(axis=0).astype(np.float64)
            curves += reml_curve(basis, coordinates[h], power, count, self._rank)
        scale = choose_scale(curves)
        for h in range(n_instants):
            basis = self._bases[h]
            if not self._complete[h]:
                self._refill(h, coordinates[h], SCALES[scale])
            shrink = basis.denominator(SCALES)[:, scale]
            coordinates[h] = basis.transform.T @ (coordinates[h] / shrink)
        return coordinates, scale

    def held_out(self, coefficients: FloatArray, scale: IntArray, blocks: IntArray) -> FloatArray:
        """Return residuals held out by block, shape (n_times, n_series)."""
        out = np.full(self._load.shape, np.nan)
        for h, basis in enumerate(self._bases):
            rows = self.rows(h)
            residual = np.where(rows.known, rows.values - rows.design @ coefficients[h], 0.0)
            part = held_out_residuals(
                rows.design @ basis.transform.T, basis, residual, scale, blocks[rows.index]
            )
            out[rows.index] = np.where(rows.known, part, np.nan)
        return out

    def _refill(self, h: int, coordinates: FloatArray, scale: FloatArray) -> None:
        """Fill gaps again at the chosen scales, in place, for the series that have any."""
        rows = self.rows(h)
        holed = np.flatnonzero(~rows.known.all(axis=0))
        if len(holed):
            basis = self._bases[h]
            values, known = rows.values[:, holed], rows.known[:, holed]
            filled = fill_gaps(rows.design, values, known, basis, scale[holed])
            coordinates[:, holed] = basis.transform @ (rows.design.T @ filled)


def _usable_matrix(design: Design, predictors: Predictors) -> FloatArray:
    """Return the design with rows of NaN where a predictor is not known."""
    known = predictors.known()
    if known.all():
        return design.matrix(predictors)
    out = np.full((len(predictors), design.n_columns), np.nan)
    out[known] = design.matrix(predictors.rows(np.flatnonzero(known)))
    return out


def _basis(X: FloatArray, penalty: FloatArray) -> EigenBasis:
    return eigen_basis(X.T @ X, penalty)


def _mean_row(X: FloatArray) -> FloatArray:
    return X.mean(axis=0) if len(X) else np.zeros(X.shape[1])


def _pool(load: FloatArray) -> IntArray:
    """Choose well-observed series, spread over the list, to select the penalties on."""
    count = np.isfinite(load).sum(axis=0)
    good = np.flatnonzero(count >= 0.9 * count.max())
    return good[np.unique(np.linspace(0, len(good) - 1, _POOL_SIZE).astype(np.int64))]


def _pooled_rows(
    matrix: FloatArray, load: FloatArray, link: Link, index: IntArray, pool: IntArray
) -> _Rows:
    index = index[np.isfinite(matrix[index, 0])]
    values = link.chosen(pool).forward(np.asarray(load[np.ix_(index, pool)], dtype=np.float64))
    known = np.isfinite(values)
    return _Rows(index, matrix[index], np.where(known, values, 0.0), known)


def _gram(sample: list[_Rows]) -> Gram:
    """Return the statistics of the pool; a gap counts as the mean, as the pool has few."""
    return Gram(
        np.stack([r.design.T @ r.design for r in sample]),
        np.stack([r.design.T @ r.values for r in sample]),
        np.stack([(r.values**2).sum(axis=0) for r in sample]),
        np.stack([r.known.sum(axis=0).astype(np.float64) for r in sample]),
        np.stack([r.design.sum(axis=0) for r in sample]),
    )
