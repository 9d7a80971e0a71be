"""One estimation of one scan: what it gave, and what it could not tell."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from ingest.scan_file import ScanFile
from network.errors import NotObservable
from network.estimate import StateEstimate
from network.estimator import Estimator
from network.islands import islands
from network.model import Network
from network.standard_errors import StandardErrors
from network.topology_errors import Hypothesis, explain

__all__ = ["NOT_SOLVED", "ScanEstimate", "estimate_scan"]

NOT_SOLVED = 3
"""Exit code when no state can be relied upon: nothing observable, or no convergence."""

_LOWEST_PU, _HIGHEST_PU = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class ScanEstimate:
    """What a scan gave.

    Parameters
    ----------
    network, scan
        What was estimated from what.
    estimate, errors
        None when nothing was observable; errors also when it did not converge.
    reason
        Why there is no estimate; empty otherwise.
    hypotheses
        Explanations of a scan that does not fit, the best first, when asked for.
    seconds
        Of computing, from the scan in memory to state and standard errors.
    """

    network: Network
    scan: ScanFile
    estimate: StateEstimate | None
    errors: StandardErrors | None
    reason: str
    hypotheses: tuple[Hypothesis, ...] | None
    seconds: float

    @property
    def solved(self) -> bool:
        """Whether there is a state."""
        return self.errors is not None

    @property
    def plausible(self) -> bool:
        """Whether noise alone explains the scan, by voltages that a live network can have."""
        if self.estimate is None or not self.estimate.plausible:
            return False
        v = np.abs(self.estimate.v[self.estimate.observed])
        return bool(np.all((v > _LOWEST_PU) & (v < _HIGHEST_PU)))

    @property
    def unobservable(self) -> tuple[str, ...]:
        """Ids of the buses in service that the measurements do not determine."""
        live = islands(self.network) >= 0
        seen = False if self.estimate is None else self.estimate.observed
        return tuple(self.network.buses.id[live & ~np.broadcast_to(seen, live.shape)].tolist())

    def json(self) -> dict[str, object]:
        """Return the summary as the command writes it."""
        estimate = self.estimate
        ratio = math.nan if estimate is None else estimate.j_per_dof
        removed = () if estimate is None else estimate.removed
        tree: dict[str, object] = {
            "converged": estimate is not None and estimate.converged,
            "plausible": self.plausible,
            "iterations": 0 if estimate is None else estimate.iterations,
            "j_per_dof": ratio if math.isfinite(ratio) else None,
            "removed": [self.name(removal.row) for removal in removed],
            "unobservable_buses": list(self.unobservable),
            "reason": self.reason,
            "seconds": round(self.seconds, 6),
        }
        if self.hypotheses is not None:
            tree["hypotheses"] = [self._hypothesis(each) for each in self.hypotheses]
        return tree

    def name(self, row: int) -> dict[str, str]:
        """Return the names of a measurement by its row in the telemetry."""
        scan = self.scan
        return {
            "kind": str(scan.kind[row]),
            "id": str(scan.id[row]),
            "end": str(scan.end[row]),
            "quantity": str(scan.quantity[row]),
        }

    def _hypothesis(self, each: Hypothesis) -> dict[str, object]:
        return {
            "kind": each.kind,
            "branch": each.branch,
            "tap": _or_none(each.tap),
            "score": each.score,
            "j_per_dof": _or_none(each.j_per_dof),
            "faults": [
                {
                    "kind": fault.kind,
                    "factor": _or_none(fault.factor),
                    "measurements": [self.name(row) for row in fault.rows],
                }
                for fault in each.faults
            ],
        }


def estimate_scan(network: Network, scan: ScanFile, *, explained: bool = False) -> ScanEstimate:
    """Estimate the state that a scan tells of."""
    began = time.perf_counter()
    estimate: StateEstimate | None = None
    errors: StandardErrors | None = None
    hypotheses: tuple[Hypothesis, ...] | None = () if explained else None
    reason = ""
    value = scan.scan.value
    try:
        estimator = Estimator(network, scan.scan.telemetry)
        estimate = estimator.estimate(value)
        if not _tells_a_flow(network, estimate):
            estimate, reason = None, "the measurements do not determine the flow of any branch"
        elif estimate.converged:
            # Variances belong to the state that was found, not to the typical one.
            errors = estimator.recentred(estimate.v).standard_errors(estimate)
        else:
            reason = "the iteration did not converge"
    except NotObservable as error:
        reason = str(error)
    seconds = time.perf_counter() - began
    if explained and estimate is not None and estimate.converged:
        hypotheses = explain(estimator, value, estimate)
    return ScanEstimate(network, scan, estimate, errors, reason, hypotheses, seconds)


def _tells_a_flow(network: Network, estimate: StateEstimate) -> bool:
    """Whether more is known than voltages of single buses, each an angle of reference."""
    branches, seen = network.branches, estimate.observed
    both = seen[branches.from_bus] & seen[branches.to_bus]
    return bool(both[branches.in_service].any()) or not branches.in_service.any()


def _or_none(number: float) -> float | None:
    return number if math.isfinite(number) else None
