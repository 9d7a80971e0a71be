"""What can be lost: one branch, one unit, or what an entry of a list names together."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from network.arrays import Ints
from network.islands import islands, reference_buses
from network.model import BusKind, Network

__all__ = [
    "Islanding",
    "Outage",
    "OutageKind",
    "branch_outage",
    "cut_off_buses",
    "lost_branches",
    "takes_slack",
    "unit_outage",
]


class OutageKind(StrEnum):
    """What is lost."""

    BRANCH = "branch"
    UNIT = "gen"
    LISTED = "listed"
    """Several elements, or a busbar, as an entry of a list has them."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Elements that are lost at once, by row.

    Attributes
    ----------
    name : str
        Such as ``branch:12``.
    kind : OutageKind
    branches, units, buses : tuple of int
        A bus is lost with every branch, unit, load and shunt at it.
    """

    name: str
    kind: OutageKind
    branches: tuple[int, ...] = ()
    units: tuple[int, ...] = ()
    buses: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Islanding:
    """An outage that cuts buses off.

    Attributes
    ----------
    contingency : str
        Such as ``branch:12``.
    buses : tuple of str
        Names of the buses that lose their reference.
    kind : OutageKind
    """

    contingency: str
    buses: tuple[str, ...]
    kind: OutageKind = OutageKind.BRANCH


def branch_outage(network: Network, row: int) -> Outage:
    """Name the outage of a branch."""
    return Outage(f"branch:{network.branches.id[row]}", OutageKind.BRANCH, branches=(row,))


def unit_outage(network: Network, row: int) -> Outage:
    """Name the outage of a unit ``gen:ID``; pandapower's ``gen:3`` stays ``gen:3``."""
    name = str(network.generators.id[row])
    name = name if name.startswith("gen:") else f"gen:{name}"
    return Outage(name, OutageKind.UNIT, units=(row,))


def lost_branches(network: Network, outage: Outage) -> Ints:
    """Rows of the branches in service that an outage takes, those at lost buses included."""
    branches = network.branches
    lost = np.zeros(network.n_branch, dtype=np.bool_)
    lost[list(outage.branches)] = True
    gone = np.zeros(network.n_bus, dtype=np.bool_)
    gone[list(outage.buses)] = True
    lost |= gone[branches.from_bus] | gone[branches.to_bus]
    return np.flatnonzero(lost & branches.in_service)


def cut_off_buses(network: Network, outage: Outage) -> Ints:
    """Rows of the buses that lose their reference, other than those that are lost.

    Examples
    --------
    In a chain of three buses the loss of the middle one cuts off the last:

    >>> from network.readers.matpower import network_from_matpower_text
    >>> network = network_from_matpower_text('''
    ... mpc.baseMVA = 100;
    ... mpc.bus = [1 3 0 0 0 0 1 1 0 110 1 1.1 0.9; 2 1 50 0 0 0 1 1 0 110 1 1.1 0.9;
    ...            3 1 50 0 0 0 1 1 0 110 1 1.1 0.9];
    ... mpc.gen = [1 0 0 0 0 1 100 1 100 0];
    ... mpc.branch = [1 2 0 0.1 0 0 0 0 0 0 1; 2 3 0 0.1 0 0 0 0 0 0 1];''')
    >>> cut_off_buses(network, Outage("middle", OutageKind.LISTED, buses=(1,))).tolist()
    [2]
    """
    before = islands(network)
    without = np.zeros(network.n_branch, dtype=np.bool_)
    without[lost_branches(network, outage)] = True
    after = islands(network, without=without)
    kept = np.isin(after, after[reference_buses(network, before)])
    kept[list(outage.buses)] = True
    return np.flatnonzero((before >= 0) & ~kept)


def takes_slack(network: Network, outage: Outage) -> bool:
    """Whether an outage takes a slack bus or a unit at one, which all others rest on."""
    buses = [*outage.buses, *network.generators.bus[list(outage.units)].tolist()]
    return bool((network.buses.kind[buses] == BusKind.SLACK).any())
