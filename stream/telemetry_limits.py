"""Limits checked on the telemetry of one area, scan by scan, before any estimate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from network.alarm_rules import AlarmRules, is_transformer
from network.model import Network
from records.alarm import AlarmEvidence, AlarmKind
from records.points import ElementKind, Point, PointRegister, Quantity
from records.quality import NOT_BELIEVED, REPLACED
from records.view import ScadaView
from stream.alarm_watch import Levels, Watch, Watched, element_name

__all__ = ["TelemetryLimits"]

_UNMEASURED = np.uint16(NOT_BELIEVED | REPLACED)
_NONE = -1
_SIGMAS = 3.0
"""Noise that is not taken for an excursion, nor for its end."""
_DEAD_PU = 0.1
"""A bus below this is dead, not low."""


class TelemetryLimits:
    """The branch ends and buses that an area measures, and how far each is beyond its limit.

    A branch end counts by apparent power, or by active power where no reactive one is in the
    register. A value that was not measured says nothing: it neither raises nor clears.

    Parameters
    ----------
    network
        The network: ratings, base voltages. Branches without a rating are not watched,
        nor are those out of service whose status is not in the register.
    register
        The point register; every point that ever was in it is watched while views hold it.
    area
        Area number.
    rules
        Limits and tables.
    """

    def __init__(
        self, network: Network, register: PointRegister, area: int, rules: AlarmRules
    ) -> None:
        points = {p.id: p for p in register.of_area(area)}
        place: dict[tuple[str, str], dict[Quantity, Point]] = {}
        for point in points.values():
            if point.kind in (ElementKind.BRANCH, ElementKind.BUS):
                name = element_name(point.kind.value, point.element)
                place.setdefault((name, point.end), {})[point.quantity] = point
        rows: list[Watched] = []
        first, second, low, high, base, noise = [], [], [], [], [], []
        self._evidence: list[AlarmEvidence] = []
        transformer = is_transformer(network)
        mains = [own.get(Quantity.ACTIVE) or own.get(Quantity.VOLTAGE) for own in place.values()]
        elements = ["" if main is None else main.element for main in mains]
        in_service = network.branches.in_service
        switchable = {p.element for p in register.points if p.quantity is Quantity.STATUS}
        bus, branch = network.bus_rows(elements).tolist(), network.branch_rows(elements).tolist()
        for at, ((name, end), own) in enumerate(place.items()):
            main = mains[at]
            if main is None:
                continue
            other = own.get(Quantity.REACTIVE)
            if main.quantity is Quantity.VOLTAGE:
                row = bus[at]
                if row < 0:
                    continue
                kv = float(network.buses.base_kv[row])
                rows.append(Watched(name, "", "kV", 2))
                low.append(rules.v_min_pu * kv)
                high.append(rules.v_max_pu * kv)
                base.append(kv)
            else:
                row = branch[at]
                if row < 0 or (not in_service[row] and main.element not in switchable):
                    continue
                rate = float(network.branches.rate_mva[row])
                if not rate > 0:
                    continue
                rows.append(Watched(name, end, "MVA", int(transformer[row])))
                low.append(-np.inf)
                high.append(rate)
                base.append(rate)
            noise.append(100.0 * _SIGMAS * main.sigma / base[-1])
            first.append(main.number)
            second.append(_NONE if other is None else other.number)
            behind = (main,) if other is None else (main, other)
            self._evidence.append(AlarmEvidence(points=tuple(p.id for p in behind)))
        ladders = (rules.line, rules.transformer, rules.voltage)
        self.watch = Watch(AlarmKind.TELEMETRY, rows, ladders)
        self._first = np.array(first, np.int64)
        self._second = np.array(second, np.int64)
        self._alone = self._second == _NONE
        self._low, self._high = np.array(low), np.array(high)
        self._voltage = np.isfinite(self._low)
        self._base, self._noise = np.array(base), np.array(noise)
        self._seen: npt.NDArray[np.uint32] | None = None
        self._at = self._first, self._second

    def evidence(self, row: int) -> AlarmEvidence:
        """Points behind a row."""
        return self._evidence[row]

    def levels(self, view: ScadaView) -> Levels:
        """Where every row of `watch` stands in a view."""
        at_first, at_second = self._places(view.point)
        measured = np.where(view.quality & _UNMEASURED, np.nan, view.value)
        measured = np.append(measured, np.nan)
        value = np.abs(measured[at_first])
        value = np.hypot(value, np.where(self._alone, 0.0, measured[at_second]))
        limit = np.where(self._voltage & (value < self._low), self._low, self._high)
        gap = np.maximum(self._low - value, value - self._high)
        gap = np.where(value < _DEAD_PU * self._base, -self._base, gap)
        level = 100.0 * np.where(self._voltage, gap, value) / self._base
        return Levels(level, value, limit, self._noise)

    def _places(
        self, number: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the points stand in a view; one past its end where they do not."""
        if self._seen is None or not np.array_equal(number, self._seen):
            place = {int(value): at for at, value in enumerate(number.tolist())}
            self._seen = np.array(number)
            self._at = (
                np.array([place.get(n, len(number)) for n in self._first.tolist()], np.int64),
                np.array([place.get(n, len(number)) for n in self._second.tolist()], np.int64),
            )
        return self._at
