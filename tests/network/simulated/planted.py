"""One thing wrong with a scan or with the model it is read by, and whether it was named."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

import numpy as np

from network.arrays import Floats, Ints
from network.bridges import find_bridges
from network.errors import NetworkError
from network.estimator import Estimator
from network.measurement import Origin, Quantity
from network.model import Network
from network.power_flow import PowerFlow
from network.topology_errors import Hypothesis, explain
from tests.network.simulated.scans import DrawnScan, SimulatedScans, readings

__all__ = ["Fault", "Named", "Planted", "named_first", "plant"]

CLEAR = 20.0
"""A fault is planted where it moves a measurement by so many standard deviations."""
_SCALES = (1000.0, 0.001, 10.0, 0.1, float(np.sqrt(3.0)), 2.0)
_PARTNER = {
    int(Quantity.P_FROM): Quantity.Q_FROM,
    int(Quantity.P_TO): Quantity.Q_TO,
    int(Quantity.P_INJECTION): Quantity.Q_INJECTION,
}


class Fault(StrEnum):
    """What may be wrong."""

    OPEN = "open"
    """A branch is open that the model has closed."""
    CLOSED = "closed"
    """A branch is closed that the model has open."""
    TAP = "tap"
    SIGN = "sign"
    SCALE = "scale"
    SWAP = "swap"


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """A fault, and the scan that shows it.

    Attributes
    ----------
    fault : Fault
    branch : int
        Row of the branch whose model is wrong; -1 for a fault of a measurement.
    rows : tuple of int
        Of the measurements that are wrong.
    estimator : Estimator
        With the model that is believed.
    scan : DrawnScan
    expected : float
        The true tap, or the factor of a scale.
    """

    fault: Fault
    branch: int
    rows: tuple[int, ...]
    estimator: Estimator
    scan: DrawnScan
    expected: float = float("nan")

    def explained(self, bench: SimulatedScans) -> tuple[Hypothesis, ...]:
        """Explain the scan, warm from the state without the fault."""
        estimate = self.estimator.estimate(self.scan.value, v0=bench.v)
        return explain(self.estimator, self.scan.value, estimate)

    def is_named_by(self, first: Hypothesis) -> bool:
        """Whether a hypothesis names this fault."""
        if self.branch >= 0:
            name = str(self.estimator.network.branches.id[self.branch])
            return (first.kind, first.branch) == (self.fault.value, name)
        told = [(fault.kind, fault.rows) for fault in first.faults]
        return first.kind == "measurements" and told == [(self.fault.value, self.rows)]


@dataclass(frozen=True, slots=True)
class Named:
    """Faults of one kind that were named first among the hypotheses.

    Attributes
    ----------
    trials : int
    named_percent : float
    cpu_s : float
        Of estimating and explaining a scan, the mean.
    """

    trials: int
    named_percent: float
    cpu_s: float


def named_first(
    bench: SimulatedScans, fault: Fault, rng: np.random.Generator, trials: int
) -> Named:
    """Plant faults and count how often the first hypothesis is what was planted."""
    named, spent = 0, 0.0
    for planted in islice(plant(bench, fault, rng), trials):
        start = time.process_time()
        hypotheses = planted.explained(bench)
        spent += time.process_time() - start
        named += bool(hypotheses) and planted.is_named_by(hypotheses[0])
    return Named(trials, 100 * named / trials, spent / trials)


def plant(bench: SimulatedScans, fault: Fault, rng: np.random.Generator) -> Iterator[Planted]:
    """Plant one fault after another, without end, each at a place drawn at random."""
    if fault in (Fault.OPEN, Fault.CLOSED):
        yield from _statuses(bench, fault, rng)
    elif fault is Fault.TAP:
        yield from _taps(bench, rng)
    else:
        yield from _measurements(bench, fault, rng)


def _statuses(bench: SimulatedScans, fault: Fault, rng: np.random.Generator) -> Iterator[Planted]:
    network = bench.network
    flow = np.minimum(np.abs(bench.solved.s_from_mva), np.abs(bench.solved.s_to_mva))
    sigma = bench.telemetry.sigma[bench.telemetry.quantity == Quantity.P_FROM].max()
    clear = network.branches.in_service & (flow >= CLEAR * sigma)
    clear[find_bridges(network).branch] = False
    places = np.flatnonzero(clear)
    while True:
        branch = int(rng.choice(places))
        status = network.branches.in_service.copy()
        status[branch] = False
        opened = network.with_branch_status(status)
        if fault is Fault.OPEN:
            truth = _solved(bench, opened)
            if truth is not None:
                yield Planted(fault, branch, (), bench.estimator, _noisy(bench, truth, rng))
        else:
            wrong = Estimator(opened, bench.telemetry, at=bench.v)
            yield Planted(fault, branch, (), wrong, bench.full(rng))


def _taps(bench: SimulatedScans, rng: np.random.Generator) -> Iterator[Planted]:
    network, branches = bench.network, bench.network.branches
    places = np.flatnonzero(branches.in_service & (branches.tap != 1.0))
    while True:
        branch = int(rng.choice(places))
        tap = branches.tap.copy()
        tap[branch] *= 1 + rng.choice([-1, 1]) * rng.uniform(0.02, 0.06)
        truth = _solved(bench, replace(network, branches=replace(branches, tap=tap)))
        if truth is None or _moved(bench, truth) < CLEAR:
            continue
        scan = _noisy(bench, truth, rng)
        yield Planted(Fault.TAP, branch, (), bench.estimator, scan, float(tap[branch]))


def _measurements(
    bench: SimulatedScans, fault: Fault, rng: np.random.Generator
) -> Iterator[Planted]:
    telemetry = bench.telemetry
    power = bench.measured[telemetry.quantity[bench.measured] != Quantity.V]
    while True:
        row = int(rng.choice(power))
        rows, factor = (row,), float("nan")
        scan = bench.full(rng)
        value = scan.value.copy()
        if fault is Fault.SIGN:
            value[row] = -value[row]
        elif fault is Fault.SCALE:
            factor = float(rng.choice(_SCALES))
            value[row] *= factor
        else:
            partner = _reactive_of(bench, row)
            if partner < 0:
                continue
            rows = (row, partner)
            value[[row, partner]] = value[[partner, row]]
        if np.abs(value - scan.value)[row] >= CLEAR * telemetry.sigma[row]:
            planted = DrawnScan(value, scan.sigma)
            yield Planted(fault, -1, rows, bench.estimator, planted, factor)


def _reactive_of(bench: SimulatedScans, row: int) -> int:
    """Row of the reactive power beside an active one; -1 for anything else."""
    telemetry = bench.telemetry
    partner = _PARTNER.get(int(telemetry.quantity[row]))
    if partner is None:
        return -1
    beside = (telemetry.quantity == partner) & (telemetry.element == telemetry.element[row])
    return int(np.flatnonzero(beside)[0])


def _solved(bench: SimulatedScans, network: Network) -> Floats | None:
    """What the telemetry would read with another model; None where it has no power flow."""
    try:
        v = PowerFlow(network).solve(v0=bench.v)
        return readings(network, bench.telemetry, v)
    except NetworkError:
        return None


def _noisy(bench: SimulatedScans, truth: Floats, rng: np.random.Generator) -> DrawnScan:
    return replace(bench, truth=truth).full(rng)


def _moved(bench: SimulatedScans, truth: Floats) -> float:
    measured: Ints = np.flatnonzero(bench.telemetry.origin == Origin.MEASURED)
    apart = np.abs(truth - bench.truth)[measured] / bench.telemetry.sigma[measured]
    return float(apart.max())
