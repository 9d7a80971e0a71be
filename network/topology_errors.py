"""Hypotheses for a scan that does not fit: a wrong breaker status, a wrong tap, or sensors.

What J would gain from admitting a discrepancy of the flows of a branch ranks the branches
(see :mod:`network.discrepancy`); those that could be it are then estimated with their status
turned or their tap fitted. Hypotheses compete on J plus what they cost.
"""

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
"""Part of what the best explanation gains that another branch must be worth to be tried."""
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
    estimator: Estimator, value: Floats, estimate: StateEstimate, *, most: int = 8
) -> tuple[Hypothesis, ...]:
    """Rank explanations of a scan that lost measurements or does not fit.

    Parameters
    ----------
    estimator : Estimator
    value : (m,) float
        The scan.
    estimate : StateEstimate
        Its estimate.
    most : int
        Branches to estimate again at most; the first that leaves nothing to explain ends it.

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
    suspects, discrepancies, whole = _suspects(estimator, value, estimate)
    best = found[0].score
    for branch, worth in suspects[:most]:
        if worth < _RIVAL * (whole.objective - best):
            break
        name = str(network.branches.id[branch])
        turned = _with_status(network, branch)
        kind = "closed" if turned.branches.in_service[branch] else "open"
        other = _estimated(estimator, turned, value, estimate.v)
        if other is not None:
            found.append(_weighed(kind, name, np.nan, *other, NAMED_COST))
        if network.branches.in_service[branch] and _has_tap(network, branch):
            change = discrepancies.by_tap(network, branch)
            explained, move = discrepancies.of(branch).along(change)
            if explained > _TAP_PART * worth:
                tap = float(network.branches.tap[branch]) + move
                tap, fitted = _fitted_tap(estimator, branch, tap, value, estimate.v)
                if fitted is not None:
                    found.append(_weighed("tap", name, tap, *fitted, _TAP_COST))
        best = min(hypothesis.score for hypothesis in found)
    return tuple(sorted(found, key=lambda hypothesis: hypothesis.score))


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


def _suspects(
    estimator: Estimator, value: Floats, estimate: StateEstimate
) -> tuple[list[tuple[int, float]], Discrepancies, StateEstimate]:
    """Branches and what freeing them is worth, the most suspect first; and the whole scan's fit."""
    network, telemetry = estimator.network, estimator.telemetry
    branches = network.branches
    whole = estimator.estimate(value, v0=estimate.v, remove_bad=False, cold=False)
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
    return sorted(worth, key=lambda one: -one[1]), discrepancies, whole


def _with_status(network: Network, branch: int) -> Network:
    status = network.branches.in_service.copy()
    status[branch] = ~status[branch]
    return network.with_branch_status(status)


def _has_tap(network: Network, branch: int) -> bool:
    branches, kv = network.branches, network.buses.base_kv
    f, t = branches.from_bus[branch], branches.to_bus[branch]
    return bool(branches.tap[branch] != 1.0 or kv[f] != kv[t])


def _estimated(
    estimator: Estimator, network: Network, value: Floats, v: Complexes, remove_bad: bool = True
) -> _Estimated | None:
    start = np.where(v == 0, 1.0, v)
    try:
        other = Estimator(network, estimator.telemetry, at=start, tolerance=estimator.tolerance)
        result = other.estimate(value, v0=start, remove_bad=remove_bad, cold=False)
    except NotObservable:
        return None
    return (other, value, result) if result.converged else None


def _fitted_tap(
    estimator: Estimator, branch: int, tap: float, value: Floats, v: Complexes
) -> tuple[float, _Estimated | None]:
    """Fit the ratio of a transformer by Newton's method, each step at the state it leads to."""
    for _ in range(4):
        network = _with_tap(estimator.network, branch, tap)
        tried = _estimated(estimator, network, value, v, remove_bad=False)
        if tried is None:
            return tap, None
        there, _, result = tried
        discrepancies = Discrepancies(network, there.telemetry, result, there.gain(result.weight))
        _, move = discrepancies.of(branch).along(discrepancies.by_tap(network, branch))
        tap, v = tap + move, result.v
        if abs(move) < _TAP_CLOSE:
            break
    return tap, _estimated(estimator, _with_tap(estimator.network, branch, tap), value, v)


def _with_tap(network: Network, branch: int, tap: float) -> Network:
    taps = network.branches.tap.copy()
    taps[branch] = tap
    return replace(network, branches=replace(network.branches, tap=taps))
