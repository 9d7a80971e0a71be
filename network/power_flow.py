"""AC power flow by Newton's method, prepared once per topology and solved many times.

The Jacobian's layout and elimination order are worked out once. A solve factors the
Jacobian at its start and keeps that factor while each step shrinks the mismatch well
(the chord method); it is factored anew where it does not, so the limit is the same
solution as full Newton's at a fraction of the work when the start is warm.
W. F. Tinney, C. E. Hart, "Power flow solution by Newton's method", 1967.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse.linalg as sla

from network.admittance import admittance
from network.arrays import Complexes, Floats, Sparse
from network.errors import BadCase, NotConverged
from network.islands import islands
from network.jacobian_pattern import JacobianPattern
from network.model import BusKind, Network

__all__ = ["PowerFlow", "PowerFlowSolution"]

_SHRINKS_WELL = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class PowerFlowSolution:
    """A solved state.

    Attributes
    ----------
    v : (n_bus,) complex
        Voltages, per unit; 0 at buses that are dead.
    s_bus_mva : (n_bus,) complex
        Net injection, shunts left out.
    s_from_mva, s_to_mva : (n_branch,) complex
        Flow into the branch at either end.
    iterations : int
    """

    v: Complexes
    s_bus_mva: Complexes
    s_from_mva: Complexes
    s_to_mva: Complexes
    iterations: int


class PowerFlow:
    """A power flow prepared for one topology.

    Parameters
    ----------
    network : Network
        Buses in islands without a slack bus are dead: their voltage is 0.
    tolerance : float
        Greatest mismatch accepted, per unit.
    max_iterations : int

    Raises
    ------
    BadCase
        The network has no slack bus.

    Examples
    --------
    A lossless line of 0.1 pu that carries 50 MW between two buses held at 1 pu:

    >>> from network.readers.matpower import network_from_matpower_text
    >>> network = network_from_matpower_text('''
    ... mpc.baseMVA = 100;
    ... mpc.bus = [1 3 0 0 0 0 1 1 0 110 1 1.1 0.9; 2 2 50 0 0 0 1 1 0 110 1 1.1 0.9];
    ... mpc.gen = [1 0 0 0 0 1 100 1 100 0; 2 0 0 0 0 1 100 1 100 0];
    ... mpc.branch = [1 2 0 0.1 0 0 0 0 0 0 1];''')
    >>> v = PowerFlow(network).solve()
    >>> print(f"{np.angle(v[0] / v[1]):.6f}", f"{np.arcsin(0.05):.6f}")
    0.050021 0.050021
    """

    def __init__(
        self, network: Network, *, tolerance: float = 1e-8, max_iterations: int = 40
    ) -> None:
        self.network = network
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self._admittance = admittance(network)
        buses = network.buses
        island = islands(network)
        slack = buses.kind == BusKind.SLACK
        if not slack.any():
            raise BadCase("the network has no slack bus; a power flow needs one")
        self._live = np.isin(island, island[slack])
        held = slack | (buses.kind == BusKind.PV)
        self._slack = np.flatnonzero(slack)
        self._pv = np.flatnonzero(self._live & (buses.kind == BusKind.PV))
        self._held = np.flatnonzero(self._live & held)
        angle = np.flatnonzero(self._live & ~slack)
        magnitude = np.flatnonzero(self._live & ~held)
        self._pattern = JacobianPattern.of(self._admittance.bus, angle, magnitude)
        self._injection = network.injection_mva()

    def solve(
        self,
        p_injection: Floats | None = None,
        q_injection: Floats | None = None,
        v_setpoint: Floats | None = None,
        v0: Complexes | None = None,
    ) -> Complexes:
        """Solve for the voltages.

        Parameters
        ----------
        p_injection, q_injection : (n_bus,) float, optional
            Net injection, MW and MVAr, generation minus load; P at slack buses and Q at
            slack and PV buses are results. The case's own when absent.
        v_setpoint : (n_bus,) float, optional
            Voltage held at slack and PV buses, per unit; the case's own when absent.
        v0 : (n_bus,) complex, optional
            Start, such as the last solution; a flat start when absent.

        Returns
        -------
        (n_bus,) complex
            Voltages, per unit.

        Raises
        ------
        NotConverged
        """
        return self._solve(p_injection, q_injection, v_setpoint, v0)[0]

    def solution(
        self,
        p_injection: Floats | None = None,
        q_injection: Floats | None = None,
        v_setpoint: Floats | None = None,
        v0: Complexes | None = None,
    ) -> PowerFlowSolution:
        """Solve as :meth:`solve` does, and return the flows as well."""
        v, iterations = self._solve(p_injection, q_injection, v_setpoint, v0)
        y, base = self._admittance, self.network.base_mva
        branches = self.network.branches
        return PowerFlowSolution(
            v=v,
            s_bus_mva=v * np.conj(y.bus @ v) * base,
            s_from_mva=v[branches.from_bus] * np.conj(y.from_end @ v) * base,
            s_to_mva=v[branches.to_bus] * np.conj(y.to_end @ v) * base,
            iterations=iterations,
        )

    def _solve(
        self,
        p_injection: Floats | None,
        q_injection: Floats | None,
        v_setpoint: Floats | None,
        v0: Complexes | None,
    ) -> tuple[Complexes, int]:
        p = self._injection.real if p_injection is None else np.asarray(p_injection, np.float64)
        q = self._injection.imag if q_injection is None else np.asarray(q_injection, np.float64)
        wanted = (p + 1j * q) / self.network.base_mva
        angle, magnitude = self._start(v_setpoint, v0)
        pattern, y_bus = self._pattern, self._admittance.bus
        n_angle = len(pattern.angle)
        order, n = pattern.order, len(pattern.order)
        step = np.empty(n)
        factor: sla.SuperLU | None = None
        last = np.inf
        for iteration in range(self.max_iterations + 1):
            v = magnitude * np.exp(1j * angle)
            off = wanted - v * np.conj(y_bus @ v)
            mismatch = np.concatenate([off.real[pattern.angle], off.imag[pattern.magnitude]])
            worst = float(np.abs(mismatch).max(initial=0.0))
            if worst <= self.tolerance:
                return np.where(self._live, v, 0), iteration
            if not np.isfinite(worst) or iteration == self.max_iterations:
                break
            if factor is None or worst > _SHRINKS_WELL * last:
                factor = _factor(pattern.jacobian(v))
                if factor is None:
                    break
            last = worst
            step[order] = factor.solve(mismatch[order])
            angle[pattern.angle] += step[:n_angle]
            magnitude[pattern.magnitude] += step[n_angle:]
        raise NotConverged("the power flow did not converge", iterations=iteration, mismatch=worst)

    def _start(self, v_setpoint: Floats | None, v0: Complexes | None) -> tuple[Floats, Floats]:
        buses = self.network.buses
        held_at = buses.v_set_pu if v_setpoint is None else np.asarray(v_setpoint, np.float64)
        case_angle = np.deg2rad(buses.angle_set_deg)
        if v0 is None:
            angle = np.full(self.network.n_bus, case_angle[self._slack[0]])
            magnitude = np.ones(self.network.n_bus)
        else:
            angle, magnitude = np.angle(v0), np.abs(v0)
            magnitude[magnitude == 0] = 1.0
        magnitude[self._held] = held_at[self._held]
        angle[self._slack] = case_angle[self._slack]
        return angle, magnitude


def _factor(jacobian: Sparse) -> sla.SuperLU | None:
    try:
        return sla.splu(jacobian, permc_spec="NATURAL", options={"SymmetricMode": True})
    except RuntimeError:
        return None
