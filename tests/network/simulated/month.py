"""A month of scans with all that goes wrong in one, and what an estimator makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from network.arrays import Bools, Complexes, Floats, Ints
from network.bridges import find_bridges
from network.errors import NotConverged
from network.measurement import Origin, Quantity, Telemetry, full_telemetry
from network.model import Network
from network.power_flow import PowerFlow, PowerFlowSolution
from tests.network.simulated.scans import LEAST_TYPICAL, TYPICAL_ERROR, readings

__all__ = ["MonthScan", "SimulatedMonth"]

MONTH_S = 30 * 86_400.0
SKEW_S = 10.0
"""Greatest age of a value in its scan."""
HOLES = 0.01
"""Values missing at random in a scan, besides stations that do not answer."""
SPIKES = 0.3
"""Fresh gross errors a scan, on average, of 20 to 200 standard deviations."""
CLEAR = 20.0
"""Standard deviations from which on an error counts as one that has to be found."""
_HOUR = 3600.0
_OUTAGES, _RAMPS, _SILENCES, _FAULTS = 60, 90, 300, 110
_LATE = 0.25
"""Part of the breaker events that are told one scan late."""


@dataclass(frozen=True, slots=True)
class _Spell:
    """Something that lasts from a time to another, at a place."""

    start: float
    end: float
    place: int
    kind: int = 0

    def holds(self, t: float) -> bool:
        return self.start <= t < self.end


@dataclass(frozen=True, slots=True, eq=False)
class MonthScan:
    """One scan, and the truth behind it.

    Attributes
    ----------
    time_s : float
    status, true_status : (n_branch,) bool
        Of the branches as told and as they are.
    value, sigma, age_s : (m,) float
        Injections that are missing have typical values with a sigma of their own.
    wrong, clear : tuple of int
        Rows that do not tell what they should, and those that are far off by it.
    solved, earlier : PowerFlowSolution
        The true states at the time of the scan, and at the greatest age in it.
    """

    time_s: float
    status: Bools
    true_status: Bools
    value: Floats
    sigma: Floats
    age_s: Floats
    wrong: tuple[int, ...]
    clear: tuple[int, ...]
    solved: PowerFlowSolution
    earlier: PowerFlowSolution


class SimulatedMonth:
    """Scans at equal distances over a month: load shapes, ramps of units, switching, faults.

    Parameters
    ----------
    network : Network
    seed : int
    scans : int
        Of the whole month; fewer are further apart.
    """

    def __init__(self, network: Network, seed: int, scans: int) -> None:
        self.network = network
        self.scans = scans
        self.telemetry: Telemetry = full_telemetry(network)
        self._rng = rng = np.random.default_rng(seed)
        self._base = network.injection_mva()
        n = network.n_bus
        self._period = rng.uniform([[1.5], [4.0]], [[4.0], [9.0]], (2, n)) * _HOUR
        self._phase = rng.uniform(0, 2 * np.pi, (2, n))
        self._outages = list(self._drawn_outages())
        self._ramps = list(self._drawn_ramps())
        self._silences = self._spells(_SILENCES, 0.5, 4.0, np.arange(n))
        measured = np.flatnonzero(self.telemetry.origin == Origin.MEASURED)
        self._faults = self._spells(_FAULTS, 1.0, 12.0, measured)
        self._frozen: dict[_Spell, float] = {}

    def __iter__(self) -> Iterator[MonthScan]:
        told: Bools | None = None
        v: Complexes | None = None
        for k in range(1, self.scans + 1):
            t = k * MONTH_S / self.scans
            status = self._status(t)
            late = told is not None and not np.array_equal(told, status)
            late = late and self._rng.random() < _LATE
            told = told if late and told is not None else status
            network = self.network.with_branch_status(status)
            flow = PowerFlow(network)
            try:
                solved, earlier = (self._solved(flow, at, v) for at in (t, t - SKEW_S))
            except NotConverged:
                continue
            v = solved.v
            yield self._scan(t, told, status, network, solved, earlier)

    def _scan(
        self,
        t: float,
        told: Bools,
        status: Bools,
        network: Network,
        solved: PowerFlowSolution,
        earlier: PowerFlowSolution,
    ) -> MonthScan:
        rng, telemetry = self._rng, self.telemetry
        measured = telemetry.origin == Origin.MEASURED
        age = rng.uniform(0, SKEW_S, self.network.n_bus)[self.station]
        now, then = (readings(network, telemetry, one.v) for one in (solved, earlier))
        truth = np.where(measured, now + (then - now) * age / SKEW_S, 0.0)
        value = truth + measured * telemetry.sigma * rng.standard_normal(len(truth))
        clean = value.copy()
        wrong = self._with_errors(t, value, measured)
        far = np.abs(value - clean) >= CLEAR * telemetry.sigma
        silent = [spell.place for spell in self._silences if spell.holds(t)]
        gone = measured & (np.isin(self.station, silent) | (rng.random(len(truth)) < HOLES))
        injected = np.isin(telemetry.quantity, [Quantity.P_INJECTION, Quantity.Q_INJECTION])
        typical = now * (1 + TYPICAL_ERROR * rng.standard_normal(len(truth)))
        spread = np.maximum(TYPICAL_ERROR * np.abs(typical), LEAST_TYPICAL)
        value[gone] = np.where(injected, typical, np.nan)[gone]
        sigma = np.where(gone & injected, spread, telemetry.sigma)
        kept = tuple(row for row in wrong if not gone[row])
        clear = tuple(row for row in kept if far[row])
        age = np.where(measured, age, 0.0)
        return MonthScan(t, told, status, value, sigma, age, kept, clear, solved, earlier)

    @cached_property
    def station(self) -> Ints:
        """Bus ``(m,)`` at which each value is measured."""
        quantity, element = self.telemetry.quantity, self.telemetry.element
        branches = self.network.branches
        at_from = np.isin(quantity, [Quantity.P_FROM, Quantity.Q_FROM])
        at_to = np.isin(quantity, [Quantity.P_TO, Quantity.Q_TO])
        station = element.copy()
        station[at_from] = branches.from_bus[element[at_from]]
        station[at_to] = branches.to_bus[element[at_to]]
        return station

    def _with_errors(self, t: float, value: Floats, measured: Bools) -> list[int]:
        """Plant standing faults and fresh spikes in place; return their rows."""
        rows = []
        for spell in self._faults:
            if not spell.holds(t):
                continue
            row = spell.place
            if spell.kind == 0:
                value[row] = self._frozen.setdefault(spell, float(value[row]))
            elif spell.kind == 1:
                value[row] = -value[row]
            else:
                value[row] = 0.0
            rows.append(row)
        rng = self._rng
        fresh = rng.choice(np.flatnonzero(measured), rng.poisson(SPIKES), replace=False)
        size = rng.uniform(20, 200, len(fresh)) * rng.choice([-1, 1], len(fresh))
        value[fresh] += size * self.telemetry.sigma[fresh]
        return rows + fresh.tolist()

    def _solved(self, flow: PowerFlow, t: float, v: Complexes | None) -> PowerFlowSolution:
        day = 0.80 + 0.14 * np.sin(2 * np.pi * (t / 86_400 - 0.35))
        level = day + 0.03 * np.sin(2 * np.pi * t / (7 * 86_400))
        wave = np.sin(2 * np.pi * t / self._period + self._phase)
        s = self._base * (level * (1 + 0.05 * wave[0] + 0.03 * wave[1]))
        for spell, other, mw in self._ramps:
            # Up for the first half hour at most, down for the last.
            rise = min(1800.0, (spell.end - spell.start) / 3)
            part = np.clip(min(t - spell.start, spell.end - t) / rise, 0, 1)
            s[spell.place] -= part * mw
            s[other] += part * mw
        return flow.solution(s.real, s.imag, v0=v)

    def _status(self, t: float) -> Bools:
        status = self.network.branches.in_service.copy()
        status[[spell.place for spell in self._outages if spell.holds(t)]] = False
        return status

    def _spells(self, count: int, least_h: float, most_h: float, places: Ints) -> list[_Spell]:
        rng = self._rng
        start = rng.uniform(0, MONTH_S, count)
        end = start + rng.uniform(least_h, most_h, count) * _HOUR
        chosen, kind = rng.choice(places, count), rng.integers(0, 3, count)
        columns = zip(*(column.tolist() for column in (start, end, chosen, kind)), strict=True)
        return [_Spell(*one) for one in columns]

    def _drawn_outages(self) -> Iterator[_Spell]:
        """Branches whose outage splits nothing, one at a time, that leave a power flow."""
        places = np.flatnonzero(self.network.branches.in_service)
        places = np.setdiff1d(places, find_bridges(self.network).branch)
        spacing = MONTH_S / _OUTAGES
        for k, spell in enumerate(self._spells(_OUTAGES, 2.0, 10.0, places)):
            start = (k + 0.1) * spacing
            length = min(spell.end - spell.start, 0.8 * spacing)
            status = self.network.branches.in_service.copy()
            status[spell.place] = False
            try:
                PowerFlow(self.network.with_branch_status(status)).solve()
            except NotConverged:
                continue
            yield _Spell(start, start + length, spell.place)

    def _drawn_ramps(self) -> Iterator[tuple[_Spell, int, float]]:
        """Units that give up a part of their power for some hours, and who takes it up."""
        units = np.flatnonzero(self._base.real > 20)
        for spell in self._spells(_RAMPS, 2.0, 8.0, units):
            other = int(self._rng.choice(units[units != spell.place]))
            mw = float(self._rng.uniform(0.2, 0.5) * self._base.real[spell.place])
            yield spell, other, mw
