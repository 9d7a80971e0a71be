"""Tells a source that is false for days from consumption that changed.

A reading that departs from its model may be a real change: then the meter of the whole moves with
it. Where the departure appears in the balance instead, as a gap between the parts and the whole
that follows it hour by hour, the reading is false: the regression of the gap on the departure
(less what its kin do in common) explains most of the gap, with a slope near one. Day by day only
the sums of products are kept, so that scaled, drifting and replayed readings are judged alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray
from forecasting.balance import Balances

__all__ = ["GuardRules", "GuardState", "Judged", "judge", "taken"]

_N, _PRODUCT, _OWN, _GAP, _LOAD = range(5)
_LEAST_KIN = 3


@dataclass(frozen=True, slots=True)
class GuardRules:
    """When a source is not believed.

    Attributes
    ----------
    days, at_least
        Days looked at, and how many of them must bear evidence.
    explained
        Least share of the squared gap that the departure explains.
    slope
        Least and greatest slope of the gap on the departure.
    beyond
        Least root mean square of the gap, in standard deviations of its usual noise.
    material
        The same as a share of the mean reading.
    """

    days: int = 14
    at_least: int = 10
    explained: float = 0.6
    slope: tuple[float, float] = (0.5, 1.6)
    beyond: float = 3.0
    material: float = 0.02


@dataclass(frozen=True, slots=True)
class GuardState:
    """Sums of products by day and leaf: number, gap times departure, both squared, |reading|.

    Attributes
    ----------
    day
        Number of the day under way.
    today
        Shape (5, n_leaves).
    past
        The days before, oldest first, shape (n_days, 5, n_leaves).
    """

    day: int
    today: FloatArray
    past: FloatArray

    @classmethod
    def starting(cls, n_leaves: int, day: int, rules: GuardRules | None = None) -> GuardState:
        """Return the state before anything was seen."""
        days = (rules or GuardRules()).days
        return cls(day, np.zeros((5, n_leaves)), np.zeros((days, 5, n_leaves)))

    def forgotten(self, leaves: BoolArray) -> GuardState:
        """Return the state that knows nothing of some leaves, shape (n_leaves,)."""
        kept = np.where(leaves, 0.0, 1.0)
        return replace(self, today=self.today * kept, past=self.past * kept)

    def to_arrays(self) -> Artefact:
        """Return the state as plain arrays and facts."""
        return Artefact({"today": self.today, "past": self.past}, {"day": self.day})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> GuardState:
        """Return the state that ``to_arrays`` wrote."""
        return cls(stored.facts["day"], stored.arrays["today"], stored.arrays["past"])


@dataclass(frozen=True, slots=True)
class Judged:
    """Sources found false, one entry each.

    Attributes
    ----------
    leaf
        Place among the leaves.
    days
        Since how many days, the last one included.
    explained, slope
        Of the gap, by the departure.
    """

    leaf: IntArray
    days: IntArray
    explained: FloatArray
    slope: FloatArray

    def __len__(self) -> int:
        return len(self.leaf)


def taken(
    state: GuardState,
    balances: Balances,
    readings: FloatArray,
    expected: FloatArray,
    gap: FloatArray,
) -> GuardState:
    """Return the state after one step of the day under way.

    Parameters
    ----------
    readings, expected
        What was read and what the models of the mid term say, MW, shape (n_leaves,); NaN = not
        known.
    gap
        Of each balance, MW, shape (n_balances,).
    """
    own = np.where(balances.of_leaf >= 0, gap[balances.of_leaf], np.nan)
    departure = readings - expected * _kin(balances, readings, expected)
    known = np.isfinite(own) & np.isfinite(departure)
    own, departure = np.where(known, own, 0.0), np.where(known, departure, 0.0)
    told = [known, own * departure, departure**2, own**2, np.where(known, np.abs(readings), 0.0)]
    return replace(state, today=state.today + np.stack(told))


def judge(
    state: GuardState,
    balances: Balances,
    day: int,
    trusted: BoolArray,
    rules: GuardRules | None = None,
) -> tuple[GuardState, Judged]:
    """Begin a day; return the state and the sources found false at the end of the one before.

    At most one of a balance, the one that explains most: with it gone the others can be judged by
    what follows.

    Parameters
    ----------
    day
        Number of the day that begins.
    trusted
        Leaves that may be judged, shape (n_leaves,).
    """
    rules = rules or GuardRules()
    if day == state.day:
        return state, _verdict(np.zeros(0, np.int64), state)
    past = np.concatenate([state.past[1:], state.today[None]])
    state = GuardState(day, np.zeros_like(state.today), past)
    noise = np.where(balances.of_leaf >= 0, balances.noise[balances.of_leaf], np.nan)
    false = _evident(past, noise, rules).sum(axis=0) >= rules.at_least
    false &= trusted & _evident(past.sum(axis=0)[None], noise, rules)[0]
    explained, _ = _fit(past.sum(axis=0))
    chosen = []
    for balance in np.unique(balances.of_leaf[false]):
        kin = np.flatnonzero(false & (balances.of_leaf == balance))
        chosen.append(kin[np.argmax(explained[kin])])
    verdict = _verdict(np.array(chosen, np.int64), state)
    since = _evident(past, noise, rules)[:, verdict.leaf]
    first = np.argmax(since, axis=0) if len(verdict) else np.zeros(0, np.int64)
    return state, replace(verdict, days=len(past) - first)


def _kin(balances: Balances, readings: FloatArray, expected: FloatArray) -> FloatArray:
    """Return by how much the kin of each leaf stand above what is expected of them, as a ratio."""
    ratio = np.where(expected > 0, readings / np.where(expected > 0, expected, 1.0), np.nan)
    common = np.ones(len(readings))
    for balance in range(len(balances.member)):
        own = balances.of_leaf == balance
        known = ratio[own][np.isfinite(ratio[own])]
        if len(known) >= _LEAST_KIN:
            common[own] = np.median(known)
    return common


def _fit(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the share of the squared gap explained, and the slope, shape (..., n_leaves)."""
    product, own, gap = (sums[..., row, :] for row in (_PRODUCT, _OWN, _GAP))
    positive = (own > 0) & (gap > 0)
    explained = np.where(positive, product**2 / np.where(positive, own * gap, 1.0), 0.0)
    return explained, np.where(positive, product / np.where(positive, own, 1.0), 0.0)


def _evident(sums: FloatArray, noise: FloatArray, rules: GuardRules) -> BoolArray:
    """Whether days bear evidence against leaves, shape (n_days, n_leaves)."""
    explained, slope = _fit(sums)
    n = sums[:, _N]
    several = np.maximum(n, 1.0)
    size, level = np.sqrt(sums[:, _GAP] / several), sums[:, _LOAD] / several
    least, greatest = rules.slope
    with np.errstate(invalid="ignore"):
        large = (size >= rules.beyond * noise) & (size >= rules.material * level)
    steep = (slope >= least) & (slope <= greatest)
    return np.asarray((n > 0) & large & steep & (explained >= rules.explained))


def _verdict(leaf: IntArray, state: GuardState) -> Judged:
    explained, slope = _fit(state.past.sum(axis=0))
    return Judged(leaf, np.zeros(len(leaf), np.int64), explained[leaf], slope[leaf])
