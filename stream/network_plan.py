"""From a point register to what the forecaster is asked to do: loads, losses, regions, total."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from records.points import ElementKind, PointRegister, Quantity
from records.time import DAY, HOUR, MINUTE
from stream.forecast_plan import ForecastPlan

__all__ = ["balance_id", "losses_id", "network_hierarchy", "network_plan", "region_id"]

TOTAL = "total"


def region_id(area: int) -> str:
    """Node of an area's consumption, losses included."""
    return f"region:{area}"


def losses_id(area: int) -> str:
    """Node of what an area's network itself takes."""
    return f"losses:{area}"


def balance_id(area: int) -> str:
    """Series of what an area takes by its balance: production less net exports."""
    return f"balance:{area}"


def network_hierarchy(register: PointRegister) -> Hierarchy:
    """Total > regions > loads and losses; a load's node has its point's id.

    Losses are nodes of their own, so that the sums are exact and mean something.
    """
    nodes: list[tuple[str, str, str | None]] = [(TOTAL, "total", None)]
    nodes += [(region_id(area), "region", TOTAL) for area in register.areas]
    loads = dict.fromkeys(
        (point.id, point.area)
        for point in register.points
        if point.kind is ElementKind.LOAD and point.quantity is Quantity.ACTIVE
    )
    nodes += [(point, "bus", region_id(area)) for point, area in loads]
    nodes += [(losses_id(area), "losses", region_id(area)) for area in register.areas]
    ids, levels, parents = zip(*nodes, strict=True)
    return Hierarchy(ids, levels, parents)


def network_plan(
    register: PointRegister,
    calendar: Calendar,
    stations: Sequence[str],
    *,
    horizon: int = 2 * DAY,
    cadence: int = HOUR,
    refit_every: int | None = None,
    mid_term: str = "batched",
    residual: str = "batched",
) -> ForecastPlan:
    """Return the plan of a network: SCADA windows of 5 minutes, estimated losses and balances.

    Parameters
    ----------
    stations
        Weather stations; all count alike for every node.
    mid_term, residual
        Who fits, as in `ForecastPlan`.
    """
    hierarchy = network_hierarchy(register)
    weights = np.full((len(hierarchy), len(stations)), 1.0 / max(len(stations), 1))
    return ForecastPlan(
        product="short",
        hierarchy=hierarchy,
        calendar=calendar,
        n_steps=horizon // calendar.step_ns,
        cadence=cadence,
        fine_step=5 * MINUTE,
        source="window.5min.v1",
        stations=tuple(stations),
        weights=weights if stations else None,
        losses={str(area): losses_id(area) for area in register.areas},
        balances={region_id(area): balance_id(area) for area in register.areas},
        balanced={str(area): balance_id(area) for area in register.areas},
        refit_every=refit_every,
        mid_term=mid_term,
        residual=residual,
    )
