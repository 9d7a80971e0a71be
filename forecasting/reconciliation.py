"""Makes forecasts of all nodes add up, moving most what is known least.

Constraint form: y~ = y^ - W C' (C W C')^-1 C y^, with C y = 0 the sums and W the covariance of
the base errors. It equals the usual S (S' W^-1 S)^-1 S' W^-1 y^ (Wickramasuriya, Athanasopoulos
and Hyndman, JASA 114(526), 2019) but inverts a matrix the size of the inner nodes only; W with
shrinkage is a diagonal plus a low-rank product and is never formed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import splu

from forecasting.arrays import BoolArray, FloatArray
from forecasting.hierarchy import Hierarchy

__all__ = ["FixedNodesDisagreeError", "Reconciler", "mint_shrink", "wls"]

_UNKNOWN_WEIGHT = 1e6  # variance of a node without a base forecast, over the largest other


class FixedNodesDisagreeError(ValueError):
    """Fixed nodes contradict each other: no set of values keeps them all and adds up."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """A projection of base forecasts onto sums that hold, set up once and applied often."""

    hierarchy: Hierarchy
    variance: FloatArray
    _correct: Callable[[FloatArray], FloatArray]

    def apply(self, base: FloatArray) -> FloatArray:
        """Return coherent forecasts, shape (n_nodes, n_steps).

        Parameters
        ----------
        base
            Shape (n_nodes, n_steps), MW. A node that is NaN somewhere counts as unknown: it
            takes what the others imply.

        Raises
        ------
        FixedNodesDisagreeError
            If fixed nodes cannot all be kept.
        """
        unknown = np.asarray(~np.isfinite(base).all(axis=1))
        if unknown.any():
            return self._without(base, unknown)
        out = base - self._correct(base)
        left = self.hierarchy.incoherence(out)
        if left > 1e-8:
            msg = f"fixed nodes do not add up (relative gap {left:.1e}); free one of them"
            raise FixedNodesDisagreeError(msg)
        return self.hierarchy.aggregate(out[self.hierarchy.leaves])

    def _without(self, base: FloatArray, unknown: BoolArray) -> FloatArray:
        tree = self.hierarchy
        start = np.where(unknown[:, None], 0.0, base)
        summed = tree.aggregate(start[tree.leaves])
        inner = unknown.copy()
        inner[tree.leaves] = False
        start = np.where(inner[:, None], summed, start)
        largest = max(float(self.variance[~unknown].max(initial=0.0)), 1.0)
        variance = np.where(unknown, _UNKNOWN_WEIGHT * largest, self.variance)
        return wls(tree, variance).apply(start)


def wls(
    hierarchy: Hierarchy, variance: FloatArray, *, fixed: BoolArray | None = None
) -> Reconciler:
    """Return the reconciler with W = diag(variance of the base errors).

    Parameters
    ----------
    variance
        MW^2, shape (n_nodes,), not negative.
    fixed
        Scheduled nodes that must not move, shape (n_nodes,).
    """
    variance = variance if fixed is None else np.where(fixed, 0.0, variance)
    C = hierarchy.constraints
    weighted = (C * variance[None, :]).tocsr()
    solve = _solver((weighted @ C.T).toarray() if C.shape[0] <= 64 else weighted @ C.T)

    def correct(base: FloatArray) -> FloatArray:
        return np.asarray(weighted.T @ solve(C @ base))

    return Reconciler(hierarchy, variance, correct)


def mint_shrink(
    hierarchy: Hierarchy, errors: FloatArray, *, fixed: BoolArray | None = None
) -> Reconciler:
    """Return the MinT reconciler, the covariance shrunk towards its diagonal.

    W = lambda D + (1 - lambda) E'E / T with the intensity of Schaefer and Strimmer (2005), in
    O(T n n_inner) and without an n x n matrix.

    Parameters
    ----------
    errors
        Base errors over the past, shape (n_times, n_nodes), no NaN.
    fixed
        Scheduled nodes that must not move, shape (n_nodes,).
    """
    free = np.ones(len(hierarchy)) if fixed is None else np.where(fixed, 0.0, 1.0)
    E = (errors - errors.mean(axis=0)) * free
    n_times = len(E)
    sd = E.std(axis=0)
    intensity = _shrinkage(E[:, sd > 0] / sd[sd > 0])
    C = hierarchy.constraints
    diagonal = (C * (intensity * sd**2)[None, :]).toarray()
    gain = diagonal.T + E.T @ ((1.0 - intensity) / n_times * (C @ E.T).T)
    solve = _solver(np.asarray(C @ gain))

    def correct(base: FloatArray) -> FloatArray:
        return np.asarray(gain @ solve(C @ base))

    return Reconciler(hierarchy, sd**2, correct)


def _shrinkage(standard: FloatArray) -> float:
    """Return the share of the diagonal target from standardised errors, shape (n_times, n)."""
    n_times, n = standard.shape
    if n < 2 or n_times < 3:
        return 1.0
    inner = standard @ standard.T
    squared = float((inner * inner).sum()) / n_times**2 - n
    fourth = float(((standard**2).sum(axis=1) ** 2).sum() - (standard**4).sum()) / n_times
    noise = (fourth - squared) / (n_times - 1)
    return float(np.clip(noise / squared, 0.0, 1.0)) if squared > 0 else 1.0


def _solver(matrix: object) -> Callable[[FloatArray], FloatArray]:
    """Return x -> matrix^-1 x; singular directions (all nodes fixed) are left alone."""
    dense = matrix if isinstance(matrix, np.ndarray) else None
    if dense is None:
        scale = matrix.diagonal()  # type: ignore[attr-defined]
        if (scale > 1e-12 * scale.max(initial=0.0)).all():
            factor = splu(matrix.tocsc())  # type: ignore[attr-defined]
            return lambda right: np.asarray(factor.solve(np.ascontiguousarray(right)))
        dense = matrix.toarray()  # type: ignore[attr-defined]
    # Variances of a tree lie many orders apart: a unit diagonal first, one refinement after.
    diagonal = np.abs(np.diag(dense))
    unit = 1.0 / np.sqrt(np.where(diagonal > 1e-12 * diagonal.max(initial=0.0), diagonal, 1.0))
    inverse = unit[:, None] * np.linalg.pinv(unit[:, None] * dense * unit, rcond=1e-11) * unit

    def solve(right: FloatArray) -> FloatArray:
        first = inverse @ right
        return np.asarray(first + inverse @ (right - dense @ first))

    return solve
