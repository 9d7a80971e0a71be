"""Where the products of a Jacobian's entries fall in the gain matrix, found once a topology."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from network.arrays import Floats, Ints, Sparse

__all__ = ["GainPattern"]


@dataclass(frozen=True, slots=True, eq=False)
class GainPattern:
    """Pairs of entries of each measurement row, and their place in the gain's upper triangle.

    The pattern holds every product of two stored entries of a row, even where they happen
    to cancel, so a selected inverse has an entry for each.

    Attributes
    ----------
    first, second : (n_pair,) int
        Entries of the Jacobian, each pair once; ``first == second`` on the diagonal.
    row : (n_pair,) int
        Measurement of the pair.
    low, high : (n_pair,) int
        States of the pair, ``low <= high``.
    place : (n_pair,) int
        Stored entry of the upper triangle.
    indices, indptr : int arrays
        Compressed-column structure of the upper triangle.
    """

    first: Ints
    second: Ints
    row: Ints
    low: Ints
    high: Ints
    place: Ints
    indices: Ints
    indptr: Ints

    @classmethod
    def of(cls, jacobian: Sparse) -> "GainPattern":
        """Lay out the gain of a csr Jacobian with sorted indices."""
        count = np.diff(jacobian.indptr)
        none = np.zeros(0, dtype=np.int64)
        firsts, seconds, rows = [none], [none], [none]
        for width in np.unique(count[count > 0]).tolist():
            chosen = np.flatnonzero(count == width)
            entry = jacobian.indptr[chosen][:, None].astype(np.int64) + np.arange(width)
            a, b = np.triu_indices(width)
            firsts.append(entry[:, a].ravel())
            seconds.append(entry[:, b].ravel())
            rows.append(np.repeat(chosen, len(a)))
        first, second, row = (np.concatenate(part) for part in (firsts, seconds, rows))
        low = jacobian.indices[first].astype(np.int64)
        high = jacobian.indices[second].astype(np.int64)
        n = jacobian.shape[1]
        keys, place = np.unique(high * n + low, return_inverse=True)
        indptr = np.searchsorted(keys, np.arange(n + 1) * n)
        return cls(first, second, row, low, high, place, keys % n, indptr)

    def upper_triangle(self, jacobian: Sparse, weight: Floats) -> Sparse:
        """Form the upper triangle of ``H' W H``, csc."""
        h = jacobian.data
        product = h[self.first] * h[self.second] * weight[self.row]
        data = np.bincount(self.place, product, len(self.indices)).astype(np.float64)
        n = jacobian.shape[1]
        return sp.csc_array((data, self.indices, self.indptr), shape=(n, n))

    def row_sums(self, jacobian: Sparse, entry: Floats) -> Floats:
        """Compute ``h Z h'`` for every row from the entries Z ``(n_pair,)`` of the pairs."""
        h = jacobian.data
        twice = np.where(self.first == self.second, 1.0, 2.0)
        terms = twice * h[self.first] * h[self.second] * entry
        return np.bincount(self.row, terms, jacobian.shape[0]).astype(np.float64)
