"""Dated topology: which breakers are open from when on, and the network that follows.

Breaker events are a set of values. What is in force at a time depends on that set alone: the
order in which events became known and how often they came do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from network.model import Network

__all__ = ["CASE", "BreakerEvent", "Element", "Topology", "TopologyVersion", "case_status"]


class Element(NamedTuple):
    """What breakers switch: ``branch`` or ``breaker`` (one between two buses), and its id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class BreakerEvent:
    """A breaker was seen open or closed.

    Attributes
    ----------
    time : int
        When it became so, ns UTC.
    element : Element
    end : str
        ``from`` or ``to`` of a branch; empty where one status stands for both ends, and for a
        breaker between two buses.
    closed : bool
    version : int
        Of two events of one breaker at one time the higher counts; of two of one version the one
        that says open.
    """

    time: int
    element: Element
    end: str
    closed: bool
    version: int = 0

    @property
    def order(self) -> tuple[int, Element, str, int, bool]:
        """Key of the order in which events come into force."""
        return self.time, self.element, self.end, self.version, not self.closed


@dataclass(frozen=True, slots=True)
class TopologyVersion:
    """What is in force from a time on.

    Attributes
    ----------
    since : int
        When it came into force, ns UTC; 0 for the case itself.
    switched : tuple of (Element, bool)
        The elements that are not as in the case, in order, and whether they are closed.
    """

    since: int
    switched: tuple[tuple[Element, bool], ...]


CASE = TopologyVersion(0, ())
"""Everything is as in the case."""


def case_status(network: Network) -> dict[Element, bool]:
    """Return the status of every element that can be switched, as the case has it."""
    branches, breakers = network.branches, network.breakers
    status = {
        Element("branch", name): live
        for name, live in zip(branches.id.tolist(), branches.in_service.tolist(), strict=True)
    }
    names = zip(breakers.id.tolist(), breakers.closed.tolist(), strict=True)
    return status | {Element("breaker", name): closed for name, closed in names}


@dataclass(frozen=True, slots=True)
class Topology:
    """Breaker events, each once, in the order in which they come into force.

    Examples
    --------
    >>> line = Element("branch", "7")
    >>> events = [BreakerEvent(20, line, "to", True), BreakerEvent(10, line, "to", False)]
    >>> topology = Topology().with_events(events)
    >>> topology == Topology().with_events([*reversed(events), *events])
    True
    >>> [topology.at(time, {line: True}).switched for time in (9, 10, 20)]
    [(), ((Element(kind='branch', id='7'), False),), ()]
    """

    events: tuple[BreakerEvent, ...] = ()
    forgotten: int = 0
    """Time (ns UTC) up to which `forget` kept only what stood then."""
    since: int = 0
    """Since when (ns UTC) that had been in force."""

    def with_events(self, events: Iterable[BreakerEvent]) -> Topology:
        """Return the topology with more events."""
        ordered = sorted({*self.events, *events}, key=lambda event: event.order)
        return Topology(tuple(ordered), self.forgotten, self.since)

    def at(self, time_ns: int, case: Mapping[Element, bool]) -> TopologyVersion:
        """Return the version in force at a time.

        An element whose breakers have been heard of is closed when none of them is open; any
        other is as in the case.

        Parameters
        ----------
        time_ns : int
            ns UTC.
        case : mapping of Element to bool
            Status in the case, as `case_status` gives it.
        """
        ends: dict[Element, dict[str, bool]] = {}
        switched: dict[Element, bool] = {}
        since = self.since
        for event in self.events:
            if event.time > time_ns:
                break
            element = event.element
            heard = ends.setdefault(element, {})
            before = all(heard.values()) if heard else case.get(element)
            heard[event.end] = event.closed
            now = all(heard.values())
            if now == before:
                continue
            if event.time > self.forgotten:
                since = event.time
            if now == case.get(element):
                del switched[element]
            else:
                switched[element] = now
        return TopologyVersion(since, tuple(sorted(switched.items())))

    def status(self) -> dict[tuple[Element, str], bool]:
        """Return the last status of every breaker that was heard of."""
        return {(event.element, event.end): event.closed for event in self.events}

    def forget(self, before: int, case: Mapping[Element, bool]) -> Topology:
        """Drop what no question about ``before`` (ns UTC) or later depends on."""
        last = {(e.element, e.end): e for e in self.events if e.time <= before}
        kept = [e for e in self.events if e.time > before]
        since = self.at(before, case).since
        return Topology((), before, since).with_events([*last.values(), *kept])
