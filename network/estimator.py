"""AC weighted least squares state estimation, prepared once per topology.

Jacobian and gain are taken at one state and kept, so an estimate is a pure function of
the scan and its start. Missing values lower weights: few of them are taken out of the
factored gain exactly (see :mod:`network.downdate`), many make another factor, kept for as
long as the same holes return. Either way the iteration follows the exact gradient of what
is there, so its result is the optimum for the scan as it came.
"""

import copy
from collections.abc import Iterator

import numpy as np

from network.arrays import Bools, Complexes, Floats
from network.bad_data import acquitted, largest_residuals
from network.cold_start import cold_starts
from network.downdate import Downdate
from network.errors import BadCase, NotConverged, NotObservable
from network.estimate import Removal, StateEstimate
from network.gain_library import Gain, GainLibrary
from network.least_squares import Fit, Problem, minimise
from network.measurement import Origin, Quantity, Telemetry
from network.measurement_functions import MeasurementFunctions
from network.model import Network
from network.observability import Observability, observability
from network.power_flow import PowerFlow
from network.standard_errors import StandardErrors, standard_errors

__all__ = ["Estimator"]

_FAR_OFF = 100.0
"""Standard deviations from the start beyond which a value is doubted when nothing fits."""

_LOWEST_PU, _HIGHEST_PU = 0.5, 1.5
"""Beyond lies another solution of the equations, not a network in service."""


