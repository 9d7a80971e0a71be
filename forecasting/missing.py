"""Exact penalised fits when every series misses its own values, without a loop over series.

A series with gaps has normal equations of its own. They are solved for all such series at once by
preconditioned conjugate gradients in the eigenbasis of the complete rows; the gaps then take their
fitted values, after which the shared Gram matrix gives the same coefficients as the gappy fit.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import BoolArray, FloatArray
from forecasting.gram import EigenBasis

__all__ = ["fill_gaps"]


def fill_gaps(
    design: FloatArray,
    values: FloatArray,
    known: BoolArray,
    basis: EigenBasis,
    scale: FloatArray,
    *,
    n_iterations: int = 60,
    tolerance: float = 1e-8,
) -> FloatArray:
    """Return values whose gaps hold the fit of the known ones.

    Parameters
    ----------
    design
        Rows of one instant, shape (n, p).
    values
        Shape (n, n_series); what stands in the gaps does not matter.
    known
        Same shape; False marks a gap.
    scale
        Scale of each series' penalty, shape (n_series,).
    """
    out = np.where(known, values, 0.0)
    holed = np.flatnonzero(~known.all(axis=0))
    if not len(holed):
        return out
    Z = design @ basis.transform.T
    mask = known[:, holed].astype(np.float64)
    g = basis.share[:, None]
    shrink = scale[holed][None, :] * (1.0 - g)
    floor = basis.ridge * (basis.transform @ basis.transform.T)
    preconditioner = 1.0 / (g * np.maximum(mask.mean(axis=0), 0.05) + shrink + 1e-12)
    target = Z.T @ out[:, holed]
    solution = np.zeros_like(target)
    residual = target.copy()
    z = preconditioner * residual
    direction = z.copy()
    rho = (residual * z).sum(axis=0)
    enough = tolerance**2 * np.maximum(rho, 1e-300)
    for _ in range(n_iterations):
        image = Z.T @ (mask * (Z @ direction)) + shrink * direction + floor @ direction
        curvature = (direction * image).sum(axis=0)
        step = rho / np.where(curvature > 0, curvature, np.inf)
        solution += step * direction
        residual -= step * image
        z = preconditioner * residual
        rho_next = (residual * z).sum(axis=0)
        if (rho_next <= enough).all():
            break
        ratio = rho_next / np.where(rho > 0, rho, np.inf)
        direction = z + ratio * direction
        rho = rho_next
    out[:, holed] = np.where(known[:, holed], out[:, holed], Z @ solution)
    return out
