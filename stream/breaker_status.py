"""Breaker status from telemetry: views hold status points, and a change of one is an event.

A status is 1 where closed and 0 where open; anything else, such as a breaker on its way, says
nothing, and so does a value that was not measured. The event happened when the status was
measured, at the latest at the time of the scan, for which all of its values stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from network.topology import BreakerEvent, Element, Topology
from records.points import ElementKind, Point, Quantity
from records.quality import NOT_BELIEVED, REPLACED
from records.time import SECOND
from records.view import ScadaView

__all__ = ["StatusPoints"]

_UNMEASURED = np.uint16(NOT_BELIEVED | REPLACED)
_KINDS = {ElementKind.BRANCH: "branch", ElementKind.BREAKER: "breaker"}

Breaker = tuple[Element, str]
"""What is switched, and at which end."""


class StatusPoints:
    """The status points of a register.

    Parameters
    ----------
    points
        Points of all areas; others than status points, and those of elements that the network
        does not have, are passed over.
    case
        Status of every element in the case.
    """

    def __init__(self, points: Sequence[Point], case: Mapping[Element, bool]) -> None:
        areas: dict[int, list[tuple[int, Breaker, bool]]] = {}
        for point in points:
            if point.quantity is not Quantity.STATUS or point.kind not in _KINDS:
                continue
            element = Element(_KINDS[point.kind], point.element)
            if element in case:
                entry = point.number, (element, point.end), case[element]
                areas.setdefault(point.area, []).append(entry)
        self._areas = {area: _Area(entries) for area, entries in areas.items()}

    def events(self, views: Iterable[ScadaView], topology: Topology) -> list[BreakerEvent]:
        """What views of one area tell that the topology does not know.

        Parameters
        ----------
        views
            In the order of their scans; of two of one scan the later made stands.
        topology
            All that was known before.
        """
        last: dict[int, ScadaView] = {}
        for view in views:
            standing = last.get(view.scan_time)
            if standing is None or standing.input_offset <= view.input_offset:
                last[view.scan_time] = view
        events: list[BreakerEvent] = []
        known: dict[Breaker, bool] | None = None
        for _, view in sorted(last.items()):
            area = self._areas.get(view.area)
            if area is None:
                continue
            known = topology.status() if known is None else known
            told = area.changes(view, known)
            known |= {(event.element, event.end): event.closed for event in told}
            events += told
        return events


class _Area:
    """Status points of one area, by number."""

    def __init__(self, entries: list[tuple[int, Breaker, bool]]) -> None:
        entries.sort(key=lambda entry: entry[0])
        self._number = np.array([number for number, _, _ in entries], np.uint32)
        self._breaker = [breaker for _, breaker, _ in entries]
        self._place = {breaker: k for k, breaker in enumerate(self._breaker)}
        self._case = np.array([closed for _, _, closed in entries], np.bool_)

    def changes(self, view: ScadaView, known: Mapping[Breaker, bool]) -> list[BreakerEvent]:
        if not len(view.point):
            return []
        at = np.searchsorted(view.point, self._number)
        at[at == len(view.point)] = 0
        value = view.value[at]
        there = view.point[at] == self._number
        there &= (view.quality[at] & _UNMEASURED) == 0
        there &= (value == 0) | (value == 1)
        before = self._case.copy()
        for breaker, closed in known.items():
            k = self._place.get(breaker)
            if k is not None:
                before[k] = closed
        changed = np.flatnonzero(there & ((value == 1) != before))
        age = np.maximum(view.age_s[at[changed]].astype(np.float64), 0.0)
        times = view.scan_time - (age * SECOND).astype(np.int64)
        return [
            BreakerEvent(time, *self._breaker[k], bool(value[k] == 1), view.input_offset)
            for k, time in zip(changed.tolist(), times.tolist(), strict=True)
        ]
