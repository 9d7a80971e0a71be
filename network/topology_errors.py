r"""Hypotheses for a scan that does not fit: a wrong breaker status, a wrong tap, or sensors.

Whatever is wrong with the model of a branch shows as a discrepancy of its four flows,
which the measurements at its ends and of the injections there all share. The gain in J
from admitting that discrepancy ranks the branches; the best are then estimated with
their status turned or their tap fitted. Hypotheses compete on J plus what they cost
(K. A. Clements, P. W. Davis, "Detection and identification of topology errors", 1988).
"""

from dataclasses import dataclass, replace

import numpy as np

from network.arrays import Floats, Ints
from network.downdate import Downdate
from network.errors import NotObservable
from network.estimate import StateEstimate
from network.estimator import Estimator
from network.measurement import Quantity
from network.measurement_faults import NAMED_COST, MeasurementFault, measurement_faults
from network.model import Network

__all__ = ["Hypothesis", "explain", "suspect_branches"]

_TAP_STEP = 0.02
_MOST_ROWS = 60
_STRIKING = 4.0
_TAP_COST = 18.0


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
    if found[0].plausible and all(fault.kind != "gross" for fault in found[0].faults):
        return tuple(found)
    for branch in suspect_branches(estimator, value, estimate)[:most].tolist():
        name = str(network.branches.id[branch])
        turned = _with_status(network, branch)
        kind = "closed" if turned.branches.in_service[branch] else "open"
        other = _estimated(estimator, turned, value, estimate)
        if other is not None:
            found.append(_weighed(kind, name, np.nan, *other, NAMED_COST))
        if network.branches.in_service[branch] and _has_tap(network, branch):
            tap, fitted = _fitted_tap(estimator, branch, value, estimate)
            if fitted is not None:
                found.append(_weighed("tap", name, tap, *fitted, _TAP_COST))
        if any(not hypothesis.faults and hypothesis.plausible for hypothesis in found):
            break
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


def suspect_branches(estimator: Estimator, value: Floats, estimate: StateEstimate) -> Ints:
    """Rank the branches whose model may be wrong.

    Parameters
    ----------
    estimator : Estimator
    value : (m,) float
        The scan.
    estimate : StateEstimate
        Its estimate; branches at removed measurements or large residuals are tried.

    Returns
    -------
    (k,) int
        Rows of branches, the most suspect first.
    """
    network, telemetry = estimator.network, estimator.telemetry
    branches = network.branches
    whole = estimator.estimate(value, v0=estimate.v, remove_bad=False)
    per_unit = telemetry.per_unit(network.base_mva)
    residual = np.where(np.isfinite(whole.residual), whole.residual, 0.0) * per_unit
    gain = estimator.gain(whole.weight)
    rows_of = _rows_by_place(telemetry.quantity, telemetry.element)
    with np.errstate(divide="ignore"):
        own = np.where(whole.weight > 0, 1.0 / whole.weight, np.inf)
    left = np.maximum(own - gain.estimate_variance(), 0.01 * own)
    normalised = np.abs(residual) / np.sqrt(left)
    # A wrong model may be explained away by its neighbours: what is removed then is theirs,
    # but the residuals of the whole scan still point at it.
    striking = np.argsort(-normalised)[:_MOST_ROWS]
    rows = {removal.row for removal in estimate.removed}
    rows |= set(striking[normalised[striking] > _STRIKING].tolist())
    buses, at_flow = set(), set()
    for row in rows:
        quantity, element = telemetry.quantity[row], int(telemetry.element[row])
        if quantity in (Quantity.P_INJECTION, Quantity.Q_INJECTION, Quantity.V):
            buses.add(element)
        else:
            at_flow.add(element)
    ends = np.isin(branches.from_bus, list(buses)) | np.isin(branches.to_bus, list(buses))
    candidates = sorted(at_flow | set(np.flatnonzero(ends).tolist()))
    scores = np.array([_score(network, row, rows_of, whole, residual, gain) for row in candidates])
    order = np.argsort(-scores, kind="stable")
    return np.array(candidates, dtype=np.int64)[order]


