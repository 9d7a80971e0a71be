r"""The gain matrix of a weighted least squares problem, factored once and used many times.

:math:`G = H^\top W H` is factored by qdldl. Residuals have the covariance
:math:`\Omega = R - H G^{-1} H^\top`; its diagonal comes from a selected inverse
(A. Abur, A. Gomez Exposito, "Power System State Estimation", 2004, chapter 5).
"""

from functools import cached_property

import numpy as np
import qdldl

from network.arrays import Floats, Ints, Sparse
from network.errors import NotObservable
from network.gain_pattern import GainPattern
from network.selected_inverse import SelectedInverse

__all__ = ["GainFactor"]

_WEAKEST_PIVOT = 1e-15


class GainFactor:
    """A factored gain matrix.

    Parameters
    ----------
    jacobian : (m, n_state) csr
    weight : (m,) float
        Inverse variances; 0 leaves a row out.
    pattern : GainPattern, optional
        Of this Jacobian's structure; found when absent.
    prior : (n_state,) float, optional
        Precision added to the diagonal, where the measurements do not determine a state.

    Raises
    ------
    NotObservable
        The weighted rows do not determine the state.
    """

    def __init__(
        self,
        jacobian: Sparse,
        weight: Floats,
        pattern: GainPattern | None = None,
        prior: Floats | None = None,
    ) -> None:
        self.jacobian = jacobian
        self.weight = weight
        self.pattern = GainPattern.of(jacobian) if pattern is None else pattern
        upper = self.pattern.upper_triangle(jacobian, weight)
        if prior is not None:
            upper.setdiag(upper.diagonal() + prior)
        scale: Floats = upper.diagonal()
        if np.any(scale <= 0):
            raise NotObservable("some states appear in no measurement")
        try:
            self._solver = qdldl.Solver(upper, upper=True)
        except RuntimeError as error:
            raise NotObservable("the measurements do not determine the state") from error
        self._lower, self._pivots, self._order = self._solver.factors()
        if np.any(self._pivots < _WEAKEST_PIVOT * scale[self._order]):
            raise NotObservable("the measurements do not determine the state")
        self._columns: dict[int, Floats] = {}

    def solve(self, b: Floats) -> Floats:
        """Solve ``G x = b``, ``(n_state,)``."""
        x: Floats = self._solver.solve(b)
        return x

    def columns(self, rows: Ints) -> Floats:
        """Solve for measurement rows: ``G^-1 H[rows].T``, ``(n_state, n_rows)``.

        Each column is kept, since holes and bad data return to the same measurements.
        """
        for row in rows.tolist():
            if row not in self._columns:
                start, stop = self.jacobian.indptr[row], self.jacobian.indptr[row + 1]
                b = np.zeros(self.jacobian.shape[1])
                b[self.jacobian.indices[start:stop]] = self.jacobian.data[start:stop]
                self._columns[row] = self.solve(b)
        if not len(rows):
            return np.zeros((self.jacobian.shape[1], 0))
        return np.stack([self._columns[row] for row in rows.tolist()], axis=1)

    @cached_property
    def _inverse(self) -> SelectedInverse:
        return SelectedInverse(self._lower, self._pivots)

    @cached_property
    def state_variance(self) -> Floats:
        """Variances of the states, ``(n_state,)``."""
        variance = np.empty(len(self._pivots))
        variance[self._order] = self._inverse.diagonal
        return variance

    @cached_property
    def estimate_variance(self) -> Floats:
        """Variances ``(m,)`` of what the estimate says of each measurement, ``h G^-1 h'``."""
        place = self._place
        z = self._inverse.entries(place[self.pattern.low], place[self.pattern.high])
        return self.pattern.row_sums(self.jacobian, z)

    def row_variance(self, rows: Sparse) -> Floats:
        """Compute ``h G^-1 h'`` for any csr rows ``(k, n_state)`` with sorted indices."""
        pattern = GainPattern.of(rows)
        place = self._place
        variance = pattern.row_sums(
            rows, self._inverse.entries(place[pattern.low], place[pattern.high])
        )
        # Rows whose states no measurement joins: one solve each.
        for row in np.flatnonzero(np.isnan(variance)).tolist():
            h = rows[[row]].toarray()[0]
            variance[row] = h @ self.solve(h)
        return variance

    @cached_property
    def _place(self) -> Ints:
        place = np.empty(len(self._order), dtype=np.int64)
        place[self._order] = np.arange(len(self._order))
        return place
