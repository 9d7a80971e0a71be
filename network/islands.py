"""Electrical islands: the connected parts of the network in service."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from network.arrays import Bools, Ints
from network.model import BusKind, Network

__all__ = ["fed_buses", "islands", "reference_buses"]


def islands(network: Network, *, without: Bools | None = None) -> Ints:
    """Number the islands of the network.

    Parameters
    ----------
    network : Network
    without : (n_branch,) bool, optional
        Branches taken as open besides those out of service.

    Returns
    -------
    (n_bus,) int
        Island of each bus, numbered from 0 in the order of their first bus; -1 at
        buses that are out of service.
    """
    branches = network.branches
    out = network.buses.kind == BusKind.OUT
    closed = branches.in_service & ~out[branches.from_bus] & ~out[branches.to_bus]
    if without is not None:
        closed &= ~without
    ends = (branches.from_bus[closed], branches.to_bus[closed])
    shape = (network.n_bus, network.n_bus)
    graph = sp.csr_array((np.ones(len(ends[0])), ends), shape=shape)
    _, label = connected_components(graph, directed=False)
    label = np.where(out, -1, label)
    _, first, inverse = np.unique(label[~out], return_index=True, return_inverse=True)
    label[~out] = np.argsort(np.argsort(first))[inverse]
    return label.astype(np.int64)


def fed_buses(network: Network) -> Bools:
    """Tell which buses are in an island with a slack bus, ``(n_bus,)``."""
    island = islands(network)
    slack = network.buses.kind == BusKind.SLACK
    fed: Bools = (island >= 0) & np.isin(island, island[slack])
    return fed


def reference_buses(network: Network, island: Ints) -> Ints:
    """Row of the bus that holds the angle of each island.

    It is the slack bus where the island has one, else the bus whose id comes first
    (by number when ids are numbers).

    Parameters
    ----------
    network : Network
    island : (n_bus,) int
        As :func:`islands` numbers them.

    Returns
    -------
    (n_island,) int
    """
    names = network.buses.id
    order = np.argsort(names.astype(np.int64) if np.char.isdigit(names).all() else names)
    rank = np.empty(network.n_bus, dtype=np.int64)
    rank[order] = np.arange(network.n_bus)
    rank[network.buses.kind == BusKind.SLACK] -= network.n_bus
    count = int(island.max(initial=-1)) + 1
    rows = np.lexsort((rank, island))
    rows = rows[island[rows] >= 0]
    _, first = np.unique(island[rows], return_index=True)
    reference: Ints = rows[first].astype(np.int64)
    assert len(reference) == count
    return reference
