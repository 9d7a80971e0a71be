"""Whether each series may be believed: normal, suspect, simplified, recovering, quarantined.

``normal`` becomes ``suspect`` while a monitor's statistic stands high, and ``simplified`` on a
rupture: what was learnt holds no longer. A training on enough history since the rupture makes it
``recovering``, and a week without another rupture ``normal`` again. A source that the balance shows
to be false is ``quarantined`` until a person releases it, whatever else is seen of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray
from forecasting.calendar import NS_PER_DAY

__all__ = [
    "STATUSES",
    "Observed",
    "StateRules",
    "Statuses",
    "learnt_again",
    "observe",
    "quarantined",
    "released",
]

STATUSES = ("normal", "suspect", "simplified", "recovering", "quarantined")
NORMAL, SUSPECT, SIMPLIFIED, RECOVERING, QUARANTINED = range(5)


@dataclass(frozen=True, slots=True)
class StateRules:
    """When a series changes state; times in ns.

    Attributes
    ----------
    suspect_from, suspect_until
        Share of its threshold at which a statistic makes a series suspect, and clears it.
    settle
        Time after a rupture in which a further one is taken for the same.
    enough
        History since the rupture that a training needs.
    quiet
        Time without a rupture after that training.
    """

    suspect_from: float = 0.5
    suspect_until: float = 0.25
    settle: int = 2 * NS_PER_DAY
    enough: int = 28 * NS_PER_DAY
    quiet: int = 7 * NS_PER_DAY


@dataclass(frozen=True, slots=True)
class Statuses:
    """State of every series, each field of shape (n_series,).

    Attributes
    ----------
    status
        Place in ``STATUSES``.
    entered
        When it began, ns UTC.
    onset
        Since when the series is another one, or false, ns UTC; meaningful when simplified,
        recovering or quarantined.
    statistic, threshold
        Evidence of the last change.
    """

    status: IntArray
    entered: IntArray
    onset: IntArray
    statistic: FloatArray
    threshold: FloatArray

    @classmethod
    def normal(cls, n_series: int, now: int) -> Statuses:
        """Return the state of series of which nothing bad is known."""
        zero = np.zeros(n_series, np.int64)
        nothing = np.zeros(n_series)
        return cls(zero, zero + now, zero + now, nothing, nothing)

    @property
    def simplified(self) -> BoolArray:
        """Whether the model may not be used as it is, shape (n_series,)."""
        return np.asarray(self.status == SIMPLIFIED)

    @property
    def quarantined(self) -> BoolArray:
        """Whether the readings are not believed, shape (n_series,)."""
        return np.asarray(self.status == QUARANTINED)

    def to_arrays(self) -> Artefact:
        """Return the states as plain arrays."""
        return Artefact({name: getattr(self, name) for name in self.__slots__}, {})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> Statuses:
        """Return the states that ``to_arrays`` wrote."""
        return cls(**{name: stored.arrays[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Observed:
    """What one step told of every series, each of shape (n_series,).

    Attributes
    ----------
    suspicion
        Largest statistic as a share of its threshold.
    ruptured
        Whether a rupture was found that the model does not survive.
    onset
        Its estimated onset, ns UTC; anything where there is none.
    statistic, threshold
        Its evidence; anything where there is none.
    """

    suspicion: FloatArray
    ruptured: BoolArray
    onset: IntArray
    statistic: FloatArray
    threshold: FloatArray


def observe(
    states: Statuses, seen: Observed, now: int, rules: StateRules | None = None
) -> tuple[Statuses, BoolArray]:
    """Return the states after a step that ended at `now` (ns UTC), and which series changed.

    Examples
    --------
    >>> one, none = np.ones(1), np.zeros(1, np.int64)
    >>> seen = Observed(one, np.array([True]), none + 3, 20 * one, 14 * one)
    >>> after, changed = observe(Statuses.normal(1, 0), seen, 5)
    >>> STATUSES[after.status[0]], int(after.onset[0]), bool(changed[0])
    ('simplified', 3, True)
    """
    rules = rules or StateRules()
    status = states.status
    age = now - states.entered
    again = (status == SIMPLIFIED) & (age < rules.settle)
    broke = seen.ruptured & ~again & (status != QUARANTINED)
    rising = (status == NORMAL) & (seen.suspicion >= rules.suspect_from)
    calmed = (status == SUSPECT) & (seen.suspicion < rules.suspect_until)
    healed = (status == RECOVERING) & (age >= rules.quiet)
    after = np.where(rising, SUSPECT, np.where(calmed | healed, NORMAL, status))
    after = np.where(broke, SIMPLIFIED, after)
    changed = np.asarray(broke | (after != status))
    evidence = np.where(broke, seen.statistic, seen.suspicion)
    limit = np.where(broke, seen.threshold, np.where(calmed, rules.suspect_until, 1.0))
    return (
        Statuses(
            after,
            np.where(changed, now, states.entered),
            np.where(broke, seen.onset, np.where(rising, now, states.onset)),
            np.where(changed, evidence, states.statistic),
            np.where(changed, limit, states.threshold),
        ),
        changed,
    )


def learnt_again(
    states: Statuses, until: int, rules: StateRules | None = None
) -> tuple[Statuses, BoolArray]:
    """Return the states after a training on what was known until `until`, and which changed.

    Those with enough history since their rupture recover; their training began at the onset.
    """
    rules = rules or StateRules()
    enough = states.simplified & (until - states.onset >= rules.enough)
    after = replace(
        states,
        status=np.where(enough, RECOVERING, states.status),
        entered=np.where(enough, until, states.entered),
    )
    return after, np.asarray(enough)


def quarantined(
    states: Statuses,
    series: IntArray,
    since: IntArray,
    explained: FloatArray,
    least: float,
    now: int,
) -> Statuses:
    """Return the states after some series were found false; each array has one entry of these.

    Parameters
    ----------
    series
        Their places.
    since
        From when on, ns UTC.
    explained, least
        Evidence, and the least that was asked for.
    """
    fields = {name: getattr(states, name).copy() for name in states.__slots__}
    for name, value in (
        ("status", QUARANTINED),
        ("entered", now),
        ("onset", since),
        ("statistic", explained),
        ("threshold", least),
    ):
        fields[name][series] = value
    return Statuses(**fields)


def released(states: Statuses, series: BoolArray, now: int) -> Statuses:
    """Return the states with some series normal again, shape (n_series,)."""
    return replace(
        states,
        status=np.where(series, NORMAL, states.status),
        entered=np.where(series, now, states.entered),
    )
