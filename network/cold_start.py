"""Starts for an estimate without a recent state: a portfolio, each followed to its end.

From a flat start Gauss-Newton may diverge, or settle in a wrong minimum without a sign.
A ladder of sigma floors (first all measurements coarse, then finer) widens the basin, and
so does finding the angles from active power before anything else. Before all that stands a
typical state, from which flows have their usual signs. Who is right is told by J alone, so
the caller accepts a candidate on J by its degrees of freedom.
"""

from collections.abc import Iterator

import numpy as np

from network.arrays import Complexes, Floats
from network.least_squares import Fit, Problem, minimise
from network.measurement import Quantity

__all__ = ["cold_starts"]

_ACTIVE = (int(Quantity.P_FROM), int(Quantity.P_TO), int(Quantity.P_INJECTION))


def cold_starts(
    problem: Problem, typical: Complexes, flat: Complexes, *, tolerance: float
) -> Iterator[Fit]:
    """Yield the fits of the portfolio, the cheapest first.

    Parameters
    ----------
    problem : Problem
    typical : (n_bus,) complex
        A state that the network may be near to.
    flat : (n_bus,) complex
        The flat start: every voltage at its measured or nominal magnitude and at the
        angle of its reference.
    tolerance : float

    Yields
    ------
    Fit
    """
    for start in (typical, flat):
        yield minimise(problem, start, None, tolerance=tolerance, max_iterations=25)
    yield _ladder(problem, flat, tolerance)
    active = np.isin(problem.functions.telemetry.quantity, _ACTIVE)
    is_v = problem.functions.telemetry.quantity == Quantity.V
    floor = np.where(active, 0.05, np.where(is_v, 0.02, 1.0))
    angles = _coarse(problem, flat, floor, tolerance=1e-3, steps=3)
    yield _ladder(problem, angles.state.v, tolerance)


def _ladder(problem: Problem, v: Complexes, tolerance: float) -> Fit:
    used = 0
    for floor in (0.3, 0.05):
        everywhere = np.full(len(problem.weight), floor)
        fit = _coarse(problem, v, everywhere, tolerance=1e-3, steps=8)
        v, used = fit.state.v, used + fit.iterations
    return minimise(problem, v, None, tolerance=tolerance, max_iterations=25)


def _coarse(problem: Problem, v: Complexes, floor: Floats, *, tolerance: float, steps: int) -> Fit:
    with np.errstate(divide="ignore"):
        sigma = np.maximum(1.0 / np.sqrt(problem.weight), floor)
    weight = np.where(problem.weight > 0, 1.0 / sigma**2, 0.0)
    coarse = problem.with_weight(weight)
    return minimise(coarse, v, None, tolerance=tolerance, max_iterations=steps)
