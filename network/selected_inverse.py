r"""Entries of the inverse of a sparse matrix on the pattern of its factor.

For :math:`A = L D L^\top` the inverse Z obeys
:math:`Z_{ij} = -\sum_{k > j} Z_{ik} L_{kj}` for i > j and
:math:`Z_{jj} = 1/d_j - \sum_{k > j} L_{kj} Z_{kj}`
(K. Takahashi, J. Fagan, M. Chin, "Formation of a sparse bus impedance matrix", 1973).
The entries that a column needs all stand in the front of its parent in the elimination
tree, so columns of one depth are computed together, from the root downwards.
"""

import numpy as np

from network.arrays import Floats, Ints, Sparse

__all__ = ["SelectedInverse"]


class SelectedInverse:
    r"""The inverse of :math:`L D L^\top` on the pattern of L.

    Parameters
    ----------
    lower : (n, n) csc matrix
        L without its unit diagonal, rows sorted within a column.
    pivots : (n,) float
        D.

    Attributes
    ----------
    diagonal : (n,) float
    below : (n_stored,) float
        Entries at the stored places of ``lower``.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> lower = sp.csc_array([[0.0, 0.0], [0.5, 0.0]])
    >>> chosen = SelectedInverse(lower, np.array([2.0, 1.5]))
    >>> chosen.entries(np.array([0, 0, 1]), np.array([0, 1, 1])).round(4).tolist()
    [0.6667, -0.3333, 0.6667]
    """

    def __init__(self, lower: Sparse, pivots: Floats) -> None:
        self.n = len(pivots)
        indptr = lower.indptr.astype(np.int64)
        rows = lower.indices.astype(np.int64)
        columns = np.repeat(np.arange(self.n), np.diff(indptr))
        self._keys = columns * self.n + rows
        self.diagonal = 1.0 / pivots
        self.below = np.zeros(len(rows))
        if len(rows):
            self._fill(indptr, rows, columns, lower.data, pivots)

    def entries(self, i: Ints, j: Ints) -> Floats:
        """Look up entries of any shape; NaN outside the diagonal and the factor's pattern."""
        low, high = np.minimum(i, j), np.maximum(i, j)
        if not len(self.below):
            return np.where(low == high, self.diagonal[low], np.nan)
        key = low * self.n + high
        at = np.searchsorted(self._keys, key).clip(max=len(self.below) - 1)
        off_diagonal = np.where(self._keys[at] == key, self.below[at], np.nan)
        return np.where(low == high, self.diagonal[low], off_diagonal)

    def _fill(self, indptr: Ints, rows: Ints, columns: Ints, values: Floats, d: Floats) -> None:
        n = self.n
        size = np.diff(indptr)
        parent = np.full(n, -1, dtype=np.int64)
        parent[size > 0] = rows[indptr[:-1][size > 0]]
        # Place of each stored row within the front of the parent of its column.
        above = parent[columns]
        place = np.searchsorted(self._keys, above * n + rows) - indptr[above] + 1
        place[rows == above] = 0
        front = size + 1
        offset = np.concatenate([[0], np.cumsum(front**2)])
        fronts = np.zeros(offset[-1])
        for level in _levels(parent):
            leaf = level[size[level] == 0]
            fronts[offset[leaf]] = self.diagonal[leaf]
            inner = level[size[level] > 0]
            if not len(inner):
                continue
            count = size[inner]
            stored = np.repeat(indptr[inner], count) + _within(count)
            owner = np.repeat(np.arange(len(inner)), count)
            up = parent[inner]
            base = offset[up][owner] + place[stored] * front[up][owner]
            # One row of these is a stored entry; its columns are all entries of its column.
            width = count[owner]
            across = np.repeat(np.repeat(indptr[inner], count), width) + _within(width)
            block = fronts[np.repeat(base, width) + place[across]]
            starts = np.cumsum(width) - width
            z = -np.add.reduceat(block * values[across], starts)
            self.below[stored] = z
            first = np.cumsum(count) - count
            diagonal = 1.0 / d[inner] - np.add.reduceat(z * values[stored], first)
            self.diagonal[inner] = diagonal
            here = offset[inner]
            fronts[here] = diagonal
            nth = _within(count) + 1
            fronts[here[owner] + nth] = z
            fronts[here[owner] + nth * front[inner][owner]] = z
            into = here[owner] + nth * front[inner][owner] + 1
            fronts[np.repeat(into, width) + _within(width)] = block


def _within(count: Ints) -> Ints:
    """0, 1, ... restarted for each count."""
    return np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)


def _levels(parent: Ints) -> list[Ints]:
    """Columns by their depth in the elimination tree, roots first."""
    n = len(parent)
    depth = np.zeros(n, dtype=np.int64)
    # Depths by pointer doubling: parents stand after their children in the order.
    jump, steps = np.where(parent < 0, n, parent), np.where(parent < 0, 0, 1)
    jump, steps = np.append(jump, n), np.append(steps, 0)
    while np.any(jump[:n] < n):
        steps = steps + steps[jump]
        jump = jump[jump]
    depth = steps[:n]
    order = np.argsort(depth, kind="stable")
    cuts = np.flatnonzero(np.diff(depth[order])) + 1
    return np.split(order, cuts)
