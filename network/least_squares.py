"""The iteration of weighted least squares: a frozen gain, an exact gradient.

Steps are solved with a gain factored beforehand, but the gradient is that of the state
reached, so the fixed point is the optimum itself and not an approximation to it. Where
steps do not shrink fast enough the gain is renewed at each state: Gauss-Newton.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from network.arrays import Complexes, Floats
from network.errors import NotObservable
from network.gain import GainFactor
from network.gain_pattern import GainPattern
from network.measurement_functions import Evaluation, MeasurementFunctions

__all__ = ["Fit", "Prior", "Problem", "Solver", "minimise"]

_SHRINKS_WELL = 0.5
_LONGEST_STEP = 1.0
_LEAST_DAMPING, _MOST_DAMPING = 100.0, 1e8
_NEAR = 1000.0
"""J by measurements below which a step uphill is refused and tried again damped; far from
the solution Gauss-Newton has to go over ridges."""
_NEGLIGIBLE = 1e-2
"""Gain in J that does not matter: a tenth of a standard error in a single direction."""


class Solver(Protocol):
    """Something that solves with a gain matrix."""

    def solve(self, b: Floats) -> Floats:
        """Solve ``G x = b``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """A pull towards a state, for what measurements leave open.

    Attributes
    ----------
    precision : (n_state,) float
    v : (n_bus,) complex
        Where it pulls to.
    """

    precision: Floats
    v: Complexes


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A weighted least squares problem.

    Attributes
    ----------
    functions : MeasurementFunctions
    pattern : GainPattern
    z : (m,) float
        Values, per unit; anything finite where the weight is 0.
    weight : (m,) float
        Inverse variances, per unit; 0 where a value is missing.
    prior : Prior or None
    """

    functions: MeasurementFunctions
    pattern: GainPattern
    z: Floats
    weight: Floats
    prior: Prior | None = None

    def with_weight(self, weight: Floats) -> "Problem":
        """Return the problem with other weights."""
        return replace(self, weight=weight)

    def factor(self, v: Complexes, damping: float = 0.0) -> GainFactor:
        """Factor the gain at a state, with a multiple of the identity added."""
        jacobian = self.functions.jacobian(self.functions.evaluate(v))
        precision = None if self.prior is None else self.prior.precision
        if damping:
            damped = np.full(self.functions.n_state, damping)
            precision = damped if precision is None else damped + precision
        return GainFactor(jacobian, self.weight, self.pattern, precision)

    def descent(self, state: Evaluation, residual: Floats) -> Floats:
        """Compute the negative gradient of J/2, ``(n_state,)``."""
        functions = self.functions
        descent = functions.gradient(state, self.weight * residual)
        if self.prior is not None:
            apart = np.concatenate(
                [np.angle(self.prior.v * np.conj(state.v)), np.abs(self.prior.v) - np.abs(state.v)]
            )
            descent += self.prior.precision * apart[functions.unknown]
        return descent


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Where the iteration ended.

    Attributes
    ----------
    state : Evaluation
    residual : (m,) float
        Per unit, of every row whatever its weight.
    objective : float
        J.
    converged : bool
    iterations : int
    gain_renewed : bool
        Whether the frozen gain did not serve, or there was none.
    """

    state: Evaluation
    residual: Floats
    objective: float
    converged: bool
    iterations: int
    gain_renewed: bool


def minimise(
    problem: Problem,
    v: Complexes,
    solver: Solver | None,
    *,
    tolerance: float,
    max_iterations: int,
) -> Fit:
    """Minimise J from a start.

    Parameters
    ----------
    problem : Problem
    v : (n_bus,) complex
        The start.
    solver : Solver or None
        A frozen gain; without one every step is a Gauss-Newton step.
    tolerance : float
        Greatest step (radian or per unit) at which to stop.
    max_iterations : int

    Returns
    -------
    Fit
    """
    functions = problem.functions
    newton = solver is None
    last = np.inf
    damping = 0.0
    converged = False
    iteration = 0
    state = functions.evaluate(v)
    residual = problem.z - functions.values(state)
    objective = float(problem.weight @ residual**2)
    while iteration < max_iterations and not converged:
        iteration += 1
        if newton:
            try:
                solver = problem.factor(state.v, damping)
            except NotObservable:
                break
        assert solver is not None
        descent = problem.descent(state, residual)
        dx = solver.solve(descent)
        size = float(np.abs(dx).max(initial=0.0))
        if not np.isfinite(size):
            break
        if size > _LONGEST_STEP:
            dx *= _LONGEST_STEP / size
        ahead = functions.evaluate(functions.step(state.v, dx))
        residual_ahead = problem.z - functions.values(ahead)
        objective_ahead = float(problem.weight @ residual_ahead**2)
        # Where a direction is known badly, rounding keeps steps above any tolerance; then
        # what J could still lose says that the end is reached.
        stalled = newton and size > _SHRINKS_WELL * last and float(descent @ dx) < _NEGLIGIBLE
        converged = size < tolerance or stalled
        if not newton and not converged and not objective_ahead <= objective:
            # A gain from elsewhere can point uphill; one from here does not.
            newton = True
            continue
        if newton and not converged:
            if not objective_ahead <= objective and damping < _MOST_DAMPING:
                damping = max(_LEAST_DAMPING, 10.0 * damping)
                if objective < _NEAR * (1 + int(np.count_nonzero(problem.weight))):
                    continue
            else:
                damping = 0.0 if damping <= _LEAST_DAMPING else damping / 10.0
        state, residual, objective = ahead, residual_ahead, objective_ahead
        newton = newton or size > _SHRINKS_WELL * last
        last = size
    converged = converged and bool(np.isfinite(objective))
    return Fit(state, residual, objective, converged, iteration, newton)
