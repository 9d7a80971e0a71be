"""An estimator that follows a simulated month, scan by scan, and how often it was right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Complexes, Floats
from network.errors import NotObservable
from network.estimate import StateEstimate
from network.estimator import Estimator
from network.scan_skew import rate_of_change, skewed_sigma
from network.topology_errors import explain
from tests.network.simulated.month import MonthScan, SimulatedMonth

__all__ = ["Month", "follow"]

_FAR_OFF = 6.0
"""Standard errors by which a value is wrong and not merely uncertain, and"""
_V_PU, _FLOW = 0.008, 1.6
"""what it must be off by besides: two standard deviations of a sensor."""


@dataclass(frozen=True, slots=True)
class Month:
    """What came of the scans of a month.

    Attributes
    ----------
    scans : int
    valid_percent : float
        Scans with a state that converged and is plausible.
    not_valid : int
    wrong : int
        Valid states with a flow or voltage called observed that is six standard errors off
        and two standard deviations of a sensor, besides what changed during the scan.
    silently_wrong : int
        Those that lost no measurement and called everything observed.
    gross_errors, gross_found, false_removals : int
        Errors of 20 standard deviations and more in all scans, those removed, and removals of
        right values where the status of breakers was known.
    late_statuses, late_named : int
        Scans under wrong breaker statuses, and those for which one of them was named first.
    """

    scans: int
    valid_percent: float
    not_valid: int
    wrong: int
    silently_wrong: int
    gross_errors: int
    gross_found: int
    false_removals: int
    late_statuses: int
    late_named: int


def follow(month: SimulatedMonth) -> Month:
    """Estimate every scan of a month, warm from the one before."""
    run = _Run(month)
    for scan in month:
        run.take(scan)
    return run.told()


class _Run:
    def __init__(self, month: SimulatedMonth) -> None:
        self.month = month
        self.estimators: dict[bytes, Estimator] = {}
        self.last: tuple[float, bytes, StateEstimate] | None = None
        self.rate: Floats | None = None
        self.v: Complexes | None = None
        self.scans = self.not_valid = self.wrong = self.silent = 0
        self.gross = self.found = self.false = self.late = self.named = 0

    def take(self, scan: MonthScan) -> None:
        self.scans += 1
        key = scan.status.tobytes()
        estimator = self._estimator(key, scan.status)
        same = self.last is not None and self.last[1] == key
        rate = self.rate if same and self.rate is not None else np.zeros(len(scan.sigma))
        sigma = skewed_sigma(scan.sigma, scan.age_s, rate)
        try:
            estimate = estimator.estimate(scan.value, sigma=sigma, v0=self.v)
        except NotObservable:
            self.not_valid += 1
            return
        late = not np.array_equal(scan.status, scan.true_status)
        removed = {removal.row for removal in estimate.removed}
        self.gross += len(scan.clear)
        self.found += len(removed & set(scan.clear))
        if late:
            self.late += 1
            self.named += self._is_named(estimator, scan, estimate, sigma)
        else:
            typical = np.flatnonzero(scan.sigma != self.month.telemetry.sigma).tolist()
            self.false += len(removed - set(scan.wrong) - set(typical))
        if not (estimate.converged and estimate.plausible):
            self.not_valid += 1
            return
        if _is_wrong(estimator, scan, estimate):
            self.wrong += 1
            self.silent += not removed and bool(estimate.observed.all())
        self._keep(scan.time_s, key, estimator, estimate)

    def told(self) -> Month:
        return Month(
            self.scans,
            100 * (1 - self.not_valid / self.scans),
            self.not_valid,
            self.wrong,
            self.silent,
            self.gross,
            self.found,
            self.false,
            self.late,
            self.named,
        )

    def _estimator(self, key: bytes, status: Bools) -> Estimator:
        if key not in self.estimators:
            network = self.month.network.with_branch_status(status)
            self.estimators[key] = Estimator(network, self.month.telemetry, at=self.v)
        return self.estimators[key]

    def _keep(
        self, time_s: float, key: bytes, estimator: Estimator, estimate: StateEstimate
    ) -> None:
        if estimate.gain_renewed:
            self.estimators[key] = estimator.recentred(estimate.v)
        if self.last is not None and self.last[1] == key:
            self.rate = rate_of_change(self.last[2], estimate, time_s - self.last[0])
        self.last, self.v = (time_s, key, estimate), estimate.v

    def _is_named(
        self, estimator: Estimator, scan: MonthScan, estimate: StateEstimate, sigma: Floats
    ) -> bool:
        names = self.month.network.branches.id
        wrong = {
            ("closed" if scan.true_status[branch] else "open", str(names[branch]))
            for branch in np.flatnonzero(scan.status != scan.true_status).tolist()
        }
        hypotheses = explain(estimator, scan.value, estimate, sigma=sigma)
        return bool(hypotheses) and (hypotheses[0].kind, hypotheses[0].branch) in wrong


def _is_wrong(estimator: Estimator, scan: MonthScan, estimate: StateEstimate) -> bool:
    """Whether the state is further from the truth than its errors and the time skew allow."""
    error = estimator.standard_errors(estimate)
    true, before = scan.solved, scan.earlier
    v, v_true, v_before = (np.abs(one) for one in (estimate.v, true.v, before.v))
    if _is_off(v - v_true, v_before - v_true, error.v_pu, _V_PU):
        return True
    at_from = estimate.s_from_mva - true.s_from_mva, before.s_from_mva - true.s_from_mva
    at_to = estimate.s_to_mva - true.s_to_mva, before.s_to_mva - true.s_to_mva
    return any(
        _is_off(off.real, moved.real, p, _FLOW) or _is_off(off.imag, moved.imag, q, _FLOW)
        for (off, moved), p, q in (
            (at_from, error.p_from_mw, error.q_from_mvar),
            (at_to, error.p_to_mw, error.q_to_mvar),
        )
    )


def _is_off(off: Floats, moved: Floats, error: Floats, least: float) -> bool:
    """Whether something known is off; what is not observed has no error to compare with."""
    beyond = np.abs(off) - np.abs(moved)
    return bool(np.any((beyond > _FAR_OFF * error) & (beyond > least)))
