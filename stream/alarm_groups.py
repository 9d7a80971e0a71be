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
        joined = _Joined()
        for alarm in alarms:
            buses = self._buses.get(alarm.element, ())
            for bus in buses[1:]:
                joined.join(buses[0], bus)
        groups: dict[int | str, list[Alarm]] = {}
        for alarm in alarms:
            buses = self._buses.get(alarm.element, ())
            name = joined.group(buses[0]) if buses else alarm.element
            groups.setdefault(name, []).append(alarm)
        return list(groups.values())


class _Joined:
    """Buses joined to groups, each named by one of them; a flood costs little more a bus."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def group(self, bus: int) -> int:
        """Return the bus that names the group of `bus`."""
        above = self._above
        while (up := above.setdefault(bus, bus)) != bus:
            above[bus] = above[up]
            bus = above[bus]
        return bus

    def join(self, one: int, other: int) -> None:
        """Make one group of the groups of two buses."""
        self._above[self.group(one)] = self.group(other)


def _worse(alarm: Alarm) -> tuple[int, float, str]:
    return _WORST_FIRST[alarm.severity.value], -(alarm.percent or 0.0), alarm.element
