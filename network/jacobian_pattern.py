r"""Where the derivatives of nodal power sit, worked out once per topology.

With :math:`s_{ij} = v_i \overline{Y_{ij} v_j}` for each stored entry of the bus
admittance matrix and :math:`s_i = \sum_j s_{ij}`,

.. math::

    \partial s_i / \partial\theta_j = -\mathrm j s_{ij} + [i = j]\,\mathrm j s_i, \qquad
    \partial s_i / \partial |v|_j = s_{ij} / |v|_j + [i = j]\, s_i / |v|_i

so refreshing a Jacobian is arithmetic on one vector of entries and one gather.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee

from network.arrays import Complexes, Floats, Ints, Sparse

__all__ = ["JacobianPattern"]


@dataclass(frozen=True, slots=True, eq=False)
class JacobianPattern:
    """The sparsity of a power flow Jacobian, in an order that keeps its factor sparse.

    Attributes
    ----------
    row, column, y : (n_entry,)
        Stored entries of the bus admittance matrix.
    diagonal : (n_bus,) int
        Which entry is the diagonal of each bus.
    angle, magnitude : int arrays
        Buses whose angle and whose magnitude are unknown.
    order : (n_unknown,) int
        The unknowns ``[angle, magnitude]`` and the mismatches ``[p, q]``, both permuted.
    source, indices, indptr : int arrays
        Gather of the Jacobian's data from the four stacked derivative vectors, and its
        compressed-column structure.
    """

    row: Ints
    column: Ints
    y: Complexes
    diagonal: Ints
    angle: Ints
    magnitude: Ints
    order: Ints
    source: Ints
    indices: "np.typing.NDArray[np.int32]"
    indptr: "np.typing.NDArray[np.int32]"

    @classmethod
    def of(cls, y_bus: Sparse, angle: Ints, magnitude: Ints) -> "JacobianPattern":
        """Lay out the Jacobian for the given unknowns.

        Parameters
        ----------
        y_bus : (n_bus, n_bus) csr_array of complex
            With every diagonal entry stored.
        angle, magnitude : int arrays
            Buses with an unknown angle, with an unknown magnitude.
        """
        n_bus = y_bus.shape[0]
        entries = y_bus.tocoo()
        row, column = entries.row.astype(np.int64), entries.col.astype(np.int64)
        diagonal = np.full(n_bus, -1, dtype=np.int64)
        own = np.flatnonzero(row == column)
        diagonal[row[own]] = own
        n_unknown = len(angle) + len(magnitude)
        at_angle = np.full(n_bus, -1, dtype=np.int64)
        at_angle[angle] = np.arange(len(angle))
        at_magnitude = np.full(n_bus, -1, dtype=np.int64)
        at_magnitude[magnitude] = len(angle) + np.arange(len(magnitude))

        blocks = [(r, c) for r in (at_angle, at_magnitude) for c in (at_angle, at_magnitude)]
        rows = np.concatenate([r[row] for r, _ in blocks])
        columns = np.concatenate([c[column] for _, c in blocks])
        kept = np.flatnonzero((rows >= 0) & (columns >= 0))
        rows, columns = rows[kept], columns[kept]
        order = _fill_reducing_order(rows, columns, n_unknown, n_bus, at_angle, at_magnitude)
        place = np.empty(n_unknown, dtype=np.int64)
        place[order] = np.arange(n_unknown)
        shape = (n_unknown, n_unknown)
        counter = sp.csc_array(
            (np.arange(1, len(kept) + 1), (place[rows], place[columns])), shape=shape
        )
        counter.sort_indices()
        return cls(
            row=row,
            column=column,
            y=entries.data.astype(np.complex128),
            diagonal=diagonal,
            angle=angle,
            magnitude=magnitude,
            order=order,
            source=kept[counter.data - 1],
            indices=counter.indices.astype(np.int32),
            indptr=counter.indptr.astype(np.int32),
        )

    def jacobian(self, v: Complexes) -> Sparse:
        """Evaluate the permuted Jacobian at voltages ``(n_bus,)``.

        Rows are ``[p at angle buses, q at magnitude buses][order]``, columns likewise.
        """
        s = v[self.row] * np.conj(self.y * v[self.column])
        total = np.bincount(self.row, s.real, len(v)) + 1j * np.bincount(self.row, s.imag, len(v))
        by_angle = -1j * s
        by_angle[self.diagonal] += 1j * total
        magnitude = np.abs(v)
        by_magnitude = s / magnitude[self.column]
        by_magnitude[self.diagonal] += total / magnitude
        stacked: Floats = np.concatenate(
            [by_angle.real, by_magnitude.real, by_angle.imag, by_magnitude.imag]
        )
        n = len(self.order)
        return sp.csc_array((stacked[self.source], self.indices, self.indptr), shape=(n, n))


def _fill_reducing_order(
    rows: Ints, columns: Ints, n: int, n_bus: int, at_angle: Ints, at_magnitude: Ints
) -> Ints:
    # SuperLU's minimum degree on the pattern; the unknowns of a bus end up side by side.
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    pattern = sp.csc_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    dominant = pattern + sp.diags_array(np.full(n, float(n_bus * 4)))
    try:
        factor = sp.linalg.splu(
            dominant.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        return np.argsort(factor.perm_c).astype(np.int64)
    except RuntimeError:
        return reverse_cuthill_mckee(pattern.tocsr(), symmetric_mode=True).astype(np.int64)
