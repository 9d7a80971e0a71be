"""Gains for whatever weights a scan leaves, from one Jacobian taken at one state."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Complexes, Floats
from network.downdate import Downdate
from network.errors import NotObservable
from network.first_order import FirstOrder
from network.gain import GainFactor
from network.gain_pattern import GainPattern
from network.least_squares import Prior
from network.measurement_functions import MeasurementFunctions
from network.observability import observability

__all__ = ["Gain", "GainLibrary"]

_PRIOR_PRECISION = 25.0
_WEAK = 0.05
"""Standard error (radian or per unit) above which a state is called open: a value that
follows from second-order effects alone misleads more than it tells."""
_KEPT_FACTORS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """A gain for one vector of weights.

    Attributes
    ----------
    solver : Downdate
    prior : Prior or None
        The pull on states that the measurements leave open.
    observed : (n_bus,) bool
    sparse : bool
        Whether so much is missing that the gain is not the base one.
    """

    solver: Downdate
    prior: Prior | None
    observed: Bools
    sparse: bool


class GainLibrary:
    """Gains at one state.

    A few measurements without weight are taken out of the base factor; more make a factor
    of their own, which is kept while the same holes return. What comes out depends on the
    weights alone and not on what was asked before.

    Parameters
    ----------
    functions : MeasurementFunctions
    at : (n_bus,) complex
        The state.
    weight : (m,) float
        Weights of the base factor, per unit.
    most_downdates : int
        Measurements taken out of the base factor at most.
    pattern : GainPattern, optional
        Of this telemetry, where it is known.

    Attributes
    ----------
    at : (n_bus,) complex
    pattern : GainPattern
    """

    def __init__(
        self,
        functions: MeasurementFunctions,
        at: Complexes,
        weight: Floats,
        most_downdates: int,
        pattern: GainPattern | None = None,
    ) -> None:
        self._functions = functions
        self.at = at
        self._most_downdates = most_downdates
        self._jacobian = functions.jacobian(functions.evaluate(at))
        self.pattern = GainPattern.of(self._jacobian) if pattern is None else pattern
        self._first_order = FirstOrder(functions, self.pattern)
        self._kept: OrderedDict[bytes, tuple[GainFactor, Prior | None, Bools]] = OrderedDict()
        self._base = self._factored(weight)

    def for_weight(self, weight: Floats) -> Gain:
        """Return a gain for weights ``(m,)``, per unit; 0 leaves a measurement out.

        Raises
        ------
        NotObservable
            The measurements determine no part of the state.
        """
        factor, prior, observed = self._base
        ratio = weight / factor.weight
        changed = np.flatnonzero(ratio < 0.9)
        few = len(changed) <= self._most_downdates and not np.any(ratio > 1.1)
        if few and not (len(changed) and self._first_order.may_be_lacking(weight)):
            try:
                return Gain(
                    Downdate(factor, changed, weight[changed]), prior, observed, sparse=False
                )
            except NotObservable:
                pass
        factor, prior, observed = self._factored(weight)
        whole = Downdate(factor, np.zeros(0, np.int64), np.zeros(0))
        return Gain(whole, prior, observed, sparse=True)

    def observed_at(self, factor: GainFactor) -> Bools:
        """Buses ``(n_bus,)`` that a gain determines well enough, seen from its own state."""
        functions = self._functions
        entry = np.zeros(2 * functions.n_bus, dtype=np.bool_)
        entry[functions.unknown] = ~(factor.state_variance <= _WEAK**2)
        open_ = entry[: functions.n_bus] | entry[functions.n_bus :]
        return ~open_ & (functions.island >= 0)

    def _factored(self, weight: Floats) -> tuple[GainFactor, Prior | None, Bools]:
        key = weight.tobytes()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made: tuple[GainFactor, Prior | None, Bools] | None = None
        try:
            factor = GainFactor(self._jacobian, weight, self.pattern)
            made = factor, None, self._functions.island >= 0
            open_ = ~(factor.state_variance <= _WEAK**2)
        except NotObservable:
            open_ = self._open(weight)
        if self._first_order.may_be_lacking(weight):
            open_ |= self._first_order.open(weight, _WEAK)
        if made is None or open_.any():
            made = self._with_prior(weight, open_)
        self._kept[key] = made
        if len(self._kept) > _KEPT_FACTORS:
            self._kept.popitem(last=False)
        return made

    def _open(self, weight: Floats) -> Bools:
        seen = observability(self._functions, weight > 0, self.pattern)
        return np.tile(~seen.observed, 2)[self._functions.unknown]

    def _with_prior(self, weight: Floats, open_: Bools) -> tuple[GainFactor, Prior | None, Bools]:
        """Hold what is open near the state of this library, and say which buses that is."""
        functions = self._functions
        # Rounding in the stiffest entries must not drown the prior.
        upper = self.pattern.upper_triangle(self._jacobian, weight)
        precision = np.maximum(_PRIOR_PRECISION, 1e-12 * upper.diagonal())
        while True:
            prior = Prior(np.where(open_, precision, 0.0), self.at)
            factor = GainFactor(self._jacobian, weight, self.pattern, prior.precision)
            weak = ~open_ & ~(factor.state_variance <= _WEAK**2)
            if not weak.any():
                break
            open_ = open_ | weak
        entry = np.zeros(2 * functions.n_bus, dtype=np.bool_)
        entry[functions.unknown] = open_
        observed = ~(entry[: functions.n_bus] | entry[functions.n_bus :])
        observed &= functions.island >= 0
        if not observed.any() or open_.all():
            raise NotObservable("the measurements determine no part of the state")
        return factor, prior, observed
