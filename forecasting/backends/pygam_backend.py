"""Mid-term models fitted by pyGAM, one series and instant at a time.

For those who want the reference implementation on a small fleet, and the oracle of the batched
solver: at the same penalties the fitted values agree. The design is pyGAM's own, from the same
specification, with that specification's penalty matrices; only the coefficients are taken over.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pygam
from scipy import sparse

from forecasting.arrays import FloatArray, IntArray
from forecasting.cross_validation import held_out_residuals
from forecasting.design import Design
from forecasting.gam import GamModel
from forecasting.gam_fitting import GamFit, fit_gam
from forecasting.gram import eigen_basis, rows_by_instant
from forecasting.link import Link
from forecasting.penalty_selection import SCALES
from forecasting.predictors import Predictors
from forecasting.specification import GamSpecification
from forecasting.terms import Factor, Linear, Smooth, Tensor, Term

__all__ = ["fit_gam_by_pygam", "pygam_model"]

_SCALE = int(np.flatnonzero(np.isclose(SCALES, 1.0))[0])


def fit_gam_by_pygam(
    specification: GamSpecification,
    predictors: Predictors,
    load: FloatArray,
    n_instants: int,
    *,
    link: Link | None = None,
    smoothing: FloatArray | None = None,
    blocks: IntArray | None = None,
) -> GamFit:
    """Fit every series and instant with pyGAM; arguments and result as ``fit_gam``.

    The smoothing parameters are those given, or else selected as ``fit_gam`` does, with the same
    ones for all series.

    Raises
    ------
    ValueError
        If a series has fewer days than the model has columns: pyGAM's solution is wrong then.
    """
    start = fit_gam(specification, predictors, load, n_instants, link=link, smoothing=smoothing)
    model = start.model
    design, smoothing, link = model.design, model.smoothing, model.link
    standard = link.forward(np.asarray(load, dtype=np.float64))
    usable = predictors.known()
    coefficients = np.zeros_like(model.coefficients)
    columns = _column_order(design)
    table = _table(predictors, columns)
    held_out = None if blocks is None else np.full(load.shape, np.nan)
    matrix = np.full((len(predictors), design.n_columns), np.nan)
    matrix[usable] = design.matrix(predictors.rows(np.flatnonzero(usable)))
    for h, rows in enumerate(rows_by_instant(predictors.instant, n_instants)):
        rows = rows[usable[rows]]
        for s in range(load.shape[1]):
            known = rows[np.isfinite(standard[rows, s])]
            if not len(known):
                continue
            if len(known) < design.n_columns:
                msg = f"{len(known)} days of history are too few for pyGAM, which needs as many as "
                msg += f"the model has columns ({design.n_columns}); use the batched backend"
                raise ValueError(msg)
            fitted = pygam_model(design.specification, columns, smoothing[h])
            fitted.fit(table[known], standard[known, s])
            coefficients[h, :, s] = np.roll(fitted.coef_, 1)  # pyGAM's intercept comes last
            if held_out is None or blocks is None:
                continue
            X = matrix[known]
            basis = eigen_basis(X.T @ X, design.penalty_matrix(smoothing[h]))
            residual = (standard[known, s] - X @ coefficients[h, :, s])[:, None]
            place = np.array([_SCALE], dtype=np.int64)
            part = held_out_residuals(X @ basis.transform.T, basis, residual, place, blocks[known])
            held_out[known, s] = part[:, 0]
    done = GamModel(
        design,
        link,
        coefficients,
        smoothing,
        np.ones_like(model.scale),
        model.column_mean,
        model.reasons,
    )
    return GamFit(done, held_out)


def pygam_model(
    specification: GamSpecification, columns: dict[str, int], smoothing: FloatArray
) -> Any:
    """Return the unfitted pyGAM model of one instant.

    Parameters
    ----------
    specification
        Terms with their ranges.
    columns
        Column of the data for each predictor.
    smoothing
        Smoothing parameters in the order of the specification, shape (n_penalties,).
    """
    terms = None
    used = 0
    for term in specification.terms:
        penalties = list(term.penalty().matrices)
        lam = [float(v) for v in smoothing[used : used + len(penalties)]]
        used += len(penalties)
        one = _term(term, columns, penalties, lam)
        terms = one if terms is None else terms + one
    return pygam.LinearGAM(terms, max_iter=100, tol=1e-10)


class _Surface(pygam.terms.TensorTerm):  # type: ignore[misc]
    """A tensor term with a penalty of its own in place of the margins'."""

    total: Any = None

    def build_penalties(self) -> Any:
        """Return the penalty matrix, smoothing parameters included."""
        return self.total


def _term(
    term: Term, columns: dict[str, int], penalties: list[FloatArray], lam: list[float]
) -> Any:
    if isinstance(term, Linear):
        return pygam.l(columns[term.column], lam=lam[0], penalties="l2")
    if isinstance(term, Factor):
        # pyGAM's own factor counts the levels it sees; one line a level knows of them all.
        lines = [
            pygam.l(columns[_level(term.column, k)], lam=lam[0], penalties="l2")
            for k in range(term.levels)
        ]
        return pygam.terms.TermList(*lines)
    if isinstance(term, Smooth):
        spline = _spline(columns[term.column], term.n_basis, term.cyclic, term.bounds)
        spline.lam = lam
        spline.penalties = [_fixed(matrix) for matrix in penalties]
        return spline
    surface = _Surface(
        *(
            _spline(columns[term.columns[i]], term.n_basis[i], term.cyclic[i], term.bounds[i])
            for i in (0, 1)
        )
    )
    surface.total = sparse.csc_array(np.einsum("j,jkl->kl", lam, np.stack(penalties)))
    return surface


def _fixed(matrix: FloatArray) -> Any:
    def penalty(n: int, coef: Any) -> Any:
        return sparse.csc_matrix(matrix)

    return penalty


def _spline(column: int, n_basis: int, cyclic: bool, bounds: tuple[float, float] | None) -> Any:
    return pygam.s(
        column,
        n_splines=n_basis,
        spline_order=3,
        basis="cp" if cyclic else "ps",
        edge_knots=list(bounds or ()),
    )


def _level(column: str, level: int) -> str:
    return f"{column}={level}"


def _read(term: Term) -> tuple[str, ...]:
    """Names of the columns of the data that a term reads."""
    if isinstance(term, Tensor):
        return term.columns
    if isinstance(term, Factor):
        return tuple(_level(term.column, level) for level in range(term.levels))
    return (term.column,)


def _column_order(design: Design) -> dict[str, int]:
    names: dict[str, int] = {}
    for term in design.specification.terms:
        for name in _read(term):
            names.setdefault(name, len(names))
    return names


def _table(predictors: Predictors, columns: dict[str, int]) -> FloatArray:
    return np.column_stack([_column(predictors, name) for name in columns])


def _column(predictors: Predictors, name: str) -> FloatArray:
    column, _, level = name.partition("=")
    values = predictors[column]
    return np.asarray(values == int(level), dtype=np.float64) if level else values
