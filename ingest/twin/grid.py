"""The true state of the twin: AC power flows minutes apart, and straight lines between them.

Complex voltages are interpolated, and powers follow from them as S = V conj(Y V). So every
moment is a consistent state; where a bus has neither load nor generator its current is zero at
both ends of a line and hence between them, and so is its injection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.twin.shapes import LoadShapes
from network.admittance import Admittance, admittance
from network.model import Network
from network.power_flow import PowerFlow
from records.time import MINUTE

__all__ = ["NODE", "Grid", "NodeStates", "Powers"]

NODE = 5 * MINUTE
"""Distance of two power flows."""

Complexes = npt.NDArray[np.complex128]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Powers:
    """Complex powers in MVA at several moments, or means over several intervals.

    Parameters
    ----------
    s_from, s_to
        Into each branch at either end, shape (n_times, n_branch).
    load
        Withdrawals, shape (n_times, n_load).
    generation
        Injections, shape (n_times, n_generator).
    """

    s_from: Complexes
    s_to: Complexes
    load: Complexes
    generation: Complexes


@dataclass(frozen=True, slots=True, eq=False)
class NodeStates:
    """Solved states `NODE` apart.

    Parameters
    ----------
    start
        Time of the first, ns UTC.
    v
        Voltages, per unit, shape (n_nodes, n_bus).
    load
        Withdrawals, MVA, shape (n_nodes, n_load).
    """

    start: int
    v: Complexes
    load: Complexes

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """Times of the nodes, ns UTC, shape (n_nodes,)."""
        return self.start + NODE * np.arange(len(self.v), dtype=np.int64)

    def between(self, start: int, end: int) -> NodeStates:
        """The nodes of ``[start, end]`` (ns UTC, times of nodes)."""
        part = slice((start - self.start) // NODE, (end - self.start) // NODE + 1)
        return NodeStates(start, self.v[part], self.load[part])

    def at(self, times: npt.NDArray[np.int64]) -> tuple[Complexes, Complexes]:
        """Voltages and withdrawals at moments between the nodes, one row a moment."""
        node = np.minimum((times - self.start) // NODE, len(self.v) - 2)
        share = ((times - self.start - node * NODE) / NODE)[:, None]
        v = self.v[node] * (1 - share) + self.v[node + 1] * share
        return v, self.load[node] * (1 - share) + self.load[node + 1] * share


class Grid:
    """The network under the loads of `shapes`.

    Every bus may have at most one load and one generator, as in the IEEE 118-bus case.
    Generators follow the total load in proportion; the slack takes losses.

    Attributes
    ----------
    area_names
        Names of the areas; their position is the area number.
    bus_area, load_area, branch_area
        Area numbers; a branch, with its losses, belongs to the area of its from bus.
    closed
        1.0 for a branch in service, else 0.0, shape (n_branch,).
    """

    def __init__(self, network: Network, shapes: LoadShapes) -> None:
        self.network = network
        self.shapes = shapes
        self._flow = PowerFlow(network)
        self._y: Admittance = admittance(network)
        loads, units, branches = network.loads, network.generators, network.branches
        for table in (loads, units):
            if len(np.unique(table.bus)) != len(table):
                raise ValueError("the twin needs at most one load and one generator at a bus")
        names = np.unique(network.buses.area)
        self.area_names: tuple[str, ...] = tuple(names.tolist())
        self.bus_area = np.searchsorted(names, network.buses.area)
        self.load_area = self.bus_area[loads.bus]
        self.branch_area = self.bus_area[branches.from_bus]
        self.closed: Floats = branches.in_service.astype(np.float64)
        self._total = loads.p_mw.sum()
        self._unit_p = np.where(units.in_service, units.p_mw, 0.0)
        load_at = np.full(network.n_bus, -1)
        load_at[loads.bus] = np.arange(len(loads))
        self._load_of_unit = load_at[units.bus]
        self._load_alone = ~np.isin(loads.bus, units.bus)

    def solve(self, start: int, end: int) -> NodeStates:
        """Solve the nodes of ``[start, end]`` (ns UTC, whole quarter hours)."""
        knots = self.shapes.knots(start, (end - start) // (3 * NODE) + 1)
        n_nodes = (end - start) // NODE + 1
        shape = np.empty((n_nodes, knots.shape[1]))
        for third in range(3):  # A node is a knot, or one or two thirds of the way to the next.
            part = shape[third::3]
            part[:] = knots[: len(part)]
            if third:
                part += (knots[1 : len(part) + 1] - part) * (third / 3)
        return self._solved(start, shape)

    def solve_hourly(self, start: int, end: int) -> tuple[Floats, Floats]:
        """Mean loads of each hour, and the losses of a power flow at these means.

        Returns
        -------
        load_mw
            Shape (n_hours, n_load).
        losses_mw
            By area, shape (n_hours, n_areas). Losses of the mean load: the mean of the losses
            within the hour is larger, by less than one part in a thousand.
        """
        shape = self.shapes.hourly(start, end)
        states = self._solved(start, shape)
        return states.load.real, self.losses(self.powers(states.v, states.load))

    def _solved(self, start: int, shape: Floats) -> NodeStates:
        p, q = self.shapes.power(shape)
        loads, units = self.network.loads, self.network.generators
        n_times, n_bus = len(shape), self.network.n_bus
        p_bus, q_bus = np.zeros((n_times, n_bus)), np.zeros((n_times, n_bus))
        p_bus[:, units.bus] = self._unit_p * (p.sum(axis=1) / self._total)[:, None]
        p_bus[:, loads.bus] -= p
        q_bus[:, loads.bus] -= q
        v = np.empty((n_times, n_bus), np.complex128)
        last: Complexes | None = None
        for row in range(n_times):
            last = v[row] = self._flow.solve(p_bus[row], q_bus[row], v0=last)
        return NodeStates(start, v, p + 1j * q)

    def powers(self, v: Complexes, load: Complexes) -> Powers:
        """Powers at moments, from voltages and the withdrawals that belong to them."""
        return self._powers(v, v, load)

    def interval_means(self, states: NodeStates) -> Powers:
        """Exact mean powers over the intervals between the nodes.

        Both voltage and current are straight lines there, so the mean of their product is
        (2 a a' + 2 b b' + a b' + b a') / 6 for ends a and b.
        """
        a, b = states.v[:-1], states.v[1:]
        middle = (states.load[:-1] + states.load[1:]) / 2
        ends = (self._powers(a, a, middle), self._powers(b, b, middle))
        mixed = (self._powers(a, b, middle), self._powers(b, a, middle))

        def mean(name: str) -> Complexes:
            whole = sum(2 * getattr(part, name) for part in ends)
            return np.asarray((whole + sum(getattr(part, name) for part in mixed)) / 6)

        return Powers(mean("s_from"), mean("s_to"), mean("load"), mean("generation"))

    def losses(self, powers: Powers) -> Floats:
        """Active losses in the branches of each area, MW, shape (n_times, n_areas)."""
        lost = (powers.s_from + powers.s_to).real
        out = np.zeros((len(lost), len(self.area_names)))
        for area in range(len(self.area_names)):
            out[:, area] = lost[:, self.branch_area == area].sum(axis=1)
        return out

    def _powers(self, v: Complexes, v_current: Complexes, load: Complexes) -> Powers:
        """Powers of voltages `v` with the currents that `v_current` drives."""
        y, base = self._y, self.network.base_mva
        branches, loads, units = self.network.branches, self.network.loads, self.network.generators
        f, t = branches.from_bus, branches.to_bus
        vf, vt, cf, ct = v[:, f], v[:, t], v_current[:, f], v_current[:, t]
        s_from = vf * np.conj(cf * y.ff + ct * y.ft) * base
        s_to = vt * np.conj(cf * y.tf + ct * y.tt) * base
        s_bus = v * np.conj((y.bus @ v_current.T).T) * base
        taken = np.where(self._load_alone, -s_bus[:, loads.bus], load)
        beside = np.where(self._load_of_unit >= 0, load[:, self._load_of_unit], 0)
        return Powers(s_from, s_to, taken, s_bus[:, units.bus] + beside)
