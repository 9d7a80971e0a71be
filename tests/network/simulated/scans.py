"""Scans of a network whose true state is known: an AC power flow, and noise on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from network.arrays import Complexes, Floats, Ints
from network.estimate import StateEstimate
from network.estimator import Estimator
from network.measurement import Origin, Quantity, Telemetry, full_telemetry
from network.measurement_functions import MeasurementFunctions
from network.model import BusKind, Network
from network.power_flow import PowerFlow, PowerFlowSolution
from network.standard_errors import StandardErrors

__all__ = ["DrawnScan", "SimulatedScans", "readings"]

TYPICAL_ERROR = 0.2
"""Relative standard deviation of a typical value about the true one."""
LEAST_TYPICAL = 5.0
"""Least standard deviation that a typical value is given, MW or MVAr."""

_P_FLOWS = (int(Quantity.P_FROM), int(Quantity.P_TO))
_INJECTIONS = (int(Quantity.P_INJECTION), int(Quantity.Q_INJECTION))


@dataclass(frozen=True, slots=True, eq=False)
class DrawnScan:
    """One scan: values, and the standard deviations that an estimator is told, (m,)."""

    value: Floats
    sigma: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedScans:
    """A network in a known state, and scans drawn from it.

    The noise is V 0.004 pu, flows 0.8 and injections 1 MW or MVAr; injections known to be
    zero are told as such.
    """

    network: Network
    telemetry: Telemetry
    estimator: Estimator
    solved: PowerFlowSolution
    truth: Floats

    @classmethod
    def of(cls, network: Network, load: float = 1.0) -> SimulatedScans:
        """Solve a case at a multiple of its injections, and prepare an estimator at the case."""
        telemetry = full_telemetry(network)
        solved = _at_load(network, load)
        estimator = Estimator(network, telemetry)
        return cls(network, telemetry, estimator, solved, estimator.predict(solved.v))

    def at_load(self, load: float) -> SimulatedScans:
        """Return the network with the same estimator in the state of another load level."""
        solved = _at_load(self.network, load)
        return replace(self, solved=solved, truth=self.estimator.predict(solved.v))

    @property
    def v(self) -> Complexes:
        return self.solved.v

    @property
    def measured(self) -> Ints:
        return np.flatnonzero(self.telemetry.origin == Origin.MEASURED)

    def full(self, rng: np.random.Generator) -> DrawnScan:
        """Everything measured, with noise."""
        noisy = self.telemetry.origin == Origin.MEASURED
        noise = noisy * rng.standard_normal(len(noisy)) * self.telemetry.sigma
        return DrawnScan(self.truth + noise, self.telemetry.sigma)

    def reduced(
        self,
        rng: np.random.Generator,
        *,
        v: float = 0.2,
        flows: float = 0.1,
        injections: float = 0.1,
    ) -> DrawnScan:
        """Draw a scan with shares of it missing, injections replaced by typical values."""
        quantity = self.telemetry.quantity
        injected = np.isin(quantity, _INJECTIONS)
        share = np.where(quantity == Quantity.V, v, np.where(injected, injections, flows))
        gone = (rng.random(len(share)) < share) & (self.telemetry.origin == Origin.MEASURED)
        typical = self.truth * (1 + TYPICAL_ERROR * rng.standard_normal(len(share)))
        spread = np.maximum(TYPICAL_ERROR * np.abs(typical), LEAST_TYPICAL)
        whole = self.full(rng)
        value = np.where(gone, np.where(injected, typical, np.nan), whole.value)
        return DrawnScan(value, np.where(gone & injected, spread, whole.sigma))

    def with_holes(self, rng: np.random.Generator, share: float) -> DrawnScan:
        """Draw a scan with a share of everything missing, and nothing in its place."""
        whole = self.full(rng)
        holes = (rng.random(len(self.truth)) < share) & (self.telemetry.origin == Origin.MEASURED)
        return DrawnScan(np.where(holes, np.nan, whole.value), whole.sigma)

    def with_errors(self, rng: np.random.Generator, rows: Ints, sigmas: Floats) -> DrawnScan:
        """Draw a scan with errors of so many standard deviations, either sign, at rows."""
        whole = self.full(rng)
        value = whole.value.copy()
        value[rows] += sigmas * rng.choice([-1.0, 1.0], len(rows)) * self.telemetry.sigma[rows]
        return DrawnScan(value, whole.sigma)

    def estimate(self, scan: DrawnScan) -> StateEstimate:
        """Estimate a scan, warm from the true state."""
        return self.estimator.estimate(scan.value, sigma=scan.sigma, v0=self.v)

    def flow_errors(self, estimate: StateEstimate) -> Floats:
        """Errors of estimated branch P flows, both ends, by the standard deviation of a flow."""
        rows = np.isin(self.telemetry.quantity, _P_FLOWS)
        return ((estimate.estimated - self.truth) / self.telemetry.sigma)[rows]

    def loss_errors_mw(self, estimate: StateEstimate) -> Floats:
        """Errors of estimated losses, ``(n_branch,)``."""
        true = (self.solved.s_from_mva + self.solved.s_to_mva).real
        return estimate.loss_mw - true

    def standardised(self, estimate: StateEstimate, error: StandardErrors) -> Floats:
        """Errors of voltages, angles and flows by their own standard errors, where observed."""
        slack = self.network.buses.kind == BusKind.SLACK
        seen = estimate.observed & (estimate.v != 0)
        angle = np.rad2deg(np.angle(estimate.v * np.conj(self.v)))
        in_use = self.network.branches.in_service
        s_from, s_to = (
            estimate.s_from_mva - self.solved.s_from_mva,
            estimate.s_to_mva - self.solved.s_to_mva,
        )
        parts = [
            ((np.abs(estimate.v) - np.abs(self.v)) / error.v_pu)[seen],
            (angle[seen & ~slack]) / error.angle_deg[seen & ~slack],
            (s_from.real / error.p_from_mw)[in_use],
            (s_from.imag / error.q_from_mvar)[in_use],
            (s_to.real / error.p_to_mw)[in_use],
            (s_to.imag / error.q_to_mvar)[in_use],
        ]
        every = np.concatenate(parts)
        return every[np.isfinite(every)]


def readings(network: Network, telemetry: Telemetry, v: Complexes) -> Floats:
    """What telemetry would read on a network in a state, each value in its own unit."""
    functions = MeasurementFunctions(network, telemetry)
    return functions.values(functions.evaluate(v)) / telemetry.per_unit(network.base_mva)


def _at_load(network: Network, load: float) -> PowerFlowSolution:
    injection = network.injection_mva() * load
    return PowerFlow(network).solution(injection.real, injection.imag)
