r"""How flows change when a branch or an injection is lost, linear about a solved state.

About a state the active flow of a branch changes by :math:`b_k = |v_f v_t y_{ft}|` a radian
across it, which takes the voltages of the state into account where the usual DC factors
take 1/x. With
:math:`X = (A^\top \mathrm{diag}(b) A)^{-1}` the outage of k moves its flow over by

.. math:: \Delta P = P_k \frac{\mathrm{diag}(b) A X a_k}{1 - b_k a_k^\top X a_k}

(A. J. Wood, B. F. Wollenberg, "Power Generation, Operation and Control", chapter 11). Where a set
K is lost at once the quotient becomes a small system, :math:`(I - C_{KK}) m = P_K` with
:math:`C = \mathrm{diag}(b) A X A_K^\top`, and :math:`\Delta P = C m`.
"""

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from network.admittance import admittance
from network.arrays import Complexes, Floats, Ints, Sparse
from network.islands import islands, reference_buses
from network.model import BusKind, Network
from network.outages import Outage, lost_branches

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
    lower_end_pu : (n_branch,) float
        Voltage at the end of each branch where it is lower.
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
        self.lower_end_pu: Floats = np.minimum(np.abs(v[f]), np.abs(v[t]))
        # r P^2 / |v|^2 is lost; of the reactive flow that stays, nothing more.
        on = branches.in_service
        self._loss_per_mw2 = np.where(on, branches.r_pu, 0.0) / np.abs(v[f]) ** 2
        self._loss_per_mw2 /= network.base_mva
        stiffness = np.abs(v[f] * v[t] * y.ft)
        rows = np.arange(n_branch)
        self._incidence: Sparse = sp.csr_array(
            (np.r_[np.ones(n_branch), -np.ones(n_branch)], (np.r_[rows, rows], np.r_[f, t])),
            shape=(n_branch, n_bus),
        )
        self._ends: Sparse = abs(self._incidence)
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

    def after_injections(self, p_mw: Floats, *, losses: bool = False) -> Floats:
        """Flows after a change of injections.

        Parameters
        ----------
        p_mw : (n_bus, k) float
            Changes of the net injection; what does not sum to zero goes to the reference.
        losses : bool
            Whether what the changed flows lose more is drawn too, half at either end: power
            that comes from afar loses a good part of itself on the way.

        Returns
        -------
        (n_branch, k) float
            Active power at the from end, MW.
        """
        change: Floats = self._flow @ self._factor.solve(p_mw[self._free])
        change += self.p_from_mw[:, None]
        if losses:
            lost = change**2
            lost -= self.p_from_mw[:, None] ** 2
            lost *= 0.5 * self._loss_per_mw2[:, None]
            drawn = self._ends.T @ lost
            change -= self._flow @ self._factor.solve(drawn[self._free])
            change += lost
        return change

    def after_outage(
        self, outage: Outage, unit_mw: Floats, *, share: Floats | None = None
    ) -> Floats:
        """Flows after the loss of several elements at once.

        Parameters
        ----------
        outage : Outage
            One that cuts nothing off but the buses that it takes.
        unit_mw : (n_generator,) float
            What every unit gives.
        share : (n_bus,) float, optional
            Where what is lost comes from, in shares that sum to one; from the slack bus when
            absent.

        Returns
        -------
        (n_branch,) float
            Active power at the from end, MW; 0 on what is lost.
        """
        network, lost = self.network, lost_branches(self.network, outage)
        if share is None:
            slack = network.buses.kind == BusKind.SLACK
            share = slack / max(int(slack.sum()), 1)
        gone = np.zeros(network.n_bus, dtype=np.bool_)
        gone[list(outage.buses)] = True
        units = [row for row in outage.units if not gone[network.generators.bus[row]]]
        change = np.zeros(network.n_bus)
        np.subtract.at(change, network.generators.bus[units], unit_mw[units])
        # All that flows out of a lost bus goes, its losses too, so that it is left with nothing.
        change[gone] -= (self._incidence.T @ self.p_from_mw)[gone]
        change -= share * change.sum()
        flows: Floats = self.after_injections(change[:, None])[:, 0]
        if len(lost):
            moved = self._flow @ self._factor.solve(self._a[lost].T.toarray())
            # A lost bus makes the system singular and its right-hand side fit: any solution does.
            system = np.eye(len(lost)) - moved[lost]
            flows += moved @ la.lstsq(system, flows[lost], cond=1e-9)[0]
            flows[lost] = 0.0
        return flows
