r"""What the measurements would read in a given state, and how that changes with the state.

All complex powers are :math:`s = v_{own} \overline{(Y v)}` with :math:`Y` the from-end,
to-end and bus admittances stacked, so that values, Jacobian and gradient are a few array
operations each. The state is :math:`x = [\theta, |v|]` less the reference angles.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from network.admittance import admittance
from network.arrays import Complexes, Floats, Ints, Sparse
from network.islands import islands, reference_buses
from network.measurement import Quantity, Telemetry
from network.model import Network

__all__ = ["Evaluation", "MeasurementFunctions"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The network in one state.

    Attributes
    ----------
    v : (n_bus,) complex
    current, power : (2 n_branch + n_bus,) complex
        Per unit: from ends, to ends, buses.
    """

    v: Complexes
    current: Complexes
    power: Complexes


class MeasurementFunctions:
    """The measurement functions of a telemetry on a network.

    Parameters
    ----------
    network : Network
    telemetry : Telemetry

    Attributes
    ----------
    island : (n_bus,) int
        Islands, as :func:`network.islands.islands` numbers them.
    reference : (n_island,) int
        Buses whose angle is held.
    unknown : (n_state,) int
        Which of the ``2 n_bus`` angles and magnitudes are unknown.
    """

    def __init__(self, network: Network, telemetry: Telemetry) -> None:
        self.network = network
        self.telemetry = telemetry
        n_bus, n_branch = network.n_bus, network.n_branch
        branches = network.branches
        y = admittance(network)
        self.n_bus = n_bus
        self.n_power = 2 * n_branch + n_bus
        self.own = np.concatenate([branches.from_bus, branches.to_bus, np.arange(n_bus)])
        self._y: Sparse = sp.csr_array(sp.vstack([y.from_end, y.to_end, y.bus], format="csr"))
        rows = np.arange(self.n_power)
        incidence = sp.csr_array((np.ones(self.n_power), (self.own, rows)))
        self._adjoint: Sparse = sp.csr_array(sp.hstack([incidence, self._y.T], format="csr"))
        self.island = islands(network)
        self.reference = reference_buses(network, self.island)
        free = np.ones(2 * n_bus, dtype=np.bool_)
        free[self.reference] = False
        dead = np.flatnonzero(self.island < 0)
        free[dead] = free[n_bus + dead] = False
        self.unknown = np.flatnonzero(free)
        self.n_state = len(self.unknown)
        self._source = self._sources(telemetry)
        self._lay_out_jacobian()

    def _sources(self, telemetry: Telemetry) -> Ints:
        n_bus, n_branch = self.n_bus, self.network.n_branch
        start = np.zeros(len(Quantity), dtype=np.int64)
        start[Quantity.P_FROM] = n_bus
        start[Quantity.P_TO] = n_bus + n_branch
        start[Quantity.P_INJECTION] = n_bus + 2 * n_branch
        for p, q in (
            (Quantity.P_FROM, Quantity.Q_FROM),
            (Quantity.P_TO, Quantity.Q_TO),
            (Quantity.P_INJECTION, Quantity.Q_INJECTION),
        ):
            start[q] = start[p] + self.n_power
        return start[telemetry.quantity] + telemetry.element

    def evaluate(self, v: Complexes) -> Evaluation:
        """Compute currents and powers at voltages ``(n_bus,)``."""
        current = self._y @ v
        return Evaluation(v, current, v[self.own] * np.conj(current))

    def values(self, state: Evaluation) -> Floats:
        """What the measurements would read, ``(m,)``, per unit."""
        every: Floats = np.concatenate([np.abs(state.v), state.power.real, state.power.imag])
        return every[self._source]

    def gradient(self, state: Evaluation, weighted: Floats) -> Floats:
        r"""Compute :math:`H(x)^\top u` without forming the Jacobian.

        Parameters
        ----------
        state : Evaluation
        weighted : (m,) float
            The vector u, such as weighted residuals.

        Returns
        -------
        (n_state,) float

        Notes
        -----
        With multipliers a and b of P and Q, :math:`\sum a P + b Q = \mathrm{Re}(\bar c s)` for
        :math:`c = a + \mathrm j b`, whose derivative by v is
        :math:`C^\top \overline{c\,i} + Y^\top (c\,\bar v_{own})`.
        """
        n_bus, n_power = self.n_bus, self.n_power
        every = np.bincount(self._source, weighted, n_bus + 2 * n_power)
        c = every[n_bus : n_bus + n_power] + 1j * every[n_bus + n_power :]
        v = state.v
        through = np.concatenate([np.conj(c * state.current), c * np.conj(v[self.own])])
        by_v = (self._adjoint @ through) * v
        by_magnitude = by_v.real / np.abs(v) + every[:n_bus]
        full: Floats = np.concatenate([-by_v.imag, by_magnitude])
        return full[self.unknown]

    def physical_bounds(self) -> Floats:
        """Magnitudes ``(m,)``, per unit, that no measurement on this network can exceed.

        Powers at 1.5 pu at all ends; without bound on a branch out of service, where a flow
        says that the branch is not out.
        """
        reach = np.asarray(abs(self._y).sum(axis=1)).ravel() * 1.5**2
        reach[reach == 0] = np.inf
        every: Floats = np.concatenate([np.full(self.n_bus, 1.5), reach, reach])
        return every[self._source]

    def step(self, v: Complexes, dx: Floats) -> Complexes:
        """Move voltages ``(n_bus,)`` by a change of state ``(n_state,)``."""
        change = np.zeros(2 * self.n_bus)
        change[self.unknown] = dx
        magnitude = np.abs(v)
        turned = v * np.exp(1j * change[: self.n_bus])
        moved: Complexes = turned * ((magnitude + change[self.n_bus :]) / magnitude)
        return moved

    def _lay_out_jacobian(self) -> None:
        # Every measured power has the entries of its admittance row, once for angles and
        # once for magnitudes; a voltage has a single one.
        n_bus, n_power, y = self.n_bus, self.n_power, self._y
        m = len(self._source)
        is_power = self._source >= n_bus
        power_rows = np.flatnonzero(is_power)
        at = self._source[power_rows] - n_bus
        imaginary = at >= n_power
        at = at - n_power * imaginary
        count = np.diff(y.indptr)[at]
        n_entry = len(y.data)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        entry = np.repeat(y.indptr[at], count) + within
        row = np.repeat(power_rows, count)
        part = np.repeat(imaginary, count) * n_entry + entry
        v_rows = np.flatnonzero(~is_power)
        rows = np.concatenate([row, row, v_rows])
        columns = np.concatenate(
            [y.indices[entry], n_bus + y.indices[entry], n_bus + self._source[v_rows]]
        )
        # Data come from [by angle: P, Q | by magnitude: P, Q | 1].
        gather = np.concatenate([part, 2 * n_entry + part, np.full(len(v_rows), 4 * n_entry)])
        column_of = np.full(2 * n_bus, -1, dtype=np.int64)
        column_of[self.unknown] = np.arange(self.n_state)
        kept = column_of[columns] >= 0
        counter = sp.csr_array(
            (np.arange(1, kept.sum() + 1), (rows[kept], column_of[columns[kept]])),
            shape=(m, self.n_state),
        )
        counter.sort_indices()
        self._gather = gather[kept][counter.data - 1]
        self._indices, self._indptr = counter.indices, counter.indptr
        self._entry_row = np.repeat(np.arange(n_power), np.diff(y.indptr))
        self._entry_own = np.flatnonzero(y.indices == self.own[self._entry_row])

    def jacobian(self, state: Evaluation) -> Sparse:
        """Evaluate the Jacobian, csr ``(m, n_state)``, per unit by radian or per unit."""
        v, y = state.v, self._y
        row, own = self._entry_row, self._entry_own
        s = v[self.own[row]] * np.conj(y.data * v[y.indices])
        by_angle = -1j * s
        by_angle[own] += 1j * state.power[row[own]]
        magnitude = np.abs(v)
        by_magnitude = s / magnitude[y.indices]
        by_magnitude[own] += state.power[row[own]] / magnitude[y.indices[own]]
        stacked = np.concatenate(
            [by_angle.real, by_angle.imag, by_magnitude.real, by_magnitude.imag, [1.0]]
        )
        shape = (len(self._source), self.n_state)
        return sp.csr_array((stacked[self._gather], self._indices, self._indptr), shape=shape)
