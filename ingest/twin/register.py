"""The point register of a network: what its telemetry measures, and how well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from network.model import Network
from records.points import ElementKind, Point, PointRegister, Quantity

__all__ = ["SIGMA_FLOW", "SIGMA_INJECTION", "SIGMA_VOLTAGE_PU", "Telemetry", "telemetry_of"]

SIGMA_VOLTAGE_PU = 0.004
SIGMA_FLOW = 0.8
SIGMA_INJECTION = 1.0
"""Standard deviations: per unit of the base voltage; MW and MVAr."""

_NUMBERS_AN_AREA = 10_000
_BEYOND_NOISE = 8.0
_UNKNOWN_UNIT = 0.25
"""Size that a unit without one in the case may reach, as a share of all loads of the case."""


@dataclass(frozen=True, slots=True, eq=False)
class Telemetry:
    """Every point of the network, by area and number.

    Columns of shape (n_points,) in the order of `points`, areas one after the other.

    Parameters
    ----------
    register
        The same points as a register.
    points
        All points.
    column
        Where each value stands in the stacked state: bus kV, P and Q at from ends, P and Q at
        to ends, P and Q of loads, P and Q of generators, and status of branches at from ends and at
        to ends where there are status points.
    station
        Bus row whose remote terminal sends the point.
    sigma
        Standard deviation of the noise.
    first
        First point of each area, and the number of points at the end; shape (n_areas + 1,).
    """

    register: PointRegister
    points: tuple[Point, ...]
    column: npt.NDArray[np.int64]
    station: npt.NDArray[np.int64]
    sigma: npt.NDArray[np.float64]
    first: npt.NDArray[np.int64]

    @property
    def number(self) -> npt.NDArray[np.uint32]:
        """Point numbers as frames carry them."""
        return np.array([point.number for point in self.points], np.uint32)


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: ElementKind
    element: str
    name: str
    quantity: Quantity
    end: str
    bus: int
    sigma: float
    low: float
    high: float
    max_rate: float


def telemetry_of(
    network: Network, bus_area: npt.NDArray[np.int64], *, breaker_status: bool = False
) -> Telemetry:
    """Measure every bus voltage, every branch end, every load and every generator.

    Point ids are such as ``"bus:5 v_kv"``, ``"branch:7 from p_mw"`` (7 is the row over all
    branches), ``"load:12 p_mw"``, ``"gen:3 q_mvar"``; `Point.element` is the element's id in
    the network's own table. Frames carry values in MW, MVAr and kV (scale 1). With
    `breaker_status` both ends of every branch tell whether they are closed, too, such as
    ``"branch:7 from closed"``.
    """
    entries = [*_buses(network), *_branches(network), *_injections(network)]
    if breaker_status:
        entries += _statuses(network)
    area = bus_area[[entry.bus for entry in entries]]
    order = np.argsort(area, kind="stable")
    first = np.searchsorted(area[order], np.arange(int(bus_area.max()) + 2))
    points = []
    for place, row in enumerate(order.tolist()):
        entry, in_area = entries[row], int(area[row])
        points.append(
            Point(
                id=entry.name,
                number=in_area * _NUMBERS_AN_AREA + place - int(first[in_area]) + 1,
                area=in_area,
                kind=entry.kind,
                element=entry.element,
                quantity=entry.quantity,
                end=entry.end,
                sigma=entry.sigma,
                low=entry.low,
                high=entry.high,
                max_rate=entry.max_rate,
            )
        )
    return Telemetry(
        PointRegister(points),
        tuple(points),
        order.astype(np.int64),
        np.array([entries[row].bus for row in order.tolist()], np.int64),
        np.array([point.sigma for point in points]),
        first.astype(np.int64),
    )


def _buses(network: Network) -> list[_Entry]:
    return [
        _Entry(
            ElementKind.BUS, name, f"bus:{name} v_kv", Quantity.VOLTAGE, "", row,
            SIGMA_VOLTAGE_PU * kv, 0.8 * kv, 1.2 * kv, 0.01 * kv,
        )
        for row, (name, kv) in enumerate(
            zip(network.buses.id.tolist(), network.buses.base_kv.tolist(), strict=True)
        )
    ]  # fmt: skip


def _branches(network: Network) -> list[_Entry]:
    branches = network.branches
    entries = []
    for end, buses in (("from", branches.from_bus), ("to", branches.to_bus)):
        for quantity in (Quantity.ACTIVE, Quantity.REACTIVE):
            for row, (name, bus, rate) in enumerate(
                zip(branches.id.tolist(), buses.tolist(), branches.rate_mva.tolist(), strict=True)
            ):
                limit = 2.0 * rate if np.isfinite(rate) else 9_999.0
                entries.append(
                    _Entry(
                        ElementKind.BRANCH, name, f"branch:{row} {end} {quantity.value}", quantity,
                        end, bus, SIGMA_FLOW, -limit, limit, 0.05 + 0.002 * limit,
                    )
                )  # fmt: skip
    return entries


def _statuses(network: Network) -> list[_Entry]:
    branches = network.branches
    return [
        _Entry(
            ElementKind.BRANCH, name, f"branch:{row} {end} closed", Quantity.STATUS, end, bus,
            0.0, 0.0, 1.0, np.inf,
        )
        for end, buses in (("from", branches.from_bus), ("to", branches.to_bus))
        for row, (name, bus) in enumerate(zip(branches.id.tolist(), buses.tolist(), strict=True))
    ]  # fmt: skip


def _injections(network: Network) -> list[_Entry]:
    loads, units = network.loads, network.generators
    entries = []
    unknown = _UNKNOWN_UNIT * loads.p_mw.sum()
    largest = np.where(np.isfinite(units.p_max_mw), units.p_max_mw, unknown)
    for kind, table, range_mva in (
        (ElementKind.LOAD, loads, 3.0 * np.hypot(loads.p_mw, loads.q_mvar)),
        (ElementKind.GENERATOR, units, 200.0 + 1.3 * np.maximum(largest, np.abs(units.q_mvar))),
    ):
        for quantity in (Quantity.ACTIVE, Quantity.REACTIVE):
            for name, bus, mva in zip(
                table.id.tolist(), table.bus.tolist(), range_mva.tolist(), strict=True
            ):
                high = mva + _BEYOND_NOISE * SIGMA_INJECTION
                withdraws = kind is ElementKind.LOAD and quantity is Quantity.ACTIVE
                low = -_BEYOND_NOISE * SIGMA_INJECTION if withdraws else -high
                entries.append(
                    _Entry(
                        kind, name, f"{name} {quantity.value}", quantity, "", bus,
                        SIGMA_INJECTION, low, high, 0.05 + 0.002 * high,
                    )
                )  # fmt: skip
    return entries
