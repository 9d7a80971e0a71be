r"""How flows change when a branch or an injection is lost, linear about a solved state.

About a state the active flow of a branch changes by :math:`b_k = |v_f v_t y_{ft}|` a radian
across it, which takes the voltages of the state into account where the usual DC factors
take 1/x. With
:math:`X = (A^\top \mathrm{diag}(b) A)^{-1}` the outage of k moves its flow over by

.. math:: \Delta P = P_k \frac{\mathrm{diag}(b) A X a_k}{1 - b_k a_k^\top X a_k}

(A. J. Wood, B. F. Wollenberg, "Power Generation, Operation and Control", chapter 11).
"""

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from network.admittance import admittance
from network.arrays import Complexes, Floats, Ints, Sparse
from network.islands import islands, reference_buses
from network.model import Network

__all__ = ["OutageFactors"]


class OutageFactors:
    """Outage factors of a network in a state.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        Voltages, such as an estimate.

    Attributes
    ----------
    p_from_mw : (n_branch,) float
        Flows of the state.
    """

    def __init__(self, network: Network, v: Complexes) -> None:
        self.network = network
        branches = network.branches
        n_bus, n_branch = network.n_bus, network.n_branch
        y = admittance(network)
        v = np.where(v == 0, 1.0, v)
        f, t = branches.from_bus, branches.to_bus
        self.s_from_mva: Complexes = v[f] * np.conj(y.from_end @ v) * network.base_mva
        self.s_to_mva: Complexes = v[t] * np.conj(y.to_end @ v) * network.base_mva
        self.p_from_mw: Floats = self.s_from_mva.real
        stiffness = np.abs(v[f] * v[t] * y.ft)
        rows = np.arange(n_branch)
        self._incidence: Sparse = sp.csr_array(
            (np.r_[np.ones(n_branch), -np.ones(n_branch)], (np.r_[rows, rows], np.r_[f, t])),
            shape=(n_branch, n_bus),
        )
        island = islands(network)
        free = island >= 0
        free[reference_buses(network, island)] = False
        self._free = np.flatnonzero(free)
        self._a: Sparse = self._incidence[:, self._free].tocsr()
        self._flow: Sparse = sp.diags_array(stiffness).tocsr() @ self._a
        self._factor = sla.splu(
            (self._a.T @ self._flow).tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )

    def after_branches(self, rows: Ints) -> Floats:
        """Flows after the outage of each of the branches.

        Parameters
        ----------
        rows : (k,) int

        Returns
        -------
        (n_branch, k) float
            Active power at the from end, MW; NaN where the outage splits the network.
        """
        across = self._a[rows].T.toarray()
        change: Floats = self._flow @ self._factor.solve(across)
        here = np.arange(len(rows))
        left = 1.0 - change[rows, here]
        split = np.abs(left) < 1e-7
        moved = np.where(split, np.nan, self.p_from_mw[rows] / np.where(split, 1.0, left))
        change *= moved
        change += self.p_from_mw[:, None]
        change[rows, here] = np.where(split, np.nan, 0.0)
        return change

    def after_injections(self, p_mw: Floats) -> Floats:
        """Flows after a change of injections.

        Parameters
        ----------
        p_mw : (n_bus, k) float
            Changes of the net injection; what does not sum to zero goes to the reference.

        Returns
        -------
        (n_branch, k) float
            Active power at the from end, MW.
        """
        change: Floats = self._flow @ self._factor.solve(p_mw[self._free])
        return self.p_from_mw[:, None] + change