def _score(
    network: Network,
    branch: int,
    rows_of: dict[tuple[int, int], list[int]],
    whole: StateEstimate,
    residual: Floats,
    gain: Downdate,
) -> float:
    """What J would lose if the four flows of a branch were free of its model."""
    f, t = int(network.branches.from_bus[branch]), int(network.branches.to_bus[branch])
    shared = (
        ((Quantity.P_FROM, branch), (Quantity.P_INJECTION, f)),
        ((Quantity.Q_FROM, branch), (Quantity.Q_INJECTION, f)),
        ((Quantity.P_TO, branch), (Quantity.P_INJECTION, t)),
        ((Quantity.Q_TO, branch), (Quantity.Q_INJECTION, t)),
    )
    columns = [
        [row for place in places for row in rows_of.get(place, ()) if whole.weight[row] > 0]
        for places in shared
    ]
    rows = np.array(sorted({row for column in columns for row in column}), dtype=np.int64)
    if not len(rows):
        return 0.0
    weight = whole.weight[rows]
    signature = np.array([np.isin(rows, column) for column in columns if column], np.float64)
    covariance = np.diag(1.0 / weight) - gain.factor.jacobian[rows] @ gain.columns(rows)
    pull = signature * weight
    against = pull @ residual[rows]
    information = pull @ covariance @ pull.T
    return float(against @ np.linalg.pinv(information, rcond=1e-8) @ against)


def _rows_by_place(quantity: Ints, element: Ints) -> dict[tuple[int, int], list[int]]:
    rows: dict[tuple[int, int], list[int]] = {}
    for row, place in enumerate(zip(quantity.tolist(), element.tolist(), strict=True)):
        rows.setdefault(place, []).append(row)
    return rows


def _with_status(network: Network, branch: int) -> Network:
    status = network.branches.in_service.copy()
    status[branch] = ~status[branch]
    return network.with_branch_status(status)


def _has_tap(network: Network, branch: int) -> bool:
    branches, kv = network.branches, network.buses.base_kv
    f, t = branches.from_bus[branch], branches.to_bus[branch]
    return bool(branches.tap[branch] != 1.0 or kv[f] != kv[t])


def _estimated(
    estimator: Estimator, network: Network, value: Floats, estimate: StateEstimate
) -> _Estimated | None:
    start = np.where(estimate.v == 0, 1.0, estimate.v)
    try:
        other = Estimator(network, estimator.telemetry, at=start, tolerance=estimator.tolerance)
        result = other.estimate(value, v0=start)
    except NotObservable:
        return None
    return (other, value, result) if result.converged else None


def _fitted_tap(
    estimator: Estimator, branch: int, value: Floats, estimate: StateEstimate
) -> tuple[float, _Estimated | None]:
    """Fit the ratio of a transformer: parabolas through J, twice."""
    network = estimator.network
    centre, step = float(network.branches.tap[branch]), _TAP_STEP

    def at(tap: float) -> _Estimated | None:
        taps = network.branches.tap.copy()
        taps[branch] = tap
        other = replace(network, branches=replace(network.branches, tap=taps))
        start = np.where(estimate.v == 0, 1.0, estimate.v)
        tried = Estimator(other, estimator.telemetry, at=start, tolerance=estimator.tolerance)
        result = tried.estimate(value, v0=start, remove_bad=False)
        return (tried, value, result) if result.converged else None

    for _ in range(3):
        three = [at(centre + move) for move in (-step, 0.0, step)]
        j = [np.inf if one is None else one[2].objective for one in three]
        bend = j[0] - 2 * j[1] + j[2]
        if not np.isfinite(bend) or bend <= 0:
            return centre, None
        move = 0.5 * step * (j[0] - j[2]) / bend
        centre += float(np.clip(move, -5 * step, 5 * step))
        step = max(abs(move) / 4, 1e-3)
        if abs(move) < 5e-4:
            break
    taps = network.branches.tap.copy()
    taps[branch] = centre
    fitted = replace(network, branches=replace(network.branches, tap=taps))
    return centre, _estimated(estimator, fitted, value, estimate)
