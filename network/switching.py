"""The network as its breakers stand: branches in and out, buses joined, parts without a source.

Tables keep their rows. Buses that closed breakers join to one are referred to by one of them;
the others go out of service and are found under its name. A part that no generator feeds after
a switching is out of service with all that is on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from network.arrays import Bools, Ints
from network.islands import islands
from network.model import BusKind, Network
from network.topology import Element

__all__ = ["SwitchedNetwork", "switched"]

_RANK = {BusKind.SLACK: 0, BusKind.PV: 1, BusKind.PQ: 2, BusKind.OUT: 3}


@dataclass(frozen=True, slots=True, eq=False)
class SwitchedNetwork:
    """A network, and where its buses went.

    Attributes
    ----------
    network : Network
        Without breakers: they have done their work.
    bus : (n_bus,) int
        Row of the bus that stands for each bus.
    """

    network: Network
    bus: Ints


def switched(network: Network, changes: Iterable[tuple[Element, bool]] = ()) -> SwitchedNetwork:
    """Apply statuses to a network, those of the case where nothing else is said.

    Parameters
    ----------
    network : Network
    changes : iterable of (Element, bool)
        Elements and whether they are closed; unknown ones are passed over.

    Returns
    -------
    SwitchedNetwork
        The network itself where nothing changes and no breaker is closed.
    """
    status = dict(changes)
    live = _with(network.branches.in_service, network.branches.id.tolist(), "branch", status)
    closed = _with(network.breakers.closed, network.breakers.id.tolist(), "breaker", status)
    stands_for = _joined(network, closed)
    changed = bool((live != network.branches.in_service).any())
    changed |= bool((closed != network.breakers.closed).any())
    if not changed and not closed.any():
        return SwitchedNetwork(network, stands_for)
    told = network.with_branch_status(live)
    told = _moved(told, stands_for)
    return SwitchedNetwork(_without_dead_parts(told), stands_for)


def _with(case: Bools, names: list[str], kind: str, status: dict[Element, bool]) -> Bools:
    if not status:
        return case
    given = [status.get(Element(kind, name)) for name in names]
    pairs = zip(given, case.tolist(), strict=True)
    return np.array([was if said is None else said for said, was in pairs], np.bool_)


def _joined(network: Network, closed: Bools) -> Ints:
    """Row of the bus that stands for each: the slack if one is among them, else the first."""
    rows = np.arange(network.n_bus)
    if not closed.any():
        return rows
    ends = network.breakers.from_bus[closed], network.breakers.to_bus[closed]
    shape = (network.n_bus, network.n_bus)
    graph = sp.csr_array((np.ones(len(ends[0])), ends), shape=shape)
    count, group = connected_components(graph, directed=False)
    rank = np.array([_RANK[BusKind(kind)] for kind in network.buses.kind.tolist()])
    order = np.lexsort((rows, rank, group))
    first = order[np.searchsorted(group[order], np.arange(count))]
    return np.asarray(first[group], np.int64)


def _moved(network: Network, bus: Ints) -> Network:
    """Move everything to the buses that stand for others."""
    buses, branches = network.buses, network.branches
    gone = bus != np.arange(network.n_bus)
    names = buses.id.tolist()
    alias = {
        name: names[bus[network.bus_rows([target])[0]]]
        for name, target in network.bus_alias.items()
    }
    alias |= {names[row]: names[bus[row]] for row in np.flatnonzero(gone).tolist()}
    gs, bs = np.zeros(network.n_bus), np.zeros(network.n_bus)
    np.add.at(gs, bus, buses.gs_mw)
    np.add.at(bs, bus, buses.bs_mvar)
    return replace(
        network,
        buses=replace(
            buses, kind=np.where(gone, int(BusKind.OUT), buses.kind), gs_mw=gs, bs_mvar=bs
        ),
        branches=replace(branches, from_bus=bus[branches.from_bus], to_bus=bus[branches.to_bus]),
        generators=replace(network.generators, bus=bus[network.generators.bus]),
        loads=replace(network.loads, bus=bus[network.loads.bus]),
        breakers=network.breakers.none(),
        bus_alias=MappingProxyType(alias),
    )


def _without_dead_parts(network: Network) -> Network:
    """Take islands without a slack bus or a generator in service out of service."""
    buses, branches, units = network.buses, network.branches, network.generators
    island = islands(network)
    fed = np.zeros(int(island.max(initial=-1)) + 2, np.bool_)
    fed[island[buses.kind == BusKind.SLACK]] = True
    fed[island[units.bus[units.in_service]]] = True
    dead = ~fed[island] | (island < 0)
    ends = ~dead[branches.from_bus] & ~dead[branches.to_bus]
    loads = network.loads
    return replace(
        network,
        buses=replace(buses, kind=np.where(dead, int(BusKind.OUT), buses.kind)),
        branches=replace(branches, in_service=branches.in_service & ends),
        generators=replace(units, in_service=units.in_service & ~dead[units.bus]),
        loads=replace(loads, in_service=loads.in_service & ~dead[loads.bus]),
    )
