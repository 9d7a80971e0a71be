"""The outages of a network that a study goes through, and their linear flows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from network.arrays import Floats, Ints
from network.bridges import find_bridges
from network.contingency import injection_changes
from network.model import BusKind, Network
from network.outage_factors import OutageFactors
from network.outages import (
    Islanding,
    Outage,
    OutageKind,
    branch_outage,
    cut_off_buses,
    lost_branches,
    takes_slack,
    unit_outage,
)

__all__ = ["OutagesOfNetwork", "linear_flows", "outages_of"]


@dataclass(frozen=True, slots=True)
class OutagesOfNetwork:
    """Outages by what can be computed after them.

    Attributes
    ----------
    outages : tuple of Outage
        Those that cut nothing off but the buses that they take.
    islanding : tuple of Islanding
        Those that split the network.
    at_slack : tuple of str
        Those that take a slack bus or a unit at one.
    """

    outages: tuple[Outage, ...]
    islanding: tuple[Islanding, ...]
    at_slack: tuple[str, ...]


def outages_of(
    network: Network, unit_mw: Floats, listed: Sequence[Outage] = ()
) -> OutagesOfNetwork:
    """Go through every branch, every unit and a list.

    Parameters
    ----------
    network : Network
    unit_mw : (n_generator,) float
        What every unit gives; one that gives nothing counts where a voltage is held.
    listed : sequence of Outage
        Further outages.
    """
    bridges = find_bridges(network)
    islanding = [
        _islanding(network, branch_outage(network, row), buses)
        for row, buses in zip(bridges.branch.tolist(), bridges.cut_off, strict=True)
    ]
    rows = np.flatnonzero(network.branches.in_service)
    rows = rows[~np.isin(rows, bridges.branch)]
    outages = [branch_outage(network, row) for row in rows.tolist()]
    at_slack = []
    units, kind = network.generators, network.buses.kind
    holds = np.isin(kind[units.bus], [BusKind.PV, BusKind.SLACK])
    matters = units.in_service & ((np.abs(unit_mw) > 0) | holds)
    single = [unit_outage(network, row) for row in np.flatnonzero(matters).tolist()]
    for outage in [*single, *listed]:
        if takes_slack(network, outage):
            at_slack.append(outage.name)
        elif outage.kind is OutageKind.LISTED and len(cut := cut_off_buses(network, outage)):
            islanding.append(_islanding(network, outage, cut))
        else:
            outages.append(outage)
    return OutagesOfNetwork(tuple(outages), tuple(islanding), tuple(at_slack))


def _islanding(network: Network, outage: Outage, buses: Ints) -> Islanding:
    return Islanding(outage.name, tuple(network.buses.id[buses].tolist()), outage.kind)


def linear_flows(
    factors: OutageFactors, outages: Sequence[Outage], unit_mw: Floats
) -> tuple[Floats, tuple[Ints, Ints]]:
    """Flows after some outages of one kind, linear about a state.

    Parameters
    ----------
    factors : OutageFactors
    outages : sequence of k Outage
        That split nothing; at least one.
    unit_mw : (n_generator,) float
        What every unit gives; the slack bus takes up what is lost.

    Returns
    -------
    p_from_mw : (n_branch, k) float
    lost : pair of int arrays
        Rows and columns of what is lost, where the flow is 0.
    """
    network = factors.network
    kind, here = outages[0].kind, np.arange(len(outages))
    if kind is OutageKind.BRANCH:
        rows = np.array([outage.branches[0] for outage in outages])
        return factors.after_branches(rows), (rows, here)
    if kind is OutageKind.UNIT:
        rows = np.array([outage.units[0] for outage in outages])
        change = injection_changes(network, rows, unit_mw)
        return factors.after_injections(change, losses=True), (here[:0], here[:0])
    flows = np.stack([factors.after_outage(outage, unit_mw) for outage in outages], axis=1)
    lost = [lost_branches(network, outage) for outage in outages]
    return flows, (np.concatenate(lost), np.repeat(here, [len(rows) for rows in lost]))
