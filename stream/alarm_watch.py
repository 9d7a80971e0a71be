"""Watching many quantities against their limits: one raise and one clear an excursion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from network.alarm_rules import Ladder, Step, lead_time_class, priority
from records.alarm import Alarm, AlarmEvidence, AlarmKind, LeadTime
from records.snapshot import Tree

__all__ = ["Levels", "Watch", "WatchState", "Watched", "dump_alarms", "element_name", "load_alarms"]

_ALARMS = msgspec.msgpack.Decoder(list[Alarm])
_NOTHING = AlarmEvidence()


@dataclass(frozen=True, slots=True)
class Watched:
    """One quantity: of which element (and end), in which unit, on which of the ladders."""

    element: str
    end: str
    unit: str
    ladder: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Where the quantities stand, arrays of shape (n,).

    Parameters
    ----------
    level
        On the ladder's scale, NaN where nothing is known.
    value, limit
        In the unit of the quantity; NaN where there is none to tell.
    noise
        What noise alone can make of the level.
    ladder
        On which ladder each stands now, where that is not the one it was given.
    """

    level: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    limit: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64] | None = None
    ladder: npt.NDArray[np.int64] | None = None


@dataclass(slots=True)
class WatchState:
    """Step of each quantity, shape (n,), and the alarms of those beyond their limit, by row."""

    step: npt.NDArray[np.int64]
    active: dict[int, Alarm]

    def dump(self) -> Tree:
        """State as a tree."""
        rows = sorted(self.active)
        return {
            "step": self.step,
            "rows": rows,
            "alarms": dump_alarms([self.active[row] for row in rows]),
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> WatchState:
        """State from its tree."""
        alarms = load_alarms(tree["alarms"])
        return cls(tree["step"], dict(zip(tree["rows"], alarms, strict=True)))


class Watch:
    """Turns levels into alarms.

    Parameters
    ----------
    kind
        Of the alarms.
    rows
        What is watched.
    ladders
        Tables of severity.
    lead_time
        Class of every alarm; by the permitted duration when None.
    """

    def __init__(
        self,
        kind: AlarmKind,
        rows: Sequence[Watched],
        ladders: Sequence[Ladder],
        lead_time: LeadTime | None = None,
    ) -> None:
        self.rows = tuple(rows)
        self._kind = kind
        self._ladders = tuple(ladders)
        self._lead_time = lead_time
        self._given = np.array([row.ladder for row in rows], np.int64)
        self._begins = np.array([ladder.steps[0].level for ladder in self._ladders])

    def initial(self) -> WatchState:
        """Nothing is beyond its limit."""
        return WatchState(np.zeros(len(self.rows), np.int64), {})

    def take(
        self,
        state: WatchState,
        time_ns: int,
        levels: Levels,
        evidence: Callable[[int], AlarmEvidence] = lambda _: _NOTHING,
    ) -> list[Alarm]:
        """Take new levels in, in place, and return the alarms that changed, by row.

        Parameters
        ----------
        evidence
            Asked for the rows that are raised or change their severity.
        """
        noise = np.zeros(len(self.rows)) if levels.noise is None else levels.noise
        which = self._given if levels.ladder is None else levels.ladder
        if not state.active and not (levels.level - noise >= self._begins[which]).any():
            return []
        step = state.step.copy()
        for number, ladder in enumerate(self._ladders):
            rows = np.flatnonzero(which == number)
            if len(rows):
                step[rows] = ladder.climb(step[rows], levels.level[rows], noise[rows])
        changed = []
        for row in np.flatnonzero(step != state.step).tolist():
            before = state.active.pop(row, None)
            if step[row] == 0 and before is not None:
                changed.append(_cleared(before, time_ns, float(levels.value[row])))
            elif step[row]:
                entry = self._ladders[which[row]].steps[int(step[row]) - 1]
                alarm = self._alarm(row, entry, time_ns, levels, before, evidence(row))
                state.active[row] = alarm
                changed.append(alarm)
        state.step = step
        return changed

    def _alarm(
        self,
        row: int,
        entry: Step,
        time_ns: int,
        levels: Levels,
        before: Alarm | None,
        evidence: AlarmEvidence,
    ) -> Alarm:
        watched = self.rows[row]
        lead = self._lead_time
        if lead is None:
            lead = LeadTime.OPERATIONAL
            if entry.permitted is not None:
                lead = lead_time_class(entry.permitted)
        value, limit, percent = _told(levels, row)
        return Alarm(
            element=watched.element,
            end=watched.end,
            kind=self._kind,
            severity=entry.severity,
            priority=priority(entry.severity, self._kind, disputed=None, overdue=False),
            lead_time=lead,
            raised=time_ns if before is None else before.raised,
            updated=time_ns,
            since=time_ns,
            permitted=entry.permitted,
            value=value,
            limit=limit,
            unit=watched.unit,
            percent=percent,
            cause=watched.element,
            evidence=evidence,
        )


def _cleared(alarm: Alarm, time_ns: int, value: float) -> Alarm:
    percent = 100.0 * value / alarm.limit if alarm.limit else np.nan
    return msgspec.structs.replace(
        alarm,
        updated=time_ns,
        cleared=time_ns,
        value=_known(value),
        percent=_known(percent),
    )


def _told(levels: Levels, row: int) -> tuple[float | None, float | None, float | None]:
    value, limit = float(levels.value[row]), float(levels.limit[row])
    percent = 100.0 * value / limit if limit else np.nan
    return _known(value), _known(limit), _known(percent)


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def element_name(kind: str, name: str) -> str:
    """Name of an element with its kind, which the ids of some cases bear already.

    >>> element_name("branch", "7"), element_name("branch", "trafo:3")
    ('branch:7', 'trafo:3')
    """
    return name if ":" in name else f"{kind}:{name}"


def dump_alarms(alarms: Sequence[Alarm]) -> bytes:
    """Alarms as bytes, for checkpoints."""
    return msgspec.msgpack.encode(list(alarms))


def load_alarms(data: bytes) -> list[Alarm]:
    """Read alarms back."""
    return _ALARMS.decode(data)
