"""AC power flow after one outage, from a solved or estimated state.

Injections stay as they are in the state, and so does the voltage where the case holds it;
the slack takes up what changes.
"""

from dataclasses import replace

import numpy as np

from network.admittance import admittance
from network.arrays import Bools, Complexes, Floats, Ints
from network.errors import NotConverged
from network.islands import fed_buses
from network.model import BusKind, Network
from network.outages import Outage, lost_branches
from network.power_flow import PowerFlow, PowerFlowSolution

__all__ = ["OutagePowerFlow", "unit_outputs"]


class OutagePowerFlow:
    """Power flows of a network with some elements less.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        The state before, per unit.

    Attributes
    ----------
    s_bus_mva : (n_bus,) complex
        Net injections of the state, shunts left out.
    unit_mw : (n_generator,) float
        What every generator gives in the state.
    fed : (n_bus,) bool
        Buses whose island has a slack bus, without which it cannot be solved.
    """

    def __init__(self, network: Network, v: Complexes) -> None:
        self.network = network
        self._v = v
        base = network.base_mva
        self.s_bus_mva: Complexes = v * np.conj(admittance(network).bus @ v) * base
        self.unit_mw = unit_outputs(network, self.s_bus_mva.real)
        self.fed = fed_buses(network)

    def is_fed(self, outage: Outage) -> bool:
        """Whether all that an outage takes is in islands that a slack bus feeds."""
        branches, units = self.network.branches, self.network.generators
        lost = list(outage.branches)
        buses = [*outage.buses, *units.bus[list(outage.units)].tolist()]
        buses += branches.from_bus[lost].tolist()
        return bool(self.fed[buses].all())

    def without_units(self, rows: Ints, at: Ints) -> tuple[Complexes, Bools]:
        """Tell what losing units leaves at their buses.

        Parameters
        ----------
        rows : (n,) int
            Units that are lost.
        at : (n,) int
            Which outage each belongs to: a bus is looked at in every outage for itself.

        Returns
        -------
        left_mva : (n,) complex
            Net injection left at the bus of each unit. A bus that no longer holds its voltage
            is left with the reactive power of its loads, one that never did loses what the
            unit gives in the case.
        freed : (n,) bool
            Whether no unit that is left holds the voltage there.
        """
        network, units, loads = self.network, self.network.generators, self.network.loads
        bus = units.bus[rows]
        key = at * network.n_bus + bus
        _, group = np.unique(key, return_inverse=True)
        running = np.bincount(units.bus[units.in_service], minlength=network.n_bus)
        lost = np.bincount(group, units.in_service[rows])[group]
        holds = network.buses.kind[bus] == BusKind.PV
        freed: Bools = holds & (lost >= running[bus])
        p = self.s_bus_mva.real[bus] - np.bincount(group, self.unit_mw[rows])[group]
        on = loads.in_service
        drawn = np.bincount(loads.bus[on], loads.q_mvar[on], network.n_bus)[bus]
        given = np.where(units.in_service[rows] & ~holds, units.q_mvar[rows], 0.0)
        q = self.s_bus_mva.imag[bus] - np.bincount(group, given)[group]
        return p + 1j * np.where(freed, -drawn, q), freed

    def changed(self, outage: Outage) -> tuple[Network, Complexes]:
        """Return the network that an outage leaves, and its net injections, MVA."""
        network = self.network
        status = network.branches.in_service.copy()
        status[lost_branches(network, outage)] = False
        kind, injection = network.buses.kind.copy(), self.s_bus_mva.copy()
        rows = np.array(outage.units, dtype=np.int64)
        left, freed = self.without_units(rows, np.zeros(len(rows), dtype=np.int64))
        bus = network.generators.bus[rows]
        injection[bus] = left
        kind[bus[freed]] = BusKind.PQ
        kind[list(outage.buses)] = BusKind.OUT
        changed = replace(network, buses=replace(network.buses, kind=kind))
        return changed.with_branch_status(status), injection

    def after(self, outage: Outage) -> PowerFlowSolution | None:
        """Solve after an outage that cuts nothing off but the buses that it takes.

        None where no solution is found.
        """
        changed, injection = self.changed(outage)
        flow = PowerFlow(changed, max_iterations=20)
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
