"""What an excursion beyond a limit means: severity, time allowed, priority, lead-time class.

The tables are defaults of the size that operators use for overhead lines (thermal time
constants of minutes) and transformers (of hours); a network's own tables replace them.
"""

from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.limits import RatingKind
from network.model import Network
from records.alarm import AlarmKind, AlarmSeverity, LeadTime
from records.time import DAY, HOUR, MINUTE, SECOND

__all__ = ["AlarmRules", "Ladder", "Step", "is_transformer", "lead_time_class", "priority"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of severity: it begins at `level` and may last for `permitted` (ns)."""

    level: float
    permitted: int | None
    severity: AlarmSeverity


@dataclass(frozen=True, slots=True)
class Ladder:
    """Steps of severity by how far a limit is exceeded, with hysteresis downwards.

    Parameters
    ----------
    steps
        Ascending by level.
    hysteresis
        A step is left only when the level has fallen so far below its begin.
    """

    steps: tuple[Step, ...]
    hysteresis: float

    def climb(self, step: Ints, level: Floats, noise: Floats | float = 0.0) -> Ints:
        """Step of each element after a new level.

        Parameters
        ----------
        step : (n,) int
            Steps before, 0 within the limit.
        level : (n,) float
            NaN where nothing is known: the step stays.
        noise : (n,) float
            What noise alone can make of the level: a step is entered where the level passes it
            for certain, and left where it certainly does not.

        Returns
        -------
        (n,) int

        Notes
        -----
        With s(x) the step that begins at or below x, e the noise and h the hysteresis, the next
        step is ``max(s(level - e), min(step, s(level + e + h)))``.

        >>> minor, major = (Step(at, None, AlarmSeverity.MINOR) for at in (100.0, 110.0))
        >>> ladder, step = Ladder((minor, major), 3.0), np.array([0])
        >>> for level in (101.0, 112.0, 108.0, 106.0, 98.0, 96.0):
        ...     step = ladder.climb(step, np.array([level]))
        ...     print(int(step[0]), end=" ")
        1 2 2 1 1 0
        """
        begins = np.array([entry.level for entry in self.steps])
        up = np.searchsorted(begins, level - noise, side="right")
        down = np.searchsorted(begins, level + noise + self.hysteresis, side="right")
        climbed: Ints = np.maximum(up, np.minimum(step, down)).astype(np.int64)
        return np.where(np.isnan(level), step, climbed)

    @property
    def watched_from(self) -> float:
        """Level below which nothing can be or stay exceeded."""
        return self.steps[0].level - self.hysteresis


_MINOR, _MAJOR = AlarmSeverity.MINOR, AlarmSeverity.MAJOR
_SEVERE, _CRITICAL = AlarmSeverity.SEVERE, AlarmSeverity.CRITICAL


@dataclass(frozen=True, slots=True)
class AlarmRules:
    """Limits and tables; levels in percent of the rating, voltages in percent beyond the band.

    Parameters
    ----------
    line, transformer
        Overloads of branches, by technology.
    voltage
        Excursions of bus voltages.
    contingency
        Overloads that an outage would bring, with what would be permitted after it.
    v_min_pu, v_max_pu
        The band of voltages.
    ratings
        Whether ratings limit power, or the current at the voltage there is.
    least_change
        An overload counts against an outage that moves it by so many points of loading.
    worsening
        As `least_change`, for an element beyond its limit already.
    most_contingencies
        Bound on the contingency alarms active at once; one more tells how many are left out.
    """

    line: Ladder = Ladder(
        (
            Step(100.0, HOUR, _MINOR),
            Step(110.0, 20 * MINUTE, _MAJOR),
            Step(120.0, 10 * MINUTE, _SEVERE),
            Step(130.0, MINUTE, _CRITICAL),
            Step(150.0, 10 * SECOND, _CRITICAL),
        ),
        hysteresis=3.0,
    )
    transformer: Ladder = Ladder(
        (
            Step(100.0, 8 * HOUR, _MINOR),
            Step(110.0, 2 * HOUR, _MAJOR),
            Step(130.0, 30 * MINUTE, _SEVERE),
            Step(150.0, 2 * MINUTE, _CRITICAL),
        ),
        hysteresis=3.0,
    )
    voltage: Ladder = Ladder(
        (
            Step(0.0, HOUR, _MINOR),
            Step(2.0, 20 * MINUTE, _MAJOR),
            Step(5.0, 5 * MINUTE, _SEVERE),
            Step(8.0, MINUTE, _CRITICAL),
        ),
        hysteresis=0.5,
    )
    contingency: Ladder = Ladder(
        (
            Step(100.0, HOUR, _MINOR),
            Step(110.0, 20 * MINUTE, _MAJOR),
            Step(130.0, MINUTE, _SEVERE),
        ),
        hysteresis=3.0,
    )
    v_min_pu: float = 0.94
    v_max_pu: float = 1.06
    ratings: RatingKind = RatingKind.POWER
    least_change: float = 2.0
    worsening: float = 10.0
    most_contingencies: int = 50


def is_transformer(network: Network) -> Bools:
    """Tell transformers from lines by ratio, phase shift and base voltages, ``(n_branch,)``."""
    branches, kv = network.branches, network.buses.base_kv
    apart: Bools = kv[branches.from_bus] != kv[branches.to_bus]
    turned: Bools = (branches.tap != 1.0) | (branches.shift_deg != 0.0)
    return np.logical_or(apart, turned)


def lead_time_class(lead: int) -> LeadTime:
    """Class of the time (ns) there is to act.

    >>> [lead_time_class(lead).value for lead in (MINUTE, 5 * MINUTE, DAY, 90 * DAY)]
    ['automatic', 'operational', 'maintenance', 'seasonal']
    """
    for bound, name in (
        (5 * MINUTE, LeadTime.AUTOMATIC),
        (DAY, LeadTime.OPERATIONAL),
        (60 * DAY, LeadTime.MAINTENANCE),
        (5 * 365 * DAY, LeadTime.SEASONAL),
    ):
        if lead < bound:
            return name
    return LeadTime.INVESTMENT


_RANK = {_CRITICAL: 1, _SEVERE: 2, _MAJOR: 3, _MINOR: 4}


def priority(
    severity: AlarmSeverity, kind: AlarmKind, *, disputed: bool | None, overdue: bool
) -> int:
    """Priority from 1 (act first) to 4.

    What lasts longer than permitted comes first; what has not happened, or is disputed, comes
    one rank later than what has.

    >>> priority(AlarmSeverity.SEVERE, AlarmKind.LOADING, disputed=None, overdue=False)
    2
    """
    if overdue:
        return 1
    later = kind is AlarmKind.CONTINGENCY or bool(disputed)
    return min(_RANK[severity] + later, 4)
