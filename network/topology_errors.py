"""Hypotheses for a scan that does not fit: a wrong breaker status, a wrong tap, or sensors.

What J would gain from admitting a discrepancy of the flows of a branch ranks the branches
(see :mod:`network.discrepancy`); those that could be it are then estimated with their status
turned or their tap fitted. Hypotheses compete on J plus what they cost.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from network.arrays import Complexes, Floats
from network.discrepancy import Discrepancies
from network.errors import NotObservable
from network.estimate import StateEstimate
from network.estimator import Estimator
from network.measurement import Quantity
from network.measurement_faults import NAMED_COST, MeasurementFault, measurement_faults
from network.model import Network

__all__ = ["Hypothesis", "explain"]

_MOST_ROWS = 60
_STRIKING = 4.0
_TAP_COST = 18.0
_RIVAL = 0.6
"""Part of what a branch around it is worth, or one that explains all, that a branch must be
worth to be tried."""
_TAP_CLOSE = 1e-3
_TAP_PART = 0.5
"""Part of a discrepancy that a change of the tap must explain for it to be fitted."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One explanation of a scan.

    Attributes
    ----------
    kind : str
        ``open`` or ``closed`` (what the branch is, against the model), ``tap``, or
        ``measurements``.
    branch : str
        Id of the branch; empty for ``measurements``.
    tap : float
        The fitted ratio for ``tap``; NaN otherwise.
    faults : tuple of MeasurementFault
        What is then wrong with measurements besides.
    j_per_dof : float
        Of the scan under this hypothesis.
    plausible : bool
        Whether that J is what noise alone would give.
    score : float
        J and costs, the lower the better; differences are twice a log-likelihood.
    """

    kind: str
    branch: str
    tap: float
    faults: tuple[MeasurementFault, ...]
    j_per_dof: float
    plausible: bool
    score: float


def explain(
    estimator: Estimator,
    value: Floats,
    estimate: StateEstimate,
    *,
    sigma: Floats | None = None,
    most: int = 8,
) -> tuple[Hypothesis, ...]:
    """Rank explanations of a scan that lost measurements or does not fit.

    Parameters
    ----------
    estimator : Estimator
    value : (m,) float
        The scan.
    estimate : StateEstimate
        Its estimate.
    sigma : (m,) float, optional
        Standard deviations that it was estimated with.
    most : int
        Branches to estimate again at most.

    Returns
    -------
    tuple of Hypothesis
        The best first; empty for a scan that needs no explanation.
    """
    if not estimate.removed and estimate.plausible:
        return ()
    network = estimator.network
    found = [_weighed("measurements", "", np.nan, estimator, value, estimate, 0.0)]
    faults = found[0].faults
    if found[0].plausible and len(faults) == 1 and faults[0].kind != "gross":
        return tuple(found)
    # Errors far from all others are no model's fault, and would drown what one has caused.
    scan = _Scan(value, sigma)
    apart = _apart(estimator, estimate)
    shared = scan.without(apart)
    suspects, discrepancies = _suspects(estimator, shared, estimate)
    tried: dict[str, float] = {}
    for branch, worth in suspects:
        if len(tried) == most or worth < max(
            NAMED_COST, _RIVAL * _explained(found, tried, len(apart))
        ):
            break
        # What a wrong neighbour is worth, others around it are in part.
        ends = _ends(network, branch)
        nearby = max(more for near, more in suspects if ends & _ends(network, near))
        if worth < _RIVAL * nearby:
            continue
        name = str(network.branches.id[branch])
        tried[name] = worth
        turned = _with_status(network, branch)
        kind = "closed" if turned.branches.in_service[branch] else "open"
        other = _estimated(estimator, turned, scan, estimate.v)
        if other is not None:
            found.append(_weighed(kind, name, np.nan, *other, NAMED_COST))
        if network.branches.in_service[branch] and _has_tap(network, branch):
            change = discrepancies.by_tap(network, branch)
            explained, move = discrepancies.of(branch).along(change)
            if explained > _TAP_PART * worth:
                tap = float(network.branches.tap[branch]) + move
                tap, v = _fitted_tap(estimator, branch, tap, shared, estimate.v)
                with_tap = _with_tap(network, branch, tap)
                fitted = None if v is None else _estimated(estimator, with_tap, scan, v)
                if fitted is not None:
                    found.append(_weighed("tap", name, tap, *fitted, _TAP_COST))
    return tuple(sorted(found, key=lambda hypothesis: hypothesis.score))


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    """Values and how uncertain they are."""

    value: Floats
    sigma: Floats | None

    def without(self, rows: list[int]) -> "_Scan":
        value = self.value.copy()
        value[rows] = np.nan
        return replace(self, value=value)

    def estimated(self, by: Estimator, v0: Complexes, remove_bad: bool) -> StateEstimate:
        return by.estimate(self.value, sigma=self.sigma, v0=v0, remove_bad=remove_bad, cold=False)


_Estimated = tuple[Estimator, Floats, StateEstimate]


def _weighed(
    kind: str,
    branch: str,
    tap: float,
    estimator: Estimator,
    value: Floats,
    estimate: StateEstimate,
    cost: float,
) -> Hypothesis:
    per_unit = estimator.telemetry.per_unit(estimator.network.base_mva)
    variance = np.maximum(estimator.gain(estimate.weight).estimate_variance(), 0.0)
    error = np.sqrt(variance) / per_unit
    faults = measurement_faults(estimator.telemetry, value, estimate, error)
    score = estimate.objective + sum(fault.cost for fault in faults) + cost
    return Hypothesis(
        kind, branch, tap, faults, estimate.j_per_dof, estimate.plausible, float(score)
    )


def _explained(found: list[Hypothesis], tried: dict[str, float], apart: int) -> float:
    """What the branch of the best hypothesis is worth, if it leaves little else to explain."""
    best = min(found, key=lambda hypothesis: hypothesis.score)
    complete = best.branch and best.plausible and len(best.faults) <= apart
    return tried[best.branch] if complete else 0.0


def _apart(estimator: Estimator, estimate: StateEstimate) -> list[int]:
    """Rows that were removed and share no bus with another; none where all are such."""
    telemetry = estimator.telemetry
    at_bus = (Quantity.P_INJECTION, Quantity.Q_INJECTION, Quantity.V)
    buses: dict[int, set[int]] = {}
    for removal in estimate.removed:
        quantity, element = telemetry.quantity[removal.row], int(telemetry.element[removal.row])
        at_one = quantity in at_bus
        buses[removal.row] = {element} if at_one else _ends(estimator.network, element)
    count = Counter(bus for there in buses.values() for bus in there)
    alone = [row for row, there in buses.items() if all(count[bus] == 1 for bus in there)]
    return alone if len(alone) < len(buses) else []


def _suspects(
    estimator: Estimator, scan: _Scan, estimate: StateEstimate
) -> tuple[list[tuple[int, float]], Discrepancies]:
    """Branches and what freeing them is worth, the most suspect first."""
    network, telemetry = estimator.network, estimator.telemetry
    branches = network.branches
    whole = scan.estimated(estimator, estimate.v, remove_bad=False)
    discrepancies = Discrepancies(network, telemetry, whole, estimator.gain(whole.weight))
    # A wrong model may be explained away by its neighbours: what is removed then is theirs,
    # but the residuals of the whole scan still point at it.
    rows = {removal.row for removal in estimate.removed}
    rows |= set(discrepancies.striking(_MOST_ROWS, _STRIKING).tolist())
    buses, at_flow = set(), set()
    for row in rows:
        quantity, element = telemetry.quantity[row], int(telemetry.element[row])
        if quantity in (Quantity.P_INJECTION, Quantity.Q_INJECTION, Quantity.V):
            buses.add(element)
        else:
            at_flow.add(element)
    ends = np.isin(branches.from_bus, list(buses)) | np.isin(branches.to_bus, list(buses))
    candidates = sorted(at_flow | set(np.flatnonzero(ends).tolist()))
    worth = [(branch, discrepancies.of(branch).worth) for branch in candidates]
    return sorted(worth, key=lambda one: -one[1]), discrepancies


def _ends(network: Network, branch: int) -> set[int]:
    return {int(network.branches.from_bus[branch]), int(network.branches.to_bus[branch])}


def _with_status(network: Network, branch: int) -> Network:
    status = network.branches.in_service.copy()
    status[branch] = ~status[branch]
    return network.with_branch_status(status)


def _has_tap(network: Network, branch: int) -> bool:
    branches, kv = network.branches, network.buses.base_kv
    f, t = branches.from_bus[branch], branches.to_bus[branch]
    return bool(branches.tap[branch] != 1.0 or kv[f] != kv[t])


def _estimated(
    estimator: Estimator, network: Network, scan: _Scan, v: Complexes, remove_bad: bool = True
) -> _Estimated | None:
    start = np.where(v == 0, 1.0, v)
    try:
        other = Estimator(network, estimator.telemetry, at=start, tolerance=estimator.tolerance)
        result = scan.estimated(other, start, remove_bad)
    except NotObservable:
        return None
    return (other, scan.value, result) if result.converged else None


def _fitted_tap(
    estimator: Estimator, branch: int, tap: float, scan: _Scan, v: Complexes
) -> tuple[float, Complexes | None]:
    """Fit the ratio of a transformer by Newton's method, each step at the state it leads to."""
    for _ in range(4):
        network = _with_tap(estimator.network, branch, tap)
        tried = _estimated(estimator, network, scan, v, remove_bad=False)
        if tried is None:
            return tap, None
        there, _, result = tried
        discrepancies = Discrepancies(network, there.telemetry, result, there.gain(result.weight))
        _, move = discrepancies.of(branch).along(discrepancies.by_tap(network, branch))
        tap, v = tap + move, result.v
        if abs(move) < _TAP_CLOSE:
            break
    return tap, v


def _with_tap(network: Network, branch: int, tap: float) -> Network:
    taps = network.branches.tap.copy()
    taps[branch] = tap
    return replace(network, branches=replace(network.branches, tap=taps))
