r"""A factored gain with some measurements taken out or weakened, without factoring again.

With :math:`H_K` the rows concerned, :math:`T = G^{-1} H_K^\top`, and their weight lowered
from w to w', Woodbury's identity gives

.. math::

    (G - H_K^\top \Delta H_K)^{-1} b = x + T M^{-1} H_K x, \qquad
    M = \Delta^{-1} - H_K T, \quad \Delta = \mathrm{diag}(w - w')

For rows taken out whole, M is their residual covariance, and it is singular exactly when
the state hangs on them.
"""

import numpy as np
import scipy.linalg as la

from network.arrays import Floats, Ints, Sparse
from network.errors import NotObservable
from network.gain import GainFactor

__all__ = ["Downdate"]

_SINGULAR = 1e-4
"""Least part of a row's variance that may remain; below, the rest hardly carries the state."""


class Downdate:
    """A gain factor less the weight of some rows.

    Parameters
    ----------
    factor : GainFactor
    rows : (k,) int
        Measurements whose weight is lowered.
    weight : (k,) float
        Their new weights, below those in the factor.

    Raises
    ------
    NotObservable
        Without these rows the state is not determined.
    """

    def __init__(self, factor: GainFactor, rows: Ints, weight: Floats) -> None:
        self.factor = factor
        self.rows = rows
        self._h: Sparse = factor.jacobian[rows]
        self._t = factor.columns(rows)
        self._m = np.zeros((0, 0))
        if len(rows):
            spread = 1.0 / (factor.weight[rows] - weight)
            m = np.diag(spread) - self._h @ self._t
            try:
                self._m = la.cholesky(0.5 * (m + m.T), lower=True)
            except la.LinAlgError as error:
                raise NotObservable("the state hangs on measurements that are missing") from error
            if np.any(np.diag(self._m) ** 2 < _SINGULAR * spread):
                raise NotObservable("the state hangs on measurements that are missing")

    def solve(self, b: Floats) -> Floats:
        """Solve with the lessened gain, ``(n_state,)``."""
        x = self.factor.solve(b)
        if not len(self.rows):
            return x
        y: Floats = x + self._t @ la.cho_solve((self._m, True), self._h @ x, check_finite=False)
        return y

    def columns(self, rows: Ints) -> Floats:
        """Return what :meth:`GainFactor.columns` does, with the lessened gain."""
        t = self.factor.columns(rows)
        if not len(self.rows):
            return t
        more: Floats = t + self._t @ la.cho_solve((self._m, True), self._h @ t)
        return more

    def estimate_variance(self) -> Floats:
        """Variances ``(m,)`` of what the estimate says of each measurement."""
        variance = self.factor.estimate_variance
        if not len(self.rows):
            return variance
        spread = la.solve_triangular(self._m, (self.factor.jacobian @ self._t).T, lower=True)
        wider: Floats = variance + np.einsum("ij,ij->j", spread, spread)
        return wider

    def row_variance(self, rows: Sparse) -> Floats:
        """Return what :meth:`GainFactor.row_variance` does, with the lessened gain."""
        variance = self.factor.row_variance(rows)
        if not len(self.rows):
            return variance
        spread = la.solve_triangular(self._m, (rows @ self._t).T, lower=True)
        wider: Floats = variance + np.einsum("ij,ij->j", spread, spread)
        return wider

    def state_variance(self) -> Floats:
        """Variances of the states, ``(n_state,)``."""
        variance = self.factor.state_variance
        if not len(self.rows):
            return variance
        spread = la.solve_triangular(self._m, self._t.T, lower=True)
        wider: Floats = variance + np.einsum("ij,ij->j", spread, spread)
        return wider
