r"""AC power flows after many single outages at once, from one factored Jacobian.

The loss of a branch changes the equations of its two buses alone, the loss of the last unit
at a bus turns one held voltage into an equation: the Jacobian after the outage is that of the
state, :math:`J`, with a few rows R changed by D. With :math:`T = J^{-1} E_R`, Woodbury's identity

.. math:: (J + E_R D)^{-1} b = y - T (I + D T)^{-1} D y, \qquad y = J^{-1} b

gives every outage its own exact first Newton step and the chord steps after it, whole blocks of
outages with one factor (O. Alsac, B. Stott, W. F. Tinney, "Sparsity-oriented compensation
methods for modified network solutions", 1983). What the chord does not solve is left to a power
flow of its own.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse.linalg as sla

from network.admittance import admittance
from network.arrays import Bools, Complexes, Floats, Ints
from network.islands import fed_buses
from network.jacobian_pattern import JacobianPattern
from network.model import BusKind, Network

__all__ = ["OutageNewton", "OutageStates"]

_MOST_STEPS = 15
_WORTH_A_COPY = 0.75
"""Share of a block that is still to be solved from which the rest goes along, standing still."""
_TOO_SLOW = 0.8
"""A mismatch that a step leaves above this part of what it was is not waited for."""


@dataclass(frozen=True, slots=True, eq=False)
class OutageStates:
    """States after k outages.

    Attributes
    ----------
    v : (n_bus, k) complex
        Voltages, per unit; those of outages that were not solved mean nothing.
    solved : (k,) bool
    """

    v: Complexes
    solved: Bools


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """What k outages change.

    `row` (k, r) are the rows of the Jacobian, -1 for none; D has `value` at
    (`outage`, `slot`, `column`), slots being places in `row`. `wanted` (n_bus, k) are the
    injections afterwards, per unit, `freed` (k,) the bus whose voltage is no longer held or -1,
    and `lost` the branches that carry nothing any more.
    """

    row: Ints
    outage: Ints
    slot: Ints
    column: Ints
    value: Floats
    wanted: Complexes
    freed: Ints
    lost: Ints


class OutageNewton:
    """Newton's method from a state, prepared once for all outages.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        The state, per unit. Its injections stay, and its voltages where the case holds them.
    tolerance : float
        Greatest mismatch accepted, per unit.

    Raises
    ------
    RuntimeError
        The Jacobian of the state is singular.
    """

    def __init__(self, network: Network, v: Complexes, *, tolerance: float = 1e-6) -> None:
        self.network = network
        self.tolerance = tolerance
        self._y = admittance(network)
        kind, fed = network.buses.kind, fed_buses(network)
        slack = kind == BusKind.SLACK
        self._held = slack | (kind == BusKind.PV)
        self._v = np.where(fed, v, 0)
        self._s_bus: Complexes = self._v * np.conj(self._y.bus @ self._v)
        self._free = np.flatnonzero(fed & ~slack)
        # A magnitude that is held stays among the unknowns, with the equation that it does not
        # change, so that an outage can put its reactive balance in the place of that.
        pattern = JacobianPattern.of(self._y.bus, self._free, self._free)
        self._n = len(pattern.order)
        place = np.empty(self._n, dtype=np.int64)
        place[pattern.order] = np.arange(self._n)
        self._place = np.full((2, network.n_bus), -1, dtype=np.int64)
        self._place[:, self._free] = place.reshape(2, -1)
        jacobian = pattern.jacobian(np.where(fed, v, 1.0))
        self._rows = jacobian.tocsr()
        holding = np.zeros(self._n, dtype=np.bool_)
        holding[self._place[1, self._free[self._held[self._free]]]] = True
        column = np.repeat(np.arange(self._n), np.diff(jacobian.indptr))
        held = holding[jacobian.indices]
        jacobian.data[held] = (jacobian.indices == column)[held]
        self._factor = sla.splu(jacobian, permc_spec="NATURAL", options={"SymmetricMode": True})

    def after_branches(self, rows: Ints) -> OutageStates:
        """Solve the outage of each of some branches that split nothing.

        Parameters
        ----------
        rows : (k,) int
            Branches between buses that a slack bus feeds.
        """
        y, n = self._y, len(rows)
        f, t = self.network.branches.from_bus[rows], self.network.branches.to_bus[rows]
        at_from = _derivatives(self._v[f], self._v[t], y.ff[rows], y.ft[rows])
        at_to = _derivatives(self._v[t], self._v[f], y.tt[rows], y.tf[rows])
        # Both P and Q of either end, by both angles and both magnitudes, from before to.
        value = -np.stack(
            [at_from[:, 0], at_to[:, 0, [1, 0, 3, 2]], at_from[:, 1], at_to[:, 1, [1, 0, 3, 2]]],
            axis=1,
        )
        column = self._place[[0, 0, 1, 1], np.stack([f, t, f, t], axis=1)]
        row = column.copy()
        row[:, 2:][self._held[np.stack([f, t], axis=1)]] = -1
        kept = (row >= 0)[:, :, None] & (column >= 0)[:, None, :]
        outage, slot, which = np.nonzero(kept)
        return self._solve(
            _Change(
                row=row,
                outage=outage,
                slot=slot,
                column=column[outage, which],
                value=value[kept],
                wanted=np.repeat(self._s_bus[:, None], n, axis=1),
                freed=np.full(n, -1),
                lost=rows,
            )
        )

    def after_units(self, bus: Ints, left_mva: Complexes, freed: Bools) -> OutageStates:
        """Solve the loss of units that are not at a slack bus.

        Parameters
        ----------
        bus : (k,) int
            Where each is lost, a bus that a slack bus feeds.
        left_mva : (k,) complex
            Net injection left there; its reactive part counts where no voltage is held.
        freed : (k,) bool
            Whether the voltage of the bus is no longer held.
        """
        n = len(bus)
        row = np.where(freed, self._place[1, bus], -1)[:, None]
        k = np.flatnonzero(freed)
        balance = self._rows[row[k, 0]].tocoo()
        wanted = np.repeat(self._s_bus[:, None], n, axis=1)
        wanted[bus, np.arange(n)] = left_mva / self.network.base_mva
        return self._solve(
            _Change(
                row=row,
                outage=np.concatenate([k[balance.row], k]),
                slot=np.zeros(balance.nnz + len(k), dtype=np.int64),
                column=np.concatenate([balance.col.astype(np.int64), row[k, 0]]),
                value=np.concatenate([balance.data, np.full(len(k), -1.0)]),
                wanted=wanted,
                freed=np.where(freed, bus, -1),
                lost=np.zeros(0, dtype=np.int64),
            )
        )

    def _solve(self, change: _Change) -> OutageStates:
        n_outage, n_slot = change.row.shape
        # Outages of one bus share the column of its equation.
        distinct, which = np.unique(np.maximum(change.row, 0), return_inverse=True)
        unit = np.zeros((self._n, len(distinct)))
        unit[distinct, np.arange(len(distinct))] = 1.0
        columns = self._factor.solve(unit)
        t = columns[:, which.reshape(n_outage, n_slot)]
        weighted = change.value[:, None] * t[change.column, change.outage]
        small = np.zeros((n_outage, n_slot, n_slot))
        np.add.at(small, (change.outage, change.slot), weighted)
        small += np.eye(n_slot)
        singular = np.abs(np.linalg.det(small)) < 1e-9
        small[singular] = np.eye(n_slot)
        inverse = np.linalg.inv(small)

        v = np.repeat(self._v[:, None], n_outage, axis=1)
        solved = np.zeros(n_outage, dtype=np.bool_)
        left = np.arange(n_outage)
        part, at, last, going = change, v, np.full(n_outage, np.inf), ~singular
        for _ in range(_MOST_STEPS + 1):
            off = self._mismatch(part, at)
            worst = np.abs(off).max(axis=0, initial=0.0)
            solved[left[going & (worst <= self.tolerance)]] = True
            going &= (worst > self.tolerance) & (worst < _TOO_SLOW * last)
            last = worst
            if not going.any():
                break
            if going.sum() <= _WORTH_A_COPY * len(left):
                v[:, left] = at
                left, off, last = left[going], off[:, going], last[going]
                part, t, inverse = _part(part, going), t[:, going], inverse[going]
                at, going = at[:, going], going[going]
            else:
                off[:, ~going] = 0.0
            y = self._factor.solve(off)
            d_y = np.zeros((len(left), n_slot))
            np.add.at(d_y, (part.outage, part.slot), part.value * y[part.column, part.outage])
            y -= np.einsum("nkr,kr->nk", t, np.einsum("krs,ks->kr", inverse, d_y))
            at = self._moved(at, y)
        v[:, left] = at
        return OutageStates(v, solved)

    def _mismatch(self, change: _Change, v: Complexes) -> Floats:
        current = self._y.bus @ v
        if len(change.lost):
            y, rows, k = self._y, change.lost, np.arange(v.shape[1])
            f, t = self.network.branches.from_bus[rows], self.network.branches.to_bus[rows]
            v_f, v_t = v[f, k], v[t, k]
            current[f, k] -= y.ff[rows] * v_f + y.ft[rows] * v_t
            current[t, k] -= y.tf[rows] * v_f + y.tt[rows] * v_t
        off = change.wanted - v * np.conj(current)
        mismatch = np.zeros((self._n, v.shape[1]))
        mismatch[self._place[0, self._free]] = off.real[self._free]
        loose = self._free[~self._held[self._free]]
        mismatch[self._place[1, loose]] = off.imag[loose]
        k = np.flatnonzero(change.freed >= 0)
        mismatch[self._place[1, change.freed[k]], k] = off.imag[change.freed[k], k]
        return mismatch

    def _moved(self, v: Complexes, step: Floats) -> Complexes:
        free = self._free
        at = v[free]
        grown = 1.0 + step[self._place[1, free]] / np.abs(at)
        angle = step[self._place[0, free]]
        # Sines are several times faster than a complex exponential.
        turned = np.empty_like(at)
        turned.real, turned.imag = grown * np.cos(angle), grown * np.sin(angle)
        v[free] = at * turned
        return v


def _derivatives(v_i: Complexes, v_j: Complexes, y_ii: Complexes, y_ij: Complexes) -> Floats:
    """Derivatives of P and Q into a branch at i by angle i, angle j, |v_i|, |v_j|: (k, 2, 4)."""
    across = v_i * np.conj(y_ij * v_j)
    own = v_i * np.conj(y_ii * v_i)
    by = np.stack(
        [1j * across, -1j * across, (across + 2 * own) / np.abs(v_i), across / np.abs(v_j)], axis=1
    )
    both: Floats = np.stack([by.real, by.imag], axis=1)
    return both


def _part(change: _Change, kept: Bools) -> _Change:
    """Take some outages of a change."""
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    entry = number[change.outage] >= 0
    return _Change(
        row=change.row[kept],
        outage=number[change.outage[entry]],
        slot=change.slot[entry],
        column=change.column[entry],
        value=change.value[entry],
        wanted=change.wanted[:, kept],
        freed=change.freed[kept],
        lost=change.lost[kept] if len(change.lost) else change.lost,
    )