class Estimator:
    """A state estimator for one topology and telemetry.

    Parameters
    ----------
    network : Network
    telemetry : Telemetry
    at : (n_bus,) complex, optional
        State at which Jacobian and gain are taken, such as a typical one; the power flow of
        the case when absent. It changes the speed of the iteration and the variances a
        little, and the result not at all.
    tolerance : float
        Greatest step at which to stop, radian or per unit.
    false_alarm : float
        Chance that noise alone makes a scan lose a good measurement.
    most_downdates : int
        Missing or weakened measurements up to which no new factor is made.

    Examples
    --------
    >>> from network.measurement import full_telemetry
    >>> from network.readers.matpower import network_from_matpower_text
    >>> network = network_from_matpower_text('''
    ... mpc.baseMVA = 100;
    ... mpc.bus = [1 3 0 0 0 0 1 1 0 110 1 1.1 0.9; 2 1 50 20 0 0 1 1 0 110 1 1.1 0.9];
    ... mpc.gen = [1 0 0 0 0 1 100 1 100 0];
    ... mpc.branch = [1 2 0.01 0.1 0.02 0 0 0 0 0 1];''')
    >>> estimator = Estimator(network, full_telemetry(network))
    >>> scan = estimator.predict(np.array([1.0, 0.96 * np.exp(-0.05j)]))
    >>> scan[1] = np.nan
    >>> estimate = estimator.estimate(scan)
    >>> print(f"{abs(estimate.v[1]):.4f} {np.angle(estimate.v[1]):.4f}")
    0.9600 -0.0500
    """

    def __init__(
        self,
        network: Network,
        telemetry: Telemetry,
        *,
        at: Complexes | None = None,
        tolerance: float = 1e-5,
        false_alarm: float = 1e-5,
        most_downdates: int = 32,
    ) -> None:
        self.network = network
        self.telemetry = telemetry
        self.tolerance = tolerance
        self.false_alarm = false_alarm
        self.most_downdates = most_downdates
        self._functions = MeasurementFunctions(network, telemetry)
        self._per_unit = telemetry.per_unit(network.base_mva)
        self._may_test = telemetry.origin != Origin.ZERO_INJECTION
        self._weight = 1.0 / (telemetry.sigma * self._per_unit) ** 2
        self._bound = self._functions.physical_bounds()
        is_v = telemetry.quantity == Quantity.V
        dead = self._functions.island < 0
        self._dead_v = np.flatnonzero(is_v)[dead[telemetry.element[is_v]]]
        start = self._solved_case() if at is None else np.asarray(at, np.complex128)
        self._gains = self._gains_at(start)

    def recentred(self, v: Complexes) -> "Estimator":
        """Return this estimator with its gain taken at another state, ``(n_bus,)``.

        Worth its cost (one factor, and variances when first asked for) when estimates
        say that the gain had to be renewed.
        """
        moved = copy.copy(self)
        moved._gains = self._gains_at(np.asarray(v, np.complex128), self._gains)
        return moved

    def _gains_at(self, at: Complexes, known: GainLibrary | None = None) -> GainLibrary:
        return GainLibrary(
            self._functions,
            self._referred(self._live(at)),
            self._weight,
            self.most_downdates,
            None if known is None else known.pattern,
        )

    def predict(self, v: Complexes) -> Floats:
        """What every measurement would read at voltages ``(n_bus,)``, in its own unit."""
        functions = self._functions
        values = functions.values(functions.evaluate(self._live(np.asarray(v, np.complex128))))
        return values / self._per_unit

    def observability(self, value: Floats | None = None) -> Observability:
        """What a scan determines; all of the telemetry when no scan is given."""
        used = np.ones(len(self.telemetry), dtype=np.bool_) if value is None else ~np.isnan(value)
        return observability(self._functions, used, self._gains.pattern)

    def estimate(
        self,
        value: Floats,
        *,
        sigma: Floats | None = None,
        v0: Complexes | None = None,
        remove_bad: bool = True,
        cold: bool = True,
    ) -> StateEstimate:
        """Estimate the state from one scan.

        Parameters
        ----------
        value : (m,) float
            Per unit, MW or MVAr in the order of the telemetry; NaN where missing. Voltages
            of buses that are out of service are not used.
        sigma : (m,) float, optional
            Standard deviations for this scan, such as wider ones for old values.
        v0 : (n_bus,) complex, optional
            Start, such as the last estimate. Without one, or where it leads nowhere
            plausible, a portfolio of cold starts is tried.
        remove_bad : bool
            Whether to look for bad measurements.
        cold : bool
            Whether to try cold starts where ``v0`` leads nowhere plausible.

        Returns
        -------
        StateEstimate
            ``converged`` and ``plausible`` say whether it can be relied upon.

        Raises
        ------
        NotObservable
            No part of the state is determined.
        """
        z = np.asarray(value, np.float64) * self._per_unit
        present = np.isfinite(z)
        present[self._dead_v] = False
        if not present.any():
            raise NotObservable("the scan holds no values")
        spread = self.telemetry.sigma if sigma is None else np.asarray(sigma, np.float64)
        weight = np.where(present, 1.0 / (spread * self._per_unit) ** 2, 0.0)
        z = np.where(present, z, 0.0)
        best: StateEstimate | None = None
        doubt = self._may_test & remove_bad
        impossible = doubt & (np.abs(z) > self._bound) & (weight > 0)
        for problem, gain, fit in self._attempts(z, weight, impossible, doubt, v0, cold):
            estimate = self._finish(weight, problem, gain, fit, remove_bad)
            if estimate.plausible:
                return estimate
            if best is None or _better(estimate, best):
                best = estimate
        assert best is not None
        return best

    def standard_errors(self, estimate: StateEstimate) -> StandardErrors:
        """How uncertain an estimate is, from the variances of the gain."""
        return standard_errors(self._functions, estimate, self.gain(estimate.weight))

    def gain(self, weight: Floats) -> Downdate:
        """Return the gain for weights ``(m,)``, per unit, that residuals are judged with."""
        return self._gains.for_weight(weight).solver

    def _attempts(
        self,
        z: Floats,
        weight: Floats,
        impossible: Bools,
        doubt: Bools,
        v0: Complexes | None,
        cold: bool,
    ) -> Iterator[tuple[Problem, Gain, Fit]]:
        """Yield fits until one is found plausible, the likeliest to succeed first."""
        problem, gain = self._problem(z, np.where(impossible, 0.0, weight))
        if v0 is not None:
            start = self._referred(self._live(np.asarray(v0, np.complex128)))
            yield problem, gain, self._minimise(problem, start, gain)
            # A value off by thousands of sigmas bends the whole fit: try without such.
            innovation = z - self._functions.values(self._functions.evaluate(start))
            far = doubt & (np.abs(innovation) * np.sqrt(weight) > _FAR_OFF)
            if 0 < far.sum() <= 0.1 * len(z):
                pruned, lessened = self._problem(z, np.where(far | impossible, 0.0, weight))
                yield pruned, lessened, self._minimise(pruned, start, lessened)
        if v0 is not None and not cold:
            return
        starts = cold_starts(problem, self._gains.at, self._flat(z), tolerance=self.tolerance)
        for fit in starts:
            yield problem, gain, fit

    def _problem(self, z: Floats, weight: Floats) -> tuple[Problem, Gain]:
        gain = self._gains.for_weight(weight)
        return Problem(self._functions, self._gains.pattern, z, weight, gain.prior), gain

    def _minimise(self, problem: Problem, v: Complexes, gain: Gain) -> Fit:
        return minimise(problem, v, gain.solver, tolerance=self.tolerance, max_iterations=40)

    def _finish(
        self, whole: Floats, problem: Problem, gain: Gain, fit: Fit, remove_bad: bool
    ) -> StateEstimate:
        """Take out bad measurements one after another, and take back what was not bad."""
        out = np.flatnonzero((problem.weight == 0) & (whole > 0))
        removed = {int(row): float(abs(fit.residual[row]) * np.sqrt(whole[row])) for row in out}
        cleared: set[int] = set()
        iterations = fit.iterations
        while remove_bad and fit.converged and problem.weight.any():
            found = largest_residuals(
                fit.residual,
                problem.weight,
                gain.solver,
                self._may_test,
                false_alarm=self.false_alarm,
            )
            removed |= dict(zip(found.rows.tolist(), found.normalised.tolist(), strict=True))
            if not len(found.rows):
                doubted = np.array([row for row in removed if row not in cleared], np.int64)
                good = acquitted(fit.residual, whole, gain.solver, doubted, found.limit)
                if good is None:
                    break
                del removed[good]
                cleared.add(good)
            weight = whole.copy()
            weight[list(removed)] = 0.0
            problem, gain = self._problem(problem.z, weight)
            fit = self._minimise(problem, fit.state.v, gain)
            iterations += fit.iterations
        return self._report(problem, gain, fit, removed, iterations)

    def _report(
        self, problem: Problem, gain: Gain, fit: Fit, removed: dict[int, float], iterations: int
    ) -> StateEstimate:
        network, state = self.network, fit.state
        n_branch = network.n_branch
        value = problem.z / self._per_unit
        used = problem.weight > 0
        known = used.copy()
        known[list(removed)] = True
        estimated = (problem.z - fit.residual) / self._per_unit
        estimated[self._dead_v] = 0.0
        removals = tuple(
            Removal(row, score, float(value[row]), float(estimated[row]))
            for row, score in removed.items()
        )
        n_open = 0 if gain.prior is None else int(np.count_nonzero(gain.prior.precision))
        dof = int(used.sum()) - self._functions.n_state + n_open
        limit = 1.0 + max(0.25, 6.0 * np.sqrt(2.0 / max(dof, 1)))
        power = state.power * network.base_mva
        return StateEstimate(
            v=np.where(self._functions.island >= 0, state.v, 0.0),
            observed=self._observed(problem, gain, fit),
            estimated=estimated,
            residual=np.where(known, value - estimated, np.nan),
            weight=problem.weight,
            removed=removals,
            objective=fit.objective,
            degrees_of_freedom=dof,
            plausible=fit.converged
            and bool(dof <= 0 or fit.objective <= limit * dof)
            and self._is_live(state.v),
            converged=fit.converged,
            iterations=iterations,
            gain_renewed=fit.gain_renewed,
            s_from_mva=power[:n_branch],
            s_to_mva=power[n_branch : 2 * n_branch],
            s_bus_mva=power[2 * n_branch :],
        )

    def _observed(self, problem: Problem, gain: Gain, fit: Fit) -> Bools:
        """Buses that are determined, judged anew where much is missing and the state moved far."""
        if not (gain.sparse and fit.gain_renewed and fit.converged):
            return gain.observed
        try:
            return gain.observed & self._gains.observed_at(problem.factor(fit.state.v))
        except NotObservable:
            return np.zeros_like(gain.observed)

    def _is_live(self, v: Complexes) -> bool:
        """Whether voltages are such as a network in service can have."""
        magnitude = np.abs(v[self._functions.island >= 0])
        return bool(np.all((magnitude > _LOWEST_PU) & (magnitude < _HIGHEST_PU)))

    def _solved_case(self) -> Complexes:
        flat = self._flat(None)
        try:
            solved = PowerFlow(self.network).solve()
        except (BadCase, NotConverged):
            return flat
        return np.where(solved == 0, flat, solved)

    def _live(self, v: Complexes) -> Complexes:
        """Give dead and zero voltages a value that can be divided by."""
        return np.where((self._functions.island < 0) | (v == 0), 1.0, v)

    def _held(self) -> Floats:
        """Angles of the references, ``(n_island,)`` radian: those of the case."""
        return np.deg2rad(self.network.buses.angle_set_deg[self._functions.reference])

    def _referred(self, v: Complexes) -> Complexes:
        """Turn every island so that its reference has the angle of the case."""
        functions = self._functions
        turn = np.exp(1j * (self._held() - np.angle(v[functions.reference])))
        return np.where(functions.island >= 0, v * turn[functions.island], v)

    def _flat(self, z: Floats | None) -> Complexes:
        """Each voltage at its measured or case magnitude, at the angle of its reference."""
        network, functions = self.network, self._functions
        magnitude = np.where(network.buses.v_set_pu > 0, network.buses.v_set_pu, 1.0)
        if z is not None:
            rows = (self.telemetry.quantity == Quantity.V) & (z > 0.5) & (z < 1.5)
            magnitude[self.telemetry.element[rows]] = z[rows]
        angle = np.where(functions.island >= 0, self._held()[functions.island], 0.0)
        return magnitude * np.exp(1j * angle)


def _better(one: StateEstimate, other: StateEstimate) -> bool:
    if one.converged != other.converged:
        return one.converged
    return one.j_per_dof < other.j_per_dof
