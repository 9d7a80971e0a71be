"""What a forecast state would be beyond, now or after one outage, and who can still act.

A warning says how bad it is by the ladders of the alarms, and by its lead-time class who has the
time to act: who plans maintenance, who schedules units and topology, or only what acts by itself.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from network.alarm_rules import AlarmRules, Ladder, is_transformer, lead_time_class
from network.arrays import Complexes, Floats, Ints
from network.limits import RatingKind, branch_loading_percent
from network.outage_factors import OutageFactors
from network.outage_limits import StudyLimits, find_excursions
from network.outage_study import OutageStudy
from records.alarm import AlarmSeverity, LeadTime

__all__ = ["AdvanceWarning", "WarningKind", "advance_warnings"]

_WORSE_PU = 0.005
"""A voltage that is outside its band already counts against an outage that moves it so far."""
_GRAVE = tuple(reversed(AlarmSeverity))


class WarningKind(StrEnum):
    """What would not hold."""

    LOADING = "loading"
    VOLTAGE = "voltage"
    NO_SOLUTION = "no_solution"
    """No AC solution was found after the outage: the voltage may not hold."""


@dataclass(frozen=True, slots=True)
class AdvanceWarning:
    """One limit that a forecast state does not meet.

    Attributes
    ----------
    kind : WarningKind
    outage : str
        What is lost, such as ``branch:12``; empty where nothing needs to be.
    element : str
        The branch or bus; empty without a solution.
    value, limit : float
        Loading in percent or voltage per unit; NaN without a solution.
    severity : AlarmSeverity
    lead : int
        Time there is to act, ns.
    lead_time : LeadTime
        Its class.
    """

    kind: WarningKind
    outage: str
    element: str
    value: float
    limit: float
    severity: AlarmSeverity
    lead: int
    lead_time: LeadTime


def advance_warnings(
    study: OutageStudy,
    v: Complexes,
    limits: StudyLimits,
    lead: int,
    rules: AlarmRules | None = None,
) -> tuple[AdvanceWarning, ...]:
    """Make the warnings of a study of a forecast state.

    Parameters
    ----------
    study : OutageStudy
        Made with `limits`.
    v : (n_bus,) complex
        The forecast state.
    limits : StudyLimits
    lead : int
        From the issue of the forecast to the time it is about, ns.
    rules : AlarmRules, optional
        Ladders of severity, and how much an outage must change what is beyond its limit
        without it; the defaults when absent.

    Returns
    -------
    tuple of AdvanceWarning
        The gravest first; of an outage only what it brings.
    """
    return _Maker(study, v, limits, lead, rules or AlarmRules()).made()


class _Maker:
    def __init__(
        self, study: OutageStudy, v: Complexes, limits: StudyLimits, lead: int, rules: AlarmRules
    ) -> None:
        self.study, self.network, self.limits, self.rules = study, study.network, limits, rules
        self.v, self.lead = v, lead
        factors = OutageFactors(study.network, v)
        at = v[:, None] if limits.ratings is RatingKind.CURRENT else None
        s_from, s_to = factors.s_from_mva[:, None], factors.s_to_mva[:, None]
        loading = branch_loading_percent(study.network, s_from, s_to, at)[:, 0]
        self.before = np.nan_to_num(loading)

    def made(self) -> tuple[AdvanceWarning, ...]:
        made = [
            *self._loaded_before(),
            *self._voltages_before(),
            *self._loaded_after(),
            *self._voltages_after(),
            *self._without_solution(),
        ]
        made.sort(key=lambda warning: _GRAVE.index(warning.severity))
        return tuple(made)

    def _loaded_before(self) -> list[AdvanceWarning]:
        over = np.flatnonzero(self.before >= self.limits.at_least_percent)
        over = over[np.argsort(-self.before[over], kind="stable")]
        transformer = is_transformer(self.network)
        ladders = self.rules.transformer, self.rules.line
        return [
            self._loading("", row, float(self.before[row]), ladders[not transformer[row]])
            for row in over.tolist()
        ]

    def _loaded_after(self) -> list[AdvanceWarning]:
        over, rules = self.study.overloads, self.rules
        known = np.flatnonzero(over.element >= 0)
        base = self.before[over.element[known]]
        needed = np.where(base >= self.limits.at_least_percent, rules.worsening, rules.least_change)
        caused = known[over.loading_percent[known] - base >= needed]
        return [
            self._loading(
                self.study.outages[int(over.outage[k])].name,
                int(over.element[k]),
                float(over.loading_percent[k]),
                rules.contingency,
            )
            for k in caused.tolist()
        ]

    def _voltages_before(self) -> list[AdvanceWarning]:
        none = np.zeros(1, dtype=np.int64)
        out = find_excursions(self.limits, none, self.v[:, None], self.v)
        return self._voltages([""] * len(out), out.bus, out.v_pu, out.limit_pu)

    def _voltages_after(self) -> list[AdvanceWarning]:
        out = self.study.excursions
        beyond = np.abs(out.v_pu - out.limit_pu)
        low = out.v_pu < out.limit_pu
        beyond_before = np.where(
            low, out.limit_pu - out.v_before_pu, out.v_before_pu - out.limit_pu
        )
        caused = np.flatnonzero((beyond_before <= 0) | (beyond - beyond_before >= _WORSE_PU))
        names = [self.study.outages[place].name for place in out.outage[caused].tolist()]
        return self._voltages(names, out.bus[caused], out.v_pu[caused], out.limit_pu[caused])

    def _without_solution(self) -> list[AdvanceWarning]:
        return [
            self._warning(
                WarningKind.NO_SOLUTION,
                self.study.outages[place].name,
                "",
                np.nan,
                np.nan,
                AlarmSeverity.CRITICAL,
            )
            for place in np.flatnonzero(self.study.not_converged).tolist()
        ]

    def _loading(self, outage: str, row: int, percent: float, ladder: Ladder) -> AdvanceWarning:
        name, limit = str(self.network.branches.id[row]), self.limits.at_least_percent
        severity = _severity(ladder, percent)
        return self._warning(WarningKind.LOADING, outage, name, percent, limit, severity)

    def _voltages(
        self, outages: list[str], bus: Ints, v_pu: Floats, limit_pu: Floats
    ) -> list[AdvanceWarning]:
        names = self.network.buses.id[bus].tolist()
        rows = zip(outages, names, v_pu.tolist(), limit_pu.tolist(), strict=True)
        return [
            self._warning(
                WarningKind.VOLTAGE,
                outage,
                name,
                value,
                limit,
                _severity(self.rules.voltage, 100.0 * abs(value - limit)),
            )
            for outage, name, value, limit in rows
        ]

    def _warning(
        self,
        kind: WarningKind,
        outage: str,
        element: str,
        value: float,
        limit: float,
        severity: AlarmSeverity,
    ) -> AdvanceWarning:
        lead_time = lead_time_class(self.lead)
        return AdvanceWarning(kind, outage, element, value, limit, severity, self.lead, lead_time)


def _severity(ladder: Ladder, level: float) -> AlarmSeverity:
    passed = [step.severity for step in ladder.steps if level >= step.level]
    return passed[-1] if passed else AlarmSeverity.MINOR
