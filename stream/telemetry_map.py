"""From an area's points to the measurements of the network, and back.

Voltages and branch flows are measured as they are. The loads and generators of a bus are
combined to its net injection, generation less withdrawal; a value that was held or is typical
enters only there, as a pseudo-measurement with a wider sigma. Buses with neither load nor
generator inject nothing, and that is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from network.measurement import Origin, Telemetry, zero_injection_buses
from network.measurement import Quantity as Measured
from network.model import BusKind, Network
from records.points import ElementKind, Point, Quantity

__all__ = ["PSEUDO_LEAST", "PSEUDO_SHARE", "Scan", "TelemetryMap"]

PSEUDO_SHARE, PSEUDO_LEAST = 0.2, 5.0
"""Sigma of a replaced power: this share of its magnitude, at least so many MW or MVAr."""

_SIGMA_ZERO = 0.01
_FLOWS = {
    ("from", Quantity.ACTIVE): Measured.P_FROM,
    ("from", Quantity.REACTIVE): Measured.Q_FROM,
    ("to", Quantity.ACTIVE): Measured.P_TO,
    ("to", Quantity.REACTIVE): Measured.Q_TO,
}
_INJECTIONS = {Quantity.ACTIVE: Measured.P_INJECTION, Quantity.REACTIVE: Measured.Q_INJECTION}


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One scan in the order of the telemetry: values (NaN: missing) and sigmas, (m,)."""

    value: npt.NDArray[np.float64]
    sigma: npt.NDArray[np.float64]
    n_measured: int
    n_pseudo: int


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    quantity: Measured
    element: int
    sigma: float
    origin: Origin
    name: str
    points: tuple[tuple[int, float], ...]
    """Which points add up to the value, and with which factor."""


class TelemetryMap:
    """Where each point of the register stands in the measurements of a network.

    Parameters
    ----------
    network
        The network.
    points
        All points of all areas, in the order in which values will be given. Points of
        elements that the network does not know are left out.
    """

    def __init__(self, network: Network, points: tuple[Point, ...]) -> None:
        rows = [*_direct(network, points), *_injected(network, points), *_nothing(network)]
        self.telemetry = Telemetry(
            np.array([int(row.quantity) for row in rows], np.int64),
            np.array([row.element for row in rows], np.int64),
            np.array([row.sigma for row in rows]),
            np.array([int(row.origin) for row in rows], np.int64),
        )
        self.names = tuple(row.name for row in rows)
        parts = [(at, k, factor) for at, row in enumerate(rows) for k, factor in row.points]
        self._row = np.array([at for at, _, _ in parts], np.int64)
        self._point = np.array([k for _, k, _ in parts], np.int64)
        self._factor = np.array([factor for _, _, factor in parts])
        sigma = np.array([point.sigma for point in points])
        self._variance = (sigma[self._point] * self._factor) ** 2
        injected = np.array([row.quantity in _INJECTIONS.values() for row in rows], np.bool_)
        self._injected = injected[self._row]
        self._zero = np.array([row.origin is Origin.ZERO_INJECTION for row in rows], np.bool_)

    def scan(self, value: npt.NDArray[np.float64], replaced: npt.NDArray[np.bool_]) -> Scan:
        """Combine the points' values to measurements.

        Parameters
        ----------
        value
            In the unit and sign of the register, NaN where unknown, shape (n_points,).
        replaced
            Where the value was not measured, shape (n_points,).
        """
        n_rows = len(self.telemetry)
        part = value[self._point] * self._factor
        old = replaced[self._point]
        wide = np.maximum(PSEUDO_SHARE * np.abs(part), PSEUDO_LEAST) ** 2
        part = np.where(old & ~self._injected, np.nan, part)
        total = np.bincount(self._row, weights=part, minlength=n_rows).astype(np.float64)
        variance = np.bincount(
            self._row, weights=np.where(old, np.nan_to_num(wide), self._variance), minlength=n_rows
        )
        pseudo = np.bincount(self._row, weights=old, minlength=n_rows) > 0
        known = np.isfinite(total)
        return Scan(
            total,
            np.where(self._zero | ~known, self.telemetry.sigma, np.sqrt(variance)),
            int(np.count_nonzero(known & ~pseudo & ~self._zero)),
            int(np.count_nonzero(known & pseudo)),
        )


def _direct(network: Network, points: tuple[Point, ...]) -> list[_Row]:
    """Voltages and branch flows of what is in service."""
    buses = network.bus_rows([point.element for point in points]).tolist()
    branches = network.branch_rows([point.element for point in points]).tolist()
    rows = []
    for k, point in enumerate(points):
        if point.kind is ElementKind.BUS and point.quantity is Quantity.VOLTAGE and buses[k] >= 0:
            factor = 1.0 / float(network.buses.base_kv[buses[k]])
            quantity, element = Measured.V, buses[k]
        elif (
            point.kind is ElementKind.BRANCH
            and (point.end, point.quantity) in _FLOWS
            and branches[k] >= 0
            and network.branches.in_service[branches[k]]
        ):
            quantity, element, factor = _FLOWS[point.end, point.quantity], branches[k], 1.0
        else:
            continue
        rows.append(
            _Row(
                quantity,
                element,
                point.sigma * factor,
                Origin.MEASURED,
                point.id,
                ((k, factor),),
            )
        )
    return rows


def _injected(network: Network, points: tuple[Point, ...]) -> list[_Row]:
    """Net injections of the buses all of whose loads and generators have a point."""
    place = {(point.kind, point.element, point.quantity): k for k, point in enumerate(points)}
    rows = []
    for quantity, measured in _INJECTIONS.items():
        parts: dict[int, list[tuple[int, float]]] = {}
        unseen: set[int] = set()
        for kind, table, sign in (
            (ElementKind.LOAD, network.loads, -1.0),
            (ElementKind.GENERATOR, network.generators, 1.0),
        ):
            for name, bus, live in zip(
                table.id.tolist(), table.bus.tolist(), table.in_service.tolist(), strict=True
            ):
                k = place.get((kind, name, quantity))
                if live and k is None:
                    unseen.add(bus)
                elif live and k is not None:
                    parts.setdefault(bus, []).append((k, sign))
        for bus, members in parts.items():
            if bus in unseen:
                continue
            sigma = float(np.sqrt(sum(points[k].sigma ** 2 for k, _ in members)))
            name = " + ".join(points[k].id for k, _ in members)
            rows.append(_Row(measured, bus, sigma, Origin.MEASURED, name, tuple(members)))
    return rows


def _nothing(network: Network) -> list[_Row]:
    """Buses in service at which nothing is injected."""
    names = network.buses.id
    bare = zero_injection_buses(network) & (network.buses.kind != BusKind.OUT)
    return [
        _Row(measured, bus, _SIGMA_ZERO, Origin.ZERO_INJECTION, f"bus:{names[bus]}", ())
        for measured in _INJECTIONS.values()
        for bus in np.flatnonzero(bare).tolist()
    ]
