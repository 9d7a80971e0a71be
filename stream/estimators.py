"""Estimators as they are needed: one for each register in force and each topology."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from network.estimate import StateEstimate
from network.estimator import Estimator
from network.model import Network
from network.switching import SwitchedNetwork, switched
from network.topology import TopologyVersion, case_status
from records.errors import RecordError
from records.points import ElementKind, Point, PointRegister, PointTable, Quantity
from records.quality import NOT_BELIEVED, REPLACED
from records.view import ScadaView
from stream.alarm_watch import element_name
from stream.breaker_status import StatusPoints
from stream.region_balance import RegionBalances
from stream.telemetry_map import Scan, TelemetryMap

__all__ = ["Estimators", "PreparedEstimator", "Readings"]

_UNMEASURED = np.uint16(NOT_BELIEVED | REPLACED)
_KEPT = 4
_LOADED = 8.0
"""Noise, in standard deviations, beyond which an open branch carries power all the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What the areas' views hold together, in the order of the points, shape (n_points,).

    Parameters
    ----------
    value
        In the unit of the register, NaN where nothing is known.
    replaced
        Where the value was not measured.
    """

    value: npt.NDArray[np.float64]
    replaced: npt.NDArray[np.bool_]


class PreparedEstimator:
    """An estimator, and where the points of each area stand among all points.

    Parameters
    ----------
    told
        The network as its breakers stand.
    tables
        The register in force, by area.
    """

    def __init__(self, told: SwitchedNetwork, tables: tuple[PointTable, ...]) -> None:
        points = tuple(point for table in tables for point in table.points)
        sizes = [len(table.points) for table in tables]
        first = [sum(sizes[:k]) for k in range(len(sizes))]
        self.network, self.bus = told.network, told.bus
        self.map = TelemetryMap(told.network, points)
        self._estimator: Estimator | None = None
        self._n_points = len(points)
        self._place = {
            table.area: (at, table.number) for table, at in zip(tables, first, strict=True)
        }
        self.regions = RegionBalances(told.network, points)
        self._open = _flows_of_open_branches(told.network, points)
        self._points = points

    def read(self, views: Mapping[int, ScadaView], oldest: int) -> Readings:
        """Combine the areas' views; one before `oldest` (ns UTC) holds nothing measured."""
        value = np.full(self._n_points, np.nan)
        replaced = np.ones(self._n_points, np.bool_)
        for area, view in views.items():
            if area not in self._place or not len(view.point):
                continue
            first, numbers = self._place[area]
            at = np.searchsorted(view.point, numbers)
            at[at == len(view.point)] = 0
            rows = np.flatnonzero(view.point[at] == numbers)
            value[first + rows] = view.value[at[rows]]
            if view.scan_time >= oldest:
                replaced[first + rows] = (view.quality[at[rows]] & _UNMEASURED) != 0
        return Readings(value, replaced)

    def scan(self, readings: Readings) -> Scan:
        """Combine readings to measurements."""
        return self.map.scan(readings.value, readings.replaced)

    def estimate(self, scan: Scan, v: npt.NDArray[np.complex128]) -> StateEstimate:
        """Estimate a scan from the voltages ``(n_bus,)`` of the last state; empty without one.

        Raises
        ------
        network.errors.NetworkError
            When no state can be made.
        """
        if self._estimator is None:
            self._estimator = Estimator(self.network, self.map.telemetry)
        start = v if len(v) else None
        return self._estimator.estimate(scan.value, sigma=scan.sigma, v0=start)

    def loaded(self, readings: Readings) -> dict[str, tuple[float, str]]:
        """Measured flows of branches that are open: value by point, and which branch."""
        rows, sigma = self._open
        value = np.abs(readings.value[rows])
        found = rows[(value > _LOADED * sigma) & ~readings.replaced[rows]]
        points = [(self._points[k], float(readings.value[k])) for k in found.tolist()]
        return {p.id: (value, element_name("branch", p.element)) for p, value in points}


class Estimators:
    """Makes them, each once while it is among the last that were asked for.

    What comes out depends on the register and the topology alone.

    Parameters
    ----------
    network
        The network, breakers as in the case.
    register
        The dated point register.
    """

    def __init__(self, network: Network, register: PointRegister) -> None:
        self._network, self._register = network, register
        self.case = case_status(network)
        self._prepared: OrderedDict[tuple[object, ...], PreparedEstimator] = OrderedDict()
        self._statuses: tuple[tuple[int, ...], StatusPoints] | None = None

    def at(self, time_ns: int, version: TopologyVersion) -> PreparedEstimator:
        """Return the estimator for the register in force at a time, and a topology."""
        tables = self._tables(time_ns)
        key = tuple(table.valid_from for table in tables), version.switched
        if key not in self._prepared:
            told = switched(self._network, version.switched)
            self._prepared[key] = PreparedEstimator(told, tables)
            if len(self._prepared) > _KEPT:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def statuses(self, time_ns: int) -> StatusPoints:
        """Return the status points of the register in force at a time."""
        tables = self._tables(time_ns)
        key = tuple(table.valid_from for table in tables)
        if self._statuses is None or self._statuses[0] != key:
            points = [point for table in tables for point in table.points]
            self._statuses = key, StatusPoints(points, self.case)
        return self._statuses[1]

    def _tables(self, time_ns: int) -> tuple[PointTable, ...]:
        tables = []
        for area in self._register.areas:
            try:
                tables.append(self._register.at(area, time_ns))
            except RecordError:
                continue
        return tuple(tables)


def _flows_of_open_branches(
    network: Network, points: tuple[Point, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Which points are active flows of branches out of service, and their noise."""
    off = set(network.branches.id[~network.branches.in_service].tolist())
    rows = [
        k
        for k, point in enumerate(points)
        if point.kind is ElementKind.BRANCH
        and point.quantity is Quantity.ACTIVE
        and point.element in off
    ]
    return np.array(rows, np.int64), np.array([points[k].sigma for k in rows])
