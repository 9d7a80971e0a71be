"""What a mid-term model is made of, stated apart from how it is fitted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from forecasting.predictors import Predictors
from forecasting.terms import Factor, Linear, Smooth, Tensor, Term, term_from_facts

__all__ = ["SHORT_HISTORY_DAYS", "GamSpecification", "default_specification"]

SHORT_HISTORY_DAYS = 548
"""Below 18 months an annual cycle cannot be told from a trend or a cold winter."""


@dataclass(frozen=True, slots=True)
class GamSpecification:
    """The terms of an additive model; one such model is fitted an instant of the day."""

    terms: tuple[Term, ...]

    def resolved(self, predictors: Predictors) -> GamSpecification:
        """Return the specification with every spline's range read from training data."""
        return GamSpecification(tuple(term.resolved(predictors) for term in self.terms))

    def to_facts(self) -> list[dict[str, Any]]:
        """Return the terms as JSON-able facts."""
        return [{"kind": type(term).__name__, **asdict(term)} for term in self.terms]

    @classmethod
    def from_facts(cls, facts: list[dict[str, Any]]) -> GamSpecification:
        """Return the specification that ``to_facts`` wrote."""
        return cls(tuple(term_from_facts(fact) for fact in facts))


def default_specification(
    history_days: float, *, temperature: bool = True, vacations: bool = False
) -> GamSpecification:
    """Return the terms for a history of the given length.

    Below ``SHORT_HISTORY_DAYS`` the annual cycle, the trend, the season-dependent temperature
    effect, the summer-time flag and the 21-day memory are left out: they cannot be identified.

    Examples
    --------
    >>> "s(time_of_year)" in [t.name for t in default_specification(200.0).terms]
    False
    """
    long = history_days >= SHORT_HISTORY_DAYS
    terms: list[Term] = [Factor("day_class", 8)]
    if long:
        terms += [Smooth("time_of_year", 20, cyclic=True, bounds=(0.0, 1.0))]
    if temperature:
        terms += _temperature_terms(long)
    if long:
        terms += [Linear("years"), Linear("dst")]
    terms += [Linear(name) for name in ("eve", "after_holiday", "bridge")]
    terms += [Linear(name) for name in ("christmas", "christmas_week")]
    if vacations:
        terms += [Linear("vacation")]
    return GamSpecification(tuple(terms))


def _temperature_terms(long: bool) -> list[Term]:
    terms: list[Term] = [
        Smooth("temperature", 12),
        Smooth("temperature_6h", 8),
        Smooth("temperature_1d", 10),
        Smooth("temperature_4d", 8),
        Smooth("temperature_10d", 8),
        Smooth("temperature_max_1d", 8),
        Smooth("temperature_min_1d", 8),
        Tensor(("temperature", "temperature_4d"), (6, 6)),
    ]
    if long:
        terms += [
            Smooth("temperature_21d", 6),
            Tensor(("temperature", "time_of_year"), (6, 6), (False, True), (None, (0.0, 1.0))),
        ]
    return terms
