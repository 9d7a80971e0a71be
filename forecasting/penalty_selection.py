"""How much to smooth: pooled REML for the profile, REML again for each series' scale.

The profile (one smoothing parameter a penalty and instant) is chosen on a sample of series at once
by the generalised Fellner-Schall update (Wood and Fasiolo, Biometrics 73(4), 2017), which raises
the restricted likelihood. Every series then keeps that profile times one scale of its own,
chosen by the same likelihood over all instants together. (GCV in its place undersmooths loads: the
days of a season are not independent.)
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.design import Design
from forecasting.gram import EigenBasis, Gram

__all__ = ["SCALES", "choose_scale", "pooled_reml", "reml_curve"]

SCALES = 10.0 ** np.arange(-2.0, 4.01, 0.25)
"""Candidate scales of a series' penalties relative to the pooled profile."""

_LOWEST, _HIGHEST = 1e-4, 1e8
_TOLERANCE = 1e-2


def pooled_reml(
    design: Design, gram: Gram, *, start: FloatArray | None = None, n_iterations: int = 12
) -> FloatArray:
    """Return smoothing parameters that suit the series of the Gram together.

    Parameters
    ----------
    gram
        Statistics of the sample of series, on a standardised scale.
    start
        Smoothing parameters to begin with, shape (n_instants, n_penalties).

    Returns
    -------
    FloatArray
        Shape (n_instants, n_penalties).
    """
    G, B = gram.matrix, gram.cross
    n_instants, p = G.shape[:2]
    ridge = gram.ridge()[:, None, None] * np.eye(p)
    smoothing = np.ones((n_instants, design.n_penalties)) if start is None else start.copy()
    for _ in range(n_iterations):
        V = np.linalg.inv(G + design.penalty_matrix(smoothing) + ridge)
        beta = V @ B
        edf = np.einsum("hij,hji->h", V, G)[:, None]
        rss = gram.power - 2.0 * (beta * B).sum(axis=1) + (beta * (G @ beta)).sum(axis=1)
        noise = np.maximum(rss, 1e-10) / np.maximum(gram.count - edf, 1.0)
        updated = smoothing.copy()
        for columns, parameters, penalty in design.blocks():
            current = smoothing[:, parameters]
            active = current @ penalty.spectra
            inverse = np.where(active > 0, 1.0 / np.where(active > 0, active, 1.0), 0.0)
            expected = inverse @ penalty.spectra.T
            used = np.einsum("hkl,jlk->hj", V[:, columns, columns], penalty.matrices)
            own = beta[:, columns]
            rough = np.einsum("hks,jkl,hls->hjs", own, penalty.matrices, own, optimize=True)
            roughness = (rough / noise[:, None, :]).mean(axis=2)
            factor = np.maximum(expected - used, 1e-12) / np.maximum(roughness, 1e-12)
            updated[:, parameters] = np.clip(current * factor, _LOWEST, _HIGHEST)
        change = float(np.median(np.abs(np.log(updated / smoothing))))
        smoothing = updated
        if change < _TOLERANCE:
            break
    return smoothing


def reml_curve(
    basis: EigenBasis, coordinates: FloatArray, power: FloatArray, count: FloatArray, rank: int
) -> FloatArray:
    """Return minus twice the log restricted likelihood at every candidate scale.

    (n - M) log D(u) + log |G + u S| - r log u, up to a constant, with D(u) = y'y - b'(G + u S)^-1 b
    the penalised deviance, r the rank of the penalty and M = p - r (Wood, Generalized Additive
    Models, 2nd ed., section 6.5). In the eigenbasis an entry costs O(p).

    Parameters
    ----------
    coordinates
        W X'Y, shape (p, n_series).
    power, count
        Sum of squares and number of observed values, shape (n_series,).
    rank
        Rank of the penalty.

    Returns
    -------
    FloatArray
        Shape (n_scales, n_series).
    """
    denominator = basis.denominator(SCALES)
    deviance = power - (1.0 / denominator).T @ (coordinates * coordinates)
    deviance = np.maximum(deviance, 1e-12 * np.maximum(power, 1e-12))
    free = np.maximum(count - (len(basis.share) - rank), 1.0)
    determinant = np.log(denominator).sum(axis=0) - rank * np.log(SCALES)
    return np.asarray(free * np.log(deviance) + determinant[:, None])


def choose_scale(curves: FloatArray) -> IntArray:
    """Return each series' best candidate from the curves summed over instants.

    Examples
    --------
    >>> choose_scale(np.array([[2.0, 0.0], [1.0, 5.0]])).tolist()
    [1, 0]
    """
    return np.asarray(np.argmin(curves, axis=0), dtype=np.int64)
