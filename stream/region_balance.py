"""The balance of each region, from an estimate and what is metered at its buses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from network.model import Network
from network.spatial_balance import spatial_balance
from records.points import ElementKind, Point, Quantity
from records.state import RegionBalance

__all__ = ["RegionBalances"]

Floats = npt.NDArray[np.float64]


class RegionBalances:
    """Which points tell what is generated and withdrawn at buses with generators.

    All that generators at a bus give is the net injection of the estimate and what loads there
    withdraw. Where every generator in service is metered it is production. Where one is not, what
    the others' meters do not show is distributed generation.

    Parameters
    ----------
    network
        The network as its breakers stand.
    points
        All points, in the order of the values that will be given.
    """

    def __init__(self, network: Network, points: tuple[Point, ...]) -> None:
        self._network = network
        units, loads, n_bus = network.generators, network.loads, network.n_bus
        place = {
            (point.kind, point.element): row
            for row, point in enumerate(points)
            if point.quantity is Quantity.ACTIVE
        }

        def rows(kind: ElementKind, names: list[str]) -> npt.NDArray[np.int64]:
            return np.array([place.get((kind, name), -1) for name in names], np.int64)

        unit = rows(ElementKind.GENERATOR, units.id.tolist())
        load = rows(ElementKind.LOAD, loads.id.tolist())
        self._generates = np.bincount(units.bus, units.in_service, n_bus) > 0
        unmetered = units.in_service & (unit < 0)
        self._embedded = np.bincount(units.bus, unmetered, n_bus) > 0
        live = loads.in_service & self._generates[loads.bus]
        self._unknown = np.bincount(loads.bus, live & (load < 0), n_bus) > 0
        kept = live & (load >= 0)
        self._load, self._load_bus = load[kept], loads.bus[kept]
        kept = units.in_service & (unit >= 0) & self._embedded[units.bus]
        self._unit, self._unit_bus = unit[kept], units.bus[kept]

    def of(
        self, value: Floats, injection_mw: Floats, p_from_mw: Floats, p_to_mw: Floats
    ) -> dict[str, RegionBalance]:
        """Balance the regions; those of which something is not known are left out.

        Parameters
        ----------
        value
            By point, in MW, NaN where unknown.
        injection_mw
            Estimated net injection of each bus, NaN where it is not observed, shape (n_bus,).
        p_from_mw, p_to_mw
            Estimated flows, NaN where they are not observed, shape (n_branch,).
        """
        n_bus = self._network.n_bus
        withdrawn = np.bincount(self._load_bus, value[self._load], n_bus)
        metered = np.bincount(self._unit_bus, value[self._unit], n_bus)
        generated = np.where(self._generates, injection_mw + withdrawn, 0.0)
        generated[self._unknown] = np.nan
        production = np.where(self._embedded, metered, generated)
        distributed = np.where(self._embedded, generated - metered, 0.0)
        told = spatial_balance(self._network, production, p_from_mw, p_to_mw, distributed)
        columns = (
            told.production_mw, told.net_export_mw, told.distributed_mw, told.consumption_mw,
        )  # fmt: skip
        regions = enumerate(zip(*(column.tolist() for column in columns), strict=True))
        return {str(area): RegionBalance(*row) for area, row in regions if np.isfinite(row).all()}
