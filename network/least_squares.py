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

    def factor(self, v: Complexes) -> GainFactor:
        """Factor the gain at a state."""
        jacobian = self.functions.jacobian(self.functions.evaluate(v))
        precision = None if self.prior is None else self.prior.precision
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
    converged = False
    iteration = 0
    state = functions.evaluate(v)
    residual = problem.z - functions.values(state)
    objective = float(problem.weight @ residual**2)
    while iteration < max_iterations and not converged:
        iteration += 1
        if newton:
            try:
                solver = problem.factor(state.v)
            except NotObservable:
                break
        assert solver is not None
        dx = solver.solve(problem.descent(state, residual))
        size = float(np.abs(dx).max(initial=0.0))
        if not np.isfinite(size):
            break
        if size > _LONGEST_STEP:
            dx *= _LONGEST_STEP / size
        ahead = functions.evaluate(functions.step(state.v, dx))
        residual_ahead = problem.z - functions.values(ahead)
        objective_ahead = float(problem.weight @ residual_ahead**2)
        converged = size < tolerance
        if not newton and not converged and not objective_ahead <= objective:
            # A gain from elsewhere can point uphill; one from here does not.
            newton = True
            continue
        state, residual, objective = ahead, residual_ahead, objective_ahead
        newton = newton or size > _SHRINKS_WELL * last
        last = size
    converged = converged and bool(np.isfinite(objective))
    return Fit(state, residual, objective, converged, iteration, newton)
