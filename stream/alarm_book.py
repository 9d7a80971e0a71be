"""The book of alarms: what operators see of each, its group, and what is new to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from network.alarm_rules import priority
from records.alarm import Alarm, AlarmAct, AlarmKey, AlarmKind
from records.operator_act import LONGEST_SHELF, ActKind, OperatorAct
from records.snapshot import Tree
from stream.alarm_groups import AlarmGroups
from stream.alarm_watch import dump_alarms, load_alarms

__all__ = ["AlarmBook", "BookState"]

_replace = msgspec.structs.replace
_ACTS = msgspec.msgpack.Decoder(list[OperatorAct])
_TRAIL = 20


@dataclass(slots=True)
class BookState:
    """Active alarms as last told, and the shelf.

    The shelf has the last act of shelving or of taking back of each element and kind of alarm
    ("" for every kind); an older one that comes again does not count.
    """

    active: dict[AlarmKey, Alarm]
    shelf: dict[tuple[str, str], OperatorAct]

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "active": dump_alarms(list(self.active.values())),
            "shelf": msgspec.msgpack.encode(list(self.shelf.values())),
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> BookState:
        """State from its tree."""
        active = {alarm.key: alarm for alarm in load_alarms(tree["active"])}
        shelf = tree["shelf"]
        if isinstance(shelf, bytes):
            acts = _ACTS.decode(shelf)
        else:  # written before it was kept who shelved
            acts = [
                OperatorAct(element, ActKind.SHELVE, 0, "", AlarmKind(kind) if kind else None, end)
                for element, kind, end in shelf
            ]
        return cls(active, {(act.element, _kind(act)): act for act in acts})


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
        state.shelf = {what: act for what, act in state.shelf.items() if _lasts(act, time_ns)}
        for key, alarm in now.items():
            now[key] = _judged(_shelved(alarm, state.shelf, time_ns), time_ns, rejected)
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
        shelved_by=before.shelved_by,
        trail=before.trail,
    )


def _act(state: BookState, now: dict[AlarmKey, Alarm], act: OperatorAct) -> None:
    kind = _kind(act)
    if act.act is ActKind.ACKNOWLEDGE:
        for key, alarm in now.items():
            named = alarm.element == act.element and kind in ("", alarm.kind.value)
            if named and alarm.raised <= act.time and alarm.acknowledged is None:
                now[key] = _replace(
                    _noted(alarm, act), acknowledged=act.time, acknowledged_by=act.operator
                )
    elif act.act in (ActKind.SHELVE, ActKind.UNSHELVE):
        whole = act.act is ActKind.UNSHELVE and not kind
        places = [what for what in state.shelf if whole and what[0] == act.element]
        for what in dict.fromkeys([*places, (act.element, kind)]):
            standing = state.shelf.get(what)
            if standing is None or standing.time <= act.time:
                state.shelf[what] = _replace(act, kind=AlarmKind(what[1]) if what[1] else None)


def _kind(act: OperatorAct) -> str:
    return "" if act.kind is None else act.kind.value


def _lasts(act: OperatorAct, time_ns: int) -> bool:
    """Whether an act of the shelf is still needed: to shelve, or against one that comes again."""
    return time_ns < max(act.until or 0, act.time + LONGEST_SHELF)


def _noted(alarm: Alarm, act: OperatorAct) -> Alarm:
    """An alarm with an act in its trail, once."""
    told = AlarmAct(act.act.value, act.time, act.operator, act.until, act.note)
    if told in alarm.trail:
        return alarm
    return _replace(alarm, trail=(*alarm.trail, told)[-_TRAIL:])


def _shelved(alarm: Alarm, shelf: Mapping[tuple[str, str], OperatorAct], time_ns: int) -> Alarm:
    """An alarm as the shelf has it: what shelves it longest counts."""
    acts = [
        shelf[alarm.element, kind]
        for kind in ("", alarm.kind.value)
        if (alarm.element, kind) in shelf
    ]
    until, by = None, ""
    for act in sorted(acts, key=lambda each: each.time):
        if act.act is ActKind.UNSHELVE:
            alarm = _noted(alarm, act) if alarm.shelved_until is not None else alarm
        elif act.until is not None and act.until > time_ns:
            alarm = _noted(alarm, act)
            if until is None or act.until >= until:
                until, by = act.until, act.operator
    return _replace(alarm, shelved_until=until, shelved_by=by)


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
