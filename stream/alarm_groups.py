"""Floods of alarms grouped by cause: what touches on the grid belongs together."""

from __future__ import annotations

from collections.abc import Sequence, Set

from network.model import Network
from records.alarm import Alarm, AlarmKey, AlarmKind
from stream.alarm_watch import element_name

__all__ = ["AlarmGroups"]

_WORST_FIRST = {"critical": 0, "severe": 1, "major": 2, "minor": 3}
_TOPOLOGY = "topology"


class AlarmGroups:
    """Names the cause of each alarm.

    Alarms of what is the case (loadings, voltages, telemetry) form a group when their branches
    and buses touch; the group bears the name of the worst element among those raised first,
    and keeps it while one of them lasts. Contingencies that would overload the same element
    worst form a group under its name; those that split the network are the topology's.

    Parameters
    ----------
    network
        The network, for what touches what.
    """

    def __init__(self, network: Network) -> None:
        branches = network.branches
        ends = zip(branches.from_bus.tolist(), branches.to_bus.tolist(), strict=True)
        names = (element_name("branch", name) for name in branches.id.tolist())
        self._buses: dict[str, tuple[int, ...]] = dict(zip(names, ends, strict=True))
        for row, name in enumerate(network.buses.id.tolist()):
            self._buses[element_name("bus", name)] = (row,)

    def causes(self, alarms: Sequence[Alarm], grouped: Set[AlarmKey]) -> dict[AlarmKey, str]:
        """Cause of every active alarm; those in `grouped` have one already and keep it."""
        found: dict[AlarmKey, str] = {}
        here = []
        for alarm in alarms:
            if alarm.kind is not AlarmKind.CONTINGENCY:
                here.append(alarm)
            elif alarm.key not in grouped:
                worst = alarm.evidence.overloads
                found[alarm.key] = worst[0].element if worst else _TOPOLOGY
        for members in self._touching(here):
            old = [alarm for alarm in members if alarm.key in grouped]
            first = min(old, key=lambda a: (a.raised, a.key)) if old else min(members, key=_worse)
            name = first.cause if old else first.element
            found |= {alarm.key: name for alarm in members if alarm.key not in grouped}
        return found

    def _touching(self, alarms: Sequence[Alarm]) -> list[list[Alarm]]:
        """Alarms whose elements share buses, directly or through each other."""
        group_of: dict[int, int] = {}
        groups: dict[int, list[Alarm]] = {}
        for number, alarm in enumerate(alarms):
            buses = set(self._buses.get(alarm.element, ()))
            joined = {group_of[bus] for bus in buses if bus in group_of}
            groups[number] = [alarm]
            for other in sorted(joined):
                groups[number] += groups.pop(other)
            moved = {bus for bus, group in group_of.items() if group in joined}
            group_of |= dict.fromkeys(buses | moved, number)
        return list(groups.values())


def _worse(alarm: Alarm) -> tuple[int, float, str]:
    return _WORST_FIRST[alarm.severity.value], -(alarm.percent or 0.0), alarm.element
