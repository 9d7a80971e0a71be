"""Residuals held out by block, without refitting: (I - H_bb)^-1 e_b is exact for a linear smoother.

Held-out residuals are what the short-term model must learn from; in-sample ones are too small.
Blocks are contiguous (months), because neighbouring days know each other. The identity is the
leave-one-out shortcut of linear smoothers, blockwise: removing the rows of block b from a
penalised fit with hat matrix H turns the residual e_b into (I - H_bb)^-1 e_b.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.gram import EigenBasis
from forecasting.naive import WEEK
from forecasting.penalty_selection import SCALES

__all__ = ["held_out_blocks", "held_out_residuals", "month_blocks"]

_LEAST_MONTHS = 5


def month_blocks(days: IntArray) -> IntArray:
    """Return the number of the calendar month of each local day (days since 1970-01-01).

    Examples
    --------
    >>> month_blocks(np.array([0, 30, 31])).tolist()
    [0, 0, 1]
    """
    return np.asarray(days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64))


def held_out_blocks(days: IntArray) -> IntArray:
    """Return the block to hold out of each local day: its month, its week in a short history.

    Examples
    --------
    >>> held_out_blocks(np.array([0, 6, 7, 40])).tolist()
    [0, 0, 1, 5]
    """
    months = month_blocks(days)
    if len(np.unique(months)) >= _LEAST_MONTHS:
        return months
    return np.asarray((days - days[0]) // WEEK)


def held_out_residuals(
    coordinates: FloatArray,
    basis: EigenBasis,
    residual: FloatArray,
    scale: IntArray,
    blocks: IntArray,
) -> FloatArray:
    """Return the residuals of fits that did not see the block of each row.

    Parameters
    ----------
    coordinates
        Rows of the design in the eigenbasis, X W', shape (n, p).
    residual
        In-sample residuals, shape (n, n_series).
    scale
        Place of each series' scale among the candidates, shape (n_series,).
    blocks
        Block of each row, shape (n,).

    Returns
    -------
    FloatArray
        Shape (n, n_series).
    """
    labels, place = np.unique(blocks, return_inverse=True)
    order = np.argsort(place, kind="stable")
    sizes = np.bincount(place, minlength=len(labels))
    within = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    slot = (place[order], within)
    width = int(sizes.max())
    Z = np.zeros((len(labels), width, coordinates.shape[1]))
    Z[slot] = coordinates[order]
    out = np.empty_like(residual)
    for candidate in np.unique(scale):
        series = np.flatnonzero(scale == candidate)
        root = 1.0 / np.sqrt(basis.denominator(SCALES[candidate : candidate + 1])[:, 0])
        half = Z * root
        hat = half @ half.transpose(0, 2, 1)
        e = np.zeros((len(labels), width, len(series)))
        e[slot] = residual[np.ix_(order, series)]
        solved = np.linalg.solve(np.eye(width) - hat, e)
        out[np.ix_(order, series)] = solved[slot]
    return out
