"""The book of alarms: what operators see of each, its group, and what is new to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from network.alarm_rules import priority
from records.alarm import Alarm, AlarmKey, AlarmKind
from records.operator_act import ActKind, OperatorAct
from records.snapshot import Tree
from stream.alarm_groups import AlarmGroups
from stream.alarm_watch import dump_alarms, load_alarms

__all__ = ["AlarmBook", "BookState"]

_replace = msgspec.structs.replace


@dataclass(slots=True)
class BookState:
    """Active alarms as last told, and what is on the shelf until when (element, kind or "")."""

    active: dict[AlarmKey, Alarm]
    shelf: dict[tuple[str, str], int]

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "active": dump_alarms(list(self.active.values())),
            "shelf": [[element, kind, until] for (element, kind), until in self.shelf.items()],
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> BookState:
        """State from its tree."""
        active = {alarm.key: alarm for alarm in load_alarms(tree["active"])}
        return cls(active, {(element, kind): until for element, kind, until in tree["shelf"]})


class AlarmBook:
    """Settles what happened up to a time.

    Parameters
    ----------
    groups
        Finds which alarms belong together.
    """

    def __init__(self, groups: AlarmGroups) -> None:
        self._groups = groups

    def initial(self) -> BookState:
        """Nothing is active, nothing shelved."""
        return BookState({}, {})

    def settle(
        self,
        state: BookState,
        time_ns: int,
        *,
        changes: Iterable[tuple[Alarm, bool]] = (),
        rejected: frozenset[str] | None = None,
        acts: Iterable[OperatorAct] = (),
    ) -> list[Alarm]:
        """Bring the book up to `time_ns`, in place, and return what is to be told.

        Parameters
        ----------
        changes
            Changes of alarms since the last time, in order, and whether each was told when it
            happened.
        rejected
            Points whose values the estimator rejected; None where no valid estimate was made.
        acts
            What operators did until now, in order.
        """
        before, now, ended = dict(state.active), dict(state.active), []
        for alarm, known in changes:
            entered = _carried(now.get(alarm.key), alarm)
            if entered.cleared is not None:
                now.pop(alarm.key, None)
                ended.append(entered)
                continue
            now[alarm.key] = entered
            if known:
                before[alarm.key] = alarm
        for act in acts:
            _act(state, now, act)
        state.shelf = {what: until for what, until in state.shelf.items() if until > time_ns}
        for key, alarm in now.items():
            now[key] = _judged(_shelved(alarm, state.shelf), time_ns, rejected)
        lasting = {k for k, a in state.active.items() if k in now and now[k].raised == a.raised}
        for key, cause in self._groups.causes(list(now.values()), lasting).items():
            now[key] = _replace(now[key], cause=cause)
        changed = [
            alarm
            for key, alarm in now.items()
            if key not in before or not _same(alarm, before[key])
        ]
        state.active = now
        # An end bears the time it came at: the next excursion may have been told of since.
        return [*ended, *(_replace(alarm, updated=time_ns) for alarm in changed)]


def _carried(before: Alarm | None, alarm: Alarm) -> Alarm:
    """What stays with an alarm while its value changes."""
    if before is None or before.raised != alarm.raised:
        return alarm
    return _replace(
        alarm,
        cause=before.cause,
        disputed=before.disputed,
        acknowledged=before.acknowledged,
        acknowledged_by=before.acknowledged_by,
        shelved_until=before.shelved_until,
    )


def _act(state: BookState, now: dict[AlarmKey, Alarm], act: OperatorAct) -> None:
    kind = "" if act.kind is None else act.kind.value
    if act.act is ActKind.ACKNOWLEDGE:
        for key, alarm in now.items():
            named = alarm.element == act.element and kind in ("", alarm.kind.value)
            if named and alarm.raised <= act.time and alarm.acknowledged is None:
                now[key] = _replace(alarm, acknowledged=act.time, acknowledged_by=act.operator)
    elif act.act is ActKind.SHELVE and act.until is not None:
        state.shelf[act.element, kind] = act.until
    elif act.act is ActKind.UNSHELVE:
        state.shelf = {
            (element, what): until
            for (element, what), until in state.shelf.items()
            if element != act.element or kind not in ("", what)
        }


def _shelved(alarm: Alarm, shelf: Mapping[tuple[str, str], int]) -> Alarm:
    untils: Sequence[int] = [
        shelf[alarm.element, kind]
        for kind in ("", alarm.kind.value)
        if (alarm.element, kind) in shelf
    ]
    return _replace(alarm, shelved_until=max(untils, default=None))


def _judged(alarm: Alarm, time_ns: int, rejected: frozenset[str] | None) -> Alarm:
    """Tag what the estimator rejects and what lasts too long; rank it."""
    disputed = alarm.disputed
    if alarm.kind is AlarmKind.TELEMETRY and rejected is not None:
        disputed = not rejected.isdisjoint(alarm.evidence.points)
    happened = alarm.kind is not AlarmKind.CONTINGENCY
    overdue = happened and alarm.permitted is not None and time_ns > alarm.since + alarm.permitted
    rank = priority(alarm.severity, alarm.kind, disputed=disputed, overdue=overdue)
    return _replace(alarm, disputed=disputed, overdue=overdue, priority=rank)


def _same(alarm: Alarm, told: Alarm) -> bool:
    return _replace(alarm, updated=told.updated) == told
