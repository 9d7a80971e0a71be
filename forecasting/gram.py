"""Normal equations of all instants and series: X'X once an instant, X'Y for every series."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import solve_triangular

from forecasting.arrays import FloatArray, IntArray

__all__ = ["EigenBasis", "Gram", "eigen_basis", "rows_by_instant"]

RIDGE = 1e-6
"""Share of the mean diagonal of X'X that keeps unidentified directions at zero."""


def rows_by_instant(instant: IntArray, n_instants: int) -> list[IntArray]:
    """Return the row numbers of each instant of the day, in time order."""
    order = np.argsort(instant, kind="stable")
    bounds = np.searchsorted(instant[order], np.arange(n_instants + 1))
    return [order[a:b] for a, b in pairwise(bounds)]


@dataclass(frozen=True, slots=True)
class Gram:
    """Sufficient statistics of the fit; two of them add (new days need no old rows).

    Attributes
    ----------
    matrix
        X'X, shape (n_instants, p, p).
    cross
        X'Y, shape (n_instants, p, n_series).
    power
        Sum of squares of Y, shape (n_instants, n_series).
    count
        Number of observed values, shape (n_instants, n_series).
    column_sum
        Sum of the rows of X, shape (n_instants, p).
    """

    matrix: FloatArray
    cross: FloatArray
    power: FloatArray
    count: FloatArray
    column_sum: FloatArray

    def plus(self, other: Gram) -> Gram:
        """Return the statistics of both sets of rows."""
        return Gram(
            self.matrix + other.matrix,
            self.cross + other.cross,
            self.power + other.power,
            self.count + other.count,
            self.column_sum + other.column_sum,
        )

    def ridge(self) -> FloatArray:
        """Return the ridge of each instant, shape (n_instants,)."""
        p = self.matrix.shape[1]
        return np.asarray(RIDGE * np.trace(self.matrix, axis1=1, axis2=2) / p + 1e-12)


@dataclass(frozen=True, slots=True)
class EigenBasis:
    """Coordinates in which X'X + u S is diagonal for every scale u.

    G is X'X with its ridge r I, which no scale touches. With W (G + S) W' = I and
    W G W' = diag(g): the solution for scale u is W' diag(1 / (g + u (1 - g))) W X'y.

    Attributes
    ----------
    transform
        W, shape (p, p).
    share
        g, in [0, 1], shape (p,).
    ridge
        r.
    """

    transform: FloatArray
    share: FloatArray
    ridge: float

    def denominator(self, scale: FloatArray) -> FloatArray:
        """Return g + u (1 - g), shape (p, n_scales)."""
        return self.share[:, None] + scale[None, :] * (1.0 - self.share[:, None])


def eigen_basis(matrix: FloatArray, penalty: FloatArray) -> EigenBasis:
    """Return the coordinates that diagonalise a Gram matrix and its penalty together.

    Parameters
    ----------
    matrix
        X'X, shape (p, p).
    penalty
        S, shape (p, p).
    """
    p = len(matrix)
    ridge = RIDGE * float(np.trace(matrix)) / p + 1e-12
    G = matrix + ridge * np.eye(p)
    lower = np.linalg.cholesky(G + penalty)
    inverse = solve_triangular(lower, np.eye(p), lower=True)
    share, vectors = np.linalg.eigh(inverse @ G @ inverse.T)
    return EigenBasis(vectors.T @ inverse, np.clip(share, 0.0, 1.0), ridge)
