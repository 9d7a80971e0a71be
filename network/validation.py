"""What is wrong with a network, as values: nothing here raises."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Ints, Strings
from network.islands import islands
from network.model import BusKind, Network
from network.switching import switched

__all__ = ["NetworkFinding", "validate"]


@dataclass(frozen=True, slots=True)
class NetworkFinding:
    """One thing that is wrong or doubtful in the data of a network.

    Attributes
    ----------
    component : str
        The table: ``bus``, ``branch``, ``generator``, ``load``, ``breaker`` or ``network``.
    field : str
        The column.
    ids : tuple of str
        The elements concerned.
    message : str
        What is wrong, and what follows from it.
    fatal : bool
        Whether no power flow or estimate can be made before it is mended.
    """

    component: str
    field: str
    ids: tuple[str, ...]
    message: str
    fatal: bool = True


def validate(network: Network) -> tuple[NetworkFinding, ...]:
    """Check a network.

    Parameters
    ----------
    network : Network

    Returns
    -------
    tuple of NetworkFinding
        Empty when nothing was found.
    """
    return (
        *_identity(network),
        *_references(network),
        *_buses(network),
        *_branches(network),
        *_generators(network),
        *_islands(network),
    )


def _found(
    component: str, field: str, ids: Strings, bad: Bools, message: str, *, fatal: bool = True
) -> Iterator[NetworkFinding]:
    if np.any(bad):
        yield NetworkFinding(component, field, tuple(ids[bad].tolist()), message, fatal)


def _identity(network: Network) -> Iterator[NetworkFinding]:
    tables = {
        "bus": network.buses.id,
        "branch": network.branches.id,
        "generator": network.generators.id,
        "load": network.loads.id,
        "breaker": network.breakers.id,
    }
    for component, ids in tables.items():
        names, count = np.unique(ids, return_counts=True)
        yield from _found(component, "id", names, count > 1, "the id is used more than once")


def _references(network: Network) -> Iterator[NetworkFinding]:
    def outside(rows: Ints) -> Bools:
        bad: Bools = (rows < 0) | (rows >= network.n_bus)
        return bad

    branches, units, loads = network.branches, network.generators, network.loads
    message = "the bus does not exist"
    yield from _found("branch", "from_bus", branches.id, outside(branches.from_bus), message)
    yield from _found("branch", "to_bus", branches.id, outside(branches.to_bus), message)
    yield from _found("generator", "bus", units.id, outside(units.bus), message)
    yield from _found("load", "bus", loads.id, outside(loads.bus), message)
    breakers = network.breakers
    for column in ("from_bus", "to_bus"):
        rows = getattr(breakers, column)
        yield from _found("breaker", column, breakers.id, outside(rows), message)
    same = breakers.from_bus == breakers.to_bus
    message = "both sides are the same bus"
    yield from _found("breaker", "to_bus", breakers.id, same, message, fatal=False)


def _buses(network: Network) -> Iterator[NetworkFinding]:
    buses = network.buses
    yield from _found(
        "bus", "base_kv", buses.id, ~(buses.base_kv > 0), "the base voltage is not positive"
    )
    low, high = buses.v_set_pu < 0.5, buses.v_set_pu > 1.5
    message = "the voltage of the case is outside 0.5 to 1.5 pu"
    yield from _found("bus", "v_set_pu", buses.id, low | high, message, fatal=False)
    shunt = np.isfinite(buses.gs_mw) & np.isfinite(buses.bs_mvar)
    yield from _found("bus", "bs_mvar", buses.id, ~shunt, "the shunt is not a number")


def _branches(network: Network) -> Iterator[NetworkFinding]:
    branches = network.branches
    ids, on = branches.id, branches.in_service
    impedance = np.hypot(branches.r_pu, branches.x_pu)
    message = "the impedance is zero or not a number; fuse the two buses, or give it"
    yield from _found("branch", "x_pu", ids, on & ~(impedance > 1e-9), message)
    message = "the resistance is negative (an equivalent of a star, or a slip)"
    yield from _found("branch", "r_pu", ids, on & (branches.r_pu < 0), message, fatal=False)
    message = "the reactance is negative (a series capacitor, or a slip)"
    yield from _found("branch", "x_pu", ids, on & (branches.x_pu < 0), message, fatal=False)
    yield from _found("branch", "tap", ids, on & ~(branches.tap > 0), "the ratio is not positive")
    message = "the branch has no rating; its loading cannot be told"
    unrated = on & ~(branches.rate_mva > 0)
    yield from _found("branch", "rate_mva", ids, unrated, message, fatal=False)
    loop = branches.from_bus == branches.to_bus
    yield from _found("branch", "to_bus", ids, loop, "both ends are at the same bus", fatal=False)


def _generators(network: Network) -> Iterator[NetworkFinding]:
    units = network.generators
    held = units.in_service & np.isfinite(units.v_set_pu)
    lowest = np.full(network.n_bus, np.inf)
    highest = np.full(network.n_bus, -np.inf)
    np.minimum.at(lowest, units.bus[held], units.v_set_pu[held])
    np.maximum.at(highest, units.bus[held], units.v_set_pu[held])
    message = "units at one bus hold different voltages; the first in service counts"
    apart = np.isfinite(lowest) & (highest - lowest > 1e-9)
    yield from _found("bus", "v_set_pu", network.buses.id, apart, message, fatal=False)
    crossed = units.p_min_mw > units.p_max_mw
    message = "the least active power is above the greatest"
    yield from _found("generator", "p_min_mw", units.id, crossed, message, fatal=False)


def _islands(network: Network) -> Iterator[NetworkFinding]:
    branches = network.branches
    breakers = network.breakers
    ends = (branches.from_bus, branches.to_bus, breakers.from_bus, breakers.to_bus)
    if any(np.any((end < 0) | (end >= network.n_bus)) for end in ends):
        return
    network = switched(network).network
    island = islands(network)
    slack = network.buses.kind == BusKind.SLACK
    if not np.any(slack):
        yield NetworkFinding("network", "kind", (), "no bus is the slack")
    dead = (island >= 0) & ~np.isin(island, island[slack])
    message = "the bus is in an island without a slack bus; a power flow leaves it out"
    yield from _found("bus", "kind", network.buses.id, dead, message, fatal=False)
