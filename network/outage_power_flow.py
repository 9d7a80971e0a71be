"""AC power flow after the loss of one element, from a solved or estimated state.

Injections stay as they are in the state, and so does the voltage where the case holds it;
the slack takes up what changes. What the linear screening finds is confirmed so.
"""

from dataclasses import replace

import numpy as np

from network.admittance import admittance
from network.arrays import Complexes, Floats
from network.errors import NotConverged
from network.islands import islands
from network.model import BusKind, Network
from network.power_flow import PowerFlow, PowerFlowSolution

__all__ = ["OutagePowerFlow", "unit_outputs"]


class OutagePowerFlow:
    """Power flows of a network with one element less.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        The state before, per unit.

    Attributes
    ----------
    s_bus_mva : (n_bus,) complex
        Net injections of the state, shunts left out.
    """

    def __init__(self, network: Network, v: Complexes) -> None:
        self.network = network
        self._v = v
        base = network.base_mva
        self.s_bus_mva: Complexes = v * np.conj(admittance(network).bus @ v) * base
        island = islands(network)
        slack = network.buses.kind == BusKind.SLACK
        self._fed = (island >= 0) & np.isin(island, island[slack])

    def has_slack(self, bus: int) -> bool:
        """Whether the island of a bus has a slack bus, without which it cannot be solved."""
        return bool(self._fed[bus])

    def after_branch(self, row: int) -> PowerFlowSolution | None:
        """Solve without a branch that splits nothing; None where no solution is found."""
        status = self.network.branches.in_service.copy()
        status[row] = False
        return self._solved(self.network.with_branch_status(status), self.s_bus_mva)

    def after_generator(self, row: int, p_mw: float) -> PowerFlowSolution | None:
        """Solve without a generator that gave `p_mw`; None where no solution is found.

        A bus that loses its last unit no longer holds its voltage, and is left with the
        reactive power of its loads.
        """
        network, units, loads = self.network, self.network.generators, self.network.loads
        bus = int(units.bus[row])
        injection = self.s_bus_mva.copy()
        injection[bus] -= p_mw
        others = units.in_service & (units.bus == bus)
        others[row] = False
        if network.buses.kind[bus] == BusKind.PV and not others.any():
            kind = network.buses.kind.copy()
            kind[bus] = BusKind.PQ
            network = replace(network, buses=replace(network.buses, kind=kind))
            drawn = loads.q_mvar[loads.in_service & (loads.bus == bus)].sum()
            injection[bus] = injection[bus].real - 1j * drawn
        return self._solved(network, injection)

    def _solved(self, network: Network, injection: Complexes) -> PowerFlowSolution | None:
        flow = PowerFlow(network, max_iterations=20)
        try:
            return flow.solution(injection.real, injection.imag, np.abs(self._v), self._v)
        except NotConverged:
            return None


def unit_outputs(network: Network, p_bus_mw: Floats) -> Floats:
    """Tell what each generator gives when the net injections are known.

    Where these differ from those of the case, units and loads at a bus share the difference
    in proportion to what they have in the case.

    Parameters
    ----------
    network : Network
    p_bus_mw : (n_bus,) float
        Net injection at each bus.

    Returns
    -------
    (n_generator,) float
        MW; 0 out of service.
    """
    units, loads = network.generators, network.loads
    p_unit = np.where(units.in_service, units.p_mw, 0.0)
    p_load = np.where(loads.in_service, loads.p_mw, 0.0)
    size = np.bincount(units.bus, np.abs(p_unit), network.n_bus)
    size += np.bincount(loads.bus, np.abs(p_load), network.n_bus)
    off = p_bus_mw - network.injection_mva().real
    share = np.abs(p_unit) / np.where(size > 0, size, 1.0)[units.bus]
    given: Floats = p_unit + share * off[units.bus]
    return given
