r"""The state that a forecast leads to: nodal consumption, schedules, exchange, planned outages.

A forecast knows active power. Reactive power follows by the power factor of each bus,
:math:`Q = P \tan(\arccos \varphi)`; voltages are held where the case holds them. What the units
are scheduled to give, less consumption, losses and the net position, does not add up exactly:
the gap is spread over the running units, within their range.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from network.arrays import Bools, Complexes, Floats, Ints
from network.dc_start import dc_start
from network.errors import NotConverged
from network.model import BusKind, Loads, Network
from network.power_flow import PowerFlow, PowerFlowSolution

__all__ = ["ForecastState", "NodalForecast", "forecast_state"]

_ROUNDS = 6
_CLOSED_MW = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class NodalForecast:
    """What is forecast for one time.

    Attributes
    ----------
    consumption_mw : (n_bus,) float
        Reconciled net consumption; NaN where the case's loads stay.
    power_factor : (n_bus,) float
        Positive and at most 1, lagging; NaN for that of the case's loads at the bus, and where
        there is none for that of all its loads.
    unit_mw : (n_generator,) float
        Scheduled output; NaN where the case's stays.
    net_position_mw : float
        Net export, which leaves by the slack bus; NaN when the slack bus takes up what is
        missing.
    branches_out, units_out : int arrays
        Rows that planned outages take out of service.
    """

    consumption_mw: Floats
    power_factor: Floats
    unit_mw: Floats
    net_position_mw: float = np.nan
    branches_out: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    units_out: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class ForecastState:
    """The network and its state at the time of a forecast.

    Attributes
    ----------
    network : Network
        The case with the forecast's consumption, schedules and planned outages.
    v : (n_bus,) complex
        Per unit; 0 at buses that no slack bus feeds.
    moved_mw : float
        What the units give beyond their schedules, so that the net position is kept.
    left_mw : float
        What the slack bus gives beyond its schedule and the net position: the units have no
        more range. 0 without a net position.
    unfed : tuple of str
        Buses with consumption that the planned outages cut off.
    """

    network: Network
    v: Complexes
    moved_mw: float
    left_mw: float
    unfed: tuple[str, ...]


def forecast_state(network: Network, forecast: NodalForecast) -> ForecastState:
    """Solve for the state that a forecast leads to.

    Parameters
    ----------
    network : Network
    forecast : NodalForecast

    Returns
    -------
    ForecastState

    Raises
    ------
    NotConverged
        No state holds what is forecast: consumption cannot be met with these voltages.
    """
    ready = _with_outages(network, forecast)
    ready = replace(ready, loads=_loads(network, forecast))
    units = ready.generators
    given = np.where(np.isnan(forecast.unit_mw), units.p_mw, forecast.unit_mw)
    ready = replace(ready, generators=replace(units, p_mw=given))
    at_slack = ready.buses.kind[units.bus] == BusKind.SLACK
    adjustable = ready.generators.in_service & ~at_slack & (np.abs(given) > 0)
    wanted = given[at_slack & ready.generators.in_service].sum() - forecast.net_position_mw
    solution = _solved(ready, None)
    left = moved = 0.0
    for _ in range(_ROUNDS if np.isfinite(wanted) else 0):
        slack = ready.buses.kind == BusKind.SLACK
        injected = solution.s_bus_mva.real + _drawn(ready.loads, ready.n_bus)
        left = float(injected[slack].sum() - wanted)
        output = ready.generators.p_mw
        after = _spread(ready, output, adjustable, left)
        if abs(left) < _CLOSED_MW or np.array_equal(after, output):
            break
        moved += float((after - output).sum())
        ready = replace(ready, generators=replace(ready.generators, p_mw=after))
        solution = _solved(ready, solution.v)
    dead = (solution.v == 0) & (_drawn(ready.loads, ready.n_bus) != 0)
    unfed = tuple(ready.buses.id[dead & (network.buses.kind != BusKind.OUT)].tolist())
    return ForecastState(ready, solution.v, moved, left, unfed)


def _solved(network: Network, v: Complexes | None) -> PowerFlowSolution:
    flow = PowerFlow(network)
    if v is not None:
        return flow.solution(v0=v)
    try:
        return flow.solution(v0=dc_start(network))
    except NotConverged:
        return flow.solution()


def _with_outages(network: Network, forecast: NodalForecast) -> Network:
    """Take planned outages out of service; a bus without its last unit holds no voltage."""
    status = network.branches.in_service.copy()
    status[forecast.branches_out] = False
    units, n_bus = network.generators, network.n_bus
    running = units.in_service.copy()
    running[forecast.units_out] = False
    before = np.bincount(units.bus[units.in_service], minlength=n_bus)
    after = np.bincount(units.bus[running], minlength=n_bus)
    alone: Bools = (before > 0) & (after == 0) & (network.buses.kind == BusKind.PV)
    kind = np.where(alone, int(BusKind.PQ), network.buses.kind)
    changed = replace(
        network,
        buses=replace(network.buses, kind=kind),
        generators=replace(units, in_service=running),
    )
    return changed.with_branch_status(status)


def _loads(network: Network, forecast: NodalForecast) -> Loads:
    """One load a bus: what is forecast, or what the case has."""
    loads, n_bus = network.loads, network.n_bus
    on = loads.in_service
    p_case = np.bincount(loads.bus[on], loads.p_mw[on], n_bus)
    q_case = np.bincount(loads.bus[on], loads.q_mvar[on], n_bus)
    whole = q_case.sum() / p_case.sum() if p_case.sum() > 0 else 0.0
    by_case = np.where(p_case != 0, q_case / np.where(p_case != 0, p_case, 1.0), whole)
    factor = forecast.power_factor
    per_mw = np.where(np.isnan(factor), by_case, np.tan(np.arccos(np.nan_to_num(factor, nan=1.0))))
    known = ~np.isnan(forecast.consumption_mw)
    p = np.where(known, forecast.consumption_mw, p_case)
    q = np.where(known, p * per_mw, q_case)
    return Loads(
        id=network.buses.id.copy(),
        bus=np.arange(n_bus, dtype=np.int64),
        p_mw=p,
        q_mvar=q,
        in_service=np.ones(n_bus, dtype=np.bool_),
    )


def _drawn(loads: Loads, n_bus: int) -> Floats:
    drawn = np.where(loads.in_service, loads.p_mw, 0.0)
    return np.bincount(loads.bus, drawn, n_bus).astype(np.float64)


def _spread(network: Network, output: Floats, adjustable: Bools, missing: float) -> Floats:
    """Move units by their share of the output, within their range."""
    units = network.generators
    low = np.where(np.isnan(units.p_min_mw), -np.inf, units.p_min_mw)
    high = np.where(np.isnan(units.p_max_mw), np.inf, units.p_max_mw)
    # A schedule beyond the range of the case is kept, but not moved further out.
    low, high = np.minimum(low, output), np.maximum(high, output)
    after = output.copy()
    free = adjustable.copy()
    for _ in range(len(output)):
        size = np.where(free, np.abs(output), 0.0)
        if abs(missing) < 1e-9 or not size.sum() > 0:
            break
        target = after + missing * size / size.sum()
        bounded = np.clip(target, low, high)
        missing -= float((bounded - after)[free].sum())
        after = np.where(free, bounded, after)
        hit = free & (bounded != target)
        if not hit.any():
            break
        free &= ~hit
    return after
