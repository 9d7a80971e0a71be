"""What an estimator achieves over many simulated scans, as figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from network.arrays import Floats, Ints
from tests.network.simulated.scans import DrawnScan, SimulatedScans

__all__ = [
    "Accuracy",
    "ErrorsAtOnce",
    "Missing",
    "SingleErrors",
    "accuracy",
    "errors_at_once",
    "missing_at_random",
    "single_errors",
]

_95 = 1.959964
_FAR_OFF = 6.0
"""Standard errors by which an observed voltage is wrong and not merely uncertain."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Over draws of one kind of scan.

    Attributes
    ----------
    flow_rmse_by_sigma : float
        Of branch P, both ends, by the standard deviation of a measured flow.
    j_per_dof_mean, j_per_dof_farthest : float
        Mean, and the largest distance of one scan from 1.
    j_per_dof_bound : float
        Four standard deviations of J by its degrees of freedom.
    coverage_percent : float
        Truths of voltages, angles and flows within the intervals of 95 %.
    loss_rmse_mw, loss_worst_mw : float
        Of the worst branch, and the largest error of any branch in any scan.
    loss_within_percent : float
        Branch losses, over branches and scans, that are within 0.1 MW.
    not_plausible, scans_with_removals : int
    """

    draws: int
    flow_rmse_by_sigma: float
    j_per_dof_mean: float
    j_per_dof_farthest: float
    j_per_dof_bound: float
    coverage_percent: float
    loss_rmse_mw: float
    loss_worst_mw: float
    loss_within_percent: float
    not_plausible: int
    scans_with_removals: int


def accuracy(
    bench: SimulatedScans,
    draw: Callable[[np.random.Generator], DrawnScan],
    rng: np.random.Generator,
    draws: int,
) -> Accuracy:
    """Estimate draws of a scan and compare with the truth."""
    square = 0.0
    j: list[float] = []
    bound: list[float] = []
    inside = count = alarms = implausible = 0
    losses: list[Floats] = []
    for _ in range(draws):
        estimate = bench.estimate(draw(rng))
        square += float(np.mean(bench.flow_errors(estimate) ** 2))
        j.append(estimate.j_per_dof)
        bound.append(4 * np.sqrt(2 / estimate.degrees_of_freedom))
        off = bench.standardised(estimate, bench.estimator.standard_errors(estimate))
        inside += int(np.count_nonzero(np.abs(off) < _95))
        count += len(off)
        losses.append(bench.loss_errors_mw(estimate))
        alarms += bool(estimate.removed)
        implausible += not estimate.plausible
    loss = np.abs(losses)
    return Accuracy(
        draws=draws,
        flow_rmse_by_sigma=float(np.sqrt(square / draws)),
        j_per_dof_mean=float(np.mean(j)),
        j_per_dof_farthest=float(np.abs(np.array(j) - 1).max()),
        j_per_dof_bound=float(np.min(bound)),
        coverage_percent=100 * inside / count,
        loss_rmse_mw=float(np.sqrt(np.mean(loss**2, axis=0)).max()),
        loss_worst_mw=float(loss.max()),
        loss_within_percent=float(100 * np.mean(loss <= 0.1)),
        not_plausible=implausible,
        scans_with_removals=alarms,
    )


@dataclass(frozen=True, slots=True)
class SingleErrors:
    """One gross error a scan.

    Attributes
    ----------
    tried, critical : int
        Measurements given an error, and those left out because nothing checks them.
    missed : int
        Scans in which it was not removed.
    with_others : int
        Scans in which something else was removed, too or instead.
    """

    tried: int
    critical: int
    missed: int
    with_others: int


def single_errors(
    bench: SimulatedScans, rows: Ints, rng: np.random.Generator, *, sigmas: float = 20.0
) -> SingleErrors:
    """Give each of the measurements an error in a scan of its own."""
    critical = bench.estimator.observability().critical[rows]
    missed = with_others = 0
    for row in rows[~critical].tolist():
        scan = bench.with_errors(rng, np.array([row]), np.array([sigmas]))
        removed = {removal.row for removal in bench.estimate(scan).removed}
        missed += row not in removed
        with_others += bool(removed - {row})
    return SingleErrors(int(np.sum(~critical)), int(critical.sum()), missed, with_others)


@dataclass(frozen=True, slots=True)
class ErrorsAtOnce:
    """Several gross errors in one scan.

    Attributes
    ----------
    recall : float
        Errors found, of all.
    false_removals : int
    exact_percent : float
        Scans in which exactly the wrong measurements were removed.
    """

    draws: int
    errors: int
    recall: float
    false_removals: int
    exact_percent: float


def errors_at_once(
    bench: SimulatedScans, rng: np.random.Generator, draws: int, *, errors: int = 10
) -> ErrorsAtOnce:
    """Give measurements drawn at random errors of 20 to 50 standard deviations."""
    found = false = exact = 0
    for _ in range(draws):
        rows = rng.choice(bench.measured, errors, replace=False)
        scan = bench.with_errors(rng, rows, rng.uniform(20, 50, errors))
        removed = {removal.row for removal in bench.estimate(scan).removed}
        bad = set(rows.tolist())
        found += len(bad & removed)
        false += len(removed - bad)
        exact += bad == removed
    return ErrorsAtOnce(draws, errors, found / (errors * draws), false, 100 * exact / draws)


@dataclass(frozen=True, slots=True)
class Missing:
    """Scans with much missing at random and nothing in its place.

    Attributes
    ----------
    not_plausible : int
        Scans that said that they do not fit.
    unobserved_percent : float
        Buses that were named as not observed, of all.
    worst_error : float
        Largest error of an observed voltage or a flow between such, by its standard error.
    worst_v_pu : float
        Largest error of an observed voltage.
    silently_wrong : int
        Scans that called themselves plausible with an error of six standard errors in what
        they called observed.
    """

    draws: int
    not_plausible: int
    unobserved_percent: float
    worst_error: float
    worst_v_pu: float
    silently_wrong: int


def missing_at_random(
    bench: SimulatedScans, rng: np.random.Generator, draws: int, *, most: float = 0.3
) -> Missing:
    """Estimate scans of which a share up to ``most`` is missing, cold and warm in turn.

    The state is not the one at which the estimator was prepared.
    """
    bench = bench.at_load(0.85)
    worst, worst_v, unobserved = [], [], []
    implausible = wrong = 0
    for draw in range(draws):
        scan = bench.with_holes(rng, rng.uniform(0, most))
        warm = bench.v if draw % 2 else None
        estimate = bench.estimator.estimate(scan.value, v0=warm)
        seen = estimate.observed
        there = bench.estimator.recentred(estimate.v)
        off = bench.standardised(estimate, there.standard_errors(estimate))
        worst.append(float(np.abs(off).max()))
        worst_v.append(float(np.abs(estimate.v - bench.v)[seen].max()))
        unobserved.append(float(np.mean(~seen)))
        implausible += not estimate.plausible
        wrong += estimate.plausible and worst[-1] > _FAR_OFF
    return Missing(
        draws,
        implausible,
        100 * float(np.mean(unobserved)),
        max(worst),
        max(worst_v),
        wrong,
    )
