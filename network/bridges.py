"""Branches whose outage splits the network, and what they cut off."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import depth_first_order

from network.arrays import Ints
from network.islands import islands, reference_buses
from network.model import Network

__all__ = ["Bridges", "find_bridges"]


@dataclass(frozen=True, slots=True, eq=False)
class Bridges:
    """The bridges of a network.

    Attributes
    ----------
    branch : (k,) int
        Rows of the branches.
    cut_off : tuple of (n_i,) int
        For each, the rows of the buses that lose their reference.
    """

    branch: Ints
    cut_off: tuple[Ints, ...]


def find_bridges(network: Network) -> Bridges:
    """Find every branch in service that is the only way to some buses.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Bridges

    Notes
    -----
    A tree edge is a bridge when no other edge leaves the subtree below it. Every edge gives
    both its ends one random word; summed (by exclusive or) over a subtree, the words of
    edges inside cancel, and what remains is one edge's own word where only one leaves.
    """
    n_bus = network.n_bus
    branches = network.branches
    island = islands(network)
    closed = np.flatnonzero(
        branches.in_service
        & (island[branches.from_bus] >= 0)
        & (island[branches.from_bus] == island[branches.to_bus])
        & (branches.from_bus != branches.to_bus)
    )
    f, t = branches.from_bus[closed], branches.to_bus[closed]
    graph = sp.csr_array((np.ones(len(closed)), (f, t)), shape=(n_bus, n_bus))
    # Sums of independent random words vanish by accident with chance 2^-64 a branch.
    word = np.random.default_rng(20240229).integers(0, 2**63, len(closed), dtype=np.uint64)
    at_bus = np.zeros(n_bus, dtype=np.uint64)
    np.bitwise_xor.at(at_bus, f, word)
    np.bitwise_xor.at(at_bus, t, word)

    branch_of = dict(zip(word.tolist(), closed.tolist(), strict=True))
    found: list[int] = []
    cut_off: list[Ints] = []
    for reference in reference_buses(network, island).tolist():
        order, parent = depth_first_order(graph, reference, directed=False)
        below = at_bus.tolist()
        size = np.ones(n_bus, dtype=np.int64).tolist()
        for bus in order[:0:-1].tolist():
            above = int(parent[bus])
            below[above] ^= below[bus]
            size[above] += size[bus]
        for place, bus in enumerate(order.tolist()):
            # What remains of a subtree are the words of the edges that leave it: one word
            # that is an edge's own means one edge.
            branch = branch_of.get(below[bus])
            if place and branch is not None:
                found.append(branch)
                cut_off.append(np.sort(order[place : place + size[bus]]).astype(np.int64))
    ranked = np.argsort(np.array(found, dtype=np.int64))
    return Bridges(
        np.array(found, dtype=np.int64)[ranked], tuple(cut_off[i] for i in ranked.tolist())
    )
