"""Cubic B-splines on uniform knots and the difference penalties that go with them.

P-splines: Eilers and Marx, Flexible smoothing with B-splines and penalties, Statistical Science
11(2), 1996.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray, IntArray

__all__ = ["basis", "dense_basis", "difference_penalty", "row_tensor"]

DEGREE = 3


def basis(
    x: FloatArray, n_basis: int, lower: float, upper: float, *, cyclic: bool = False
) -> tuple[IntArray, FloatArray]:
    """Return the four B-splines that are not zero at each x.

    Outside [lower, upper] the value at the boundary holds; a cyclic basis wraps around.

    Parameters
    ----------
    x
        Shape (n,), finite.
    n_basis
        Number of basis functions, at least 4.
    lower, upper
        Ends of the range (the period, when cyclic).

    Returns
    -------
    tuple
        Column numbers (n, 4) and values (n, 4); each row of values sums to 1.

    Examples
    --------
    >>> columns, values = basis(np.array([0.0]), 5, 0.0, 1.0)
    >>> columns[0].tolist(), values[0].round(4).tolist()
    ([0, 1, 2, 3], [0.1667, 0.6667, 0.1667, 0.0])
    """
    n_spans = n_basis if cyclic else n_basis - DEGREE
    position = (np.asarray(x, dtype=np.float64) - lower) / (upper - lower) * n_spans
    position = np.mod(position, n_spans) if cyclic else np.clip(position, 0.0, n_spans)
    span = np.minimum(position.astype(np.int64), n_spans - 1)
    u = position - span
    v = 1.0 - u
    values = np.stack(
        [
            v**3,
            3.0 * u**3 - 6.0 * u**2 + 4.0,
            3.0 * v**3 - 6.0 * v**2 + 4.0,
            u**3,
        ],
        axis=-1,
    )
    columns = span[:, None] + np.arange(DEGREE + 1)
    return (columns % n_basis if cyclic else columns), values / 6.0


def dense_basis(columns: IntArray, values: FloatArray, n_basis: int) -> FloatArray:
    """Return the basis as a dense matrix, shape (n, n_basis)."""
    out = np.zeros((len(columns), n_basis))
    # A cyclic basis of four functions never repeats a column in a row, so plain assignment is safe.
    np.put_along_axis(out, columns, values, axis=1)
    return out


def row_tensor(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the row-wise Kronecker product, shape (n, k1 * k2)."""
    return np.asarray((first[:, :, None] * second[:, None, :]).reshape(len(first), -1))


def difference_penalty(n_basis: int, *, cyclic: bool = False, order: int = 2) -> FloatArray:
    """Return D'D of the differences of the given order, shape (n_basis, n_basis).

    Examples
    --------
    >>> difference_penalty(3, order=1).tolist()
    [[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]]
    """
    differences = np.eye(n_basis)
    for _ in range(order):
        if cyclic:
            differences = np.roll(differences, -1, axis=0) - differences
        else:
            differences = np.diff(differences, axis=0)
    return np.asarray(differences.T @ differences)
