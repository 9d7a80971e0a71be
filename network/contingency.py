"""N-1 screening: what would be overloaded if one element were lost.

Active flows after each outage come from outage factors about the estimated state; the
reactive flow of the state is kept, so a loading is that of an apparent power. Outages that
split the network are listed with the buses they cut off, never skipped.
"""

from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Complexes, Floats, Ints
from network.bridges import find_bridges
from network.model import BusKind, Network
from network.outage_factors import OutageFactors

__all__ = [
    "Islanding",
    "OutageScreen",
    "branch_outages",
    "generator_outages",
    "injection_changes",
]

_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Islanding:
    """An outage that cuts buses off.

    Attributes
    ----------
    contingency : str
        Such as ``branch:12``.
    buses : tuple of str
        Names of the buses that lose their reference.
    """

    contingency: str
    buses: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OutageScreen:
    """Overloads after single outages, the worst first.

    Attributes
    ----------
    contingency : (k,) int
        Row of the lost branch or generator.
    element : (k,) int
        Row of the branch that would be overloaded.
    p_from_mw : (k,) float
        Its active flow after the outage.
    loading_percent : (k,) float
        Of its rating, by apparent power.
    limit_mva : (k,) float
    screened : (n,) int
        Rows of the outages that were computed.
    islanding : tuple of Islanding
        Outages that split the network: no flows are given for them.
    unrated : tuple of str
        Branches in service without a rating; they cannot be overloaded here.
    """

    contingency: Ints
    element: Ints
    p_from_mw: Floats
    loading_percent: Floats
    limit_mva: Floats
    screened: Ints
    islanding: tuple[Islanding, ...]
    unrated: tuple[str, ...]


def branch_outages(
    network: Network,
    v: Complexes,
    *,
    outages: Ints | None = None,
    at_least_percent: float = 100.0,
) -> OutageScreen:
    """Screen the outage of every branch.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        The state, per unit.
    outages : (k,) int, optional
        Branches to lose; all in service when absent.
    at_least_percent : float
        Loading from which a branch is reported.

    Returns
    -------
    OutageScreen
    """
    factors = OutageFactors(network, v)
    closed = np.flatnonzero(network.branches.in_service)
    wanted = closed if outages is None else np.asarray(outages, np.int64)
    bridges = find_bridges(network)
    islanding = tuple(
        Islanding(f"branch:{network.branches.id[row]}", tuple(network.buses.id[buses].tolist()))
        for row, buses in zip(bridges.branch.tolist(), bridges.cut_off, strict=True)
        if row in set(wanted.tolist())
    )
    rows = wanted[~np.isin(wanted, bridges.branch)]
    found = [
        _overloads(factors, block, factors.after_branches(block), at_least_percent)
        for block in _blocks(rows)
    ]
    return _ranked(network, found, rows, islanding)


def generator_outages(
    network: Network,
    v: Complexes,
    p_mw: Floats | None = None,
    *,
    share: Floats | None = None,
    at_least_percent: float = 100.0,
) -> OutageScreen:
    """Screen the outage of every generator that runs.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        The state, per unit.
    p_mw : (n_generator,) float, optional
        What each one injects; the case's values when absent.
    share : (n_bus,) float, optional
        Where the missing power comes from, in shares that sum to one; from the slack bus
        when absent.
    at_least_percent : float

    Returns
    -------
    OutageScreen
    """
    units = network.generators
    injected = units.p_mw if p_mw is None else p_mw
    rows = np.flatnonzero(units.in_service & (np.abs(injected) > 0))
    factors = OutageFactors(network, v)
    found = []
    for block in _blocks(rows):
        change = injection_changes(network, block, injected, share)
        found.append(_overloads(factors, block, factors.after_injections(change), at_least_percent))
    return _ranked(network, found, rows, ())


def injection_changes(
    network: Network, rows: Ints, p_mw: Floats, share: Floats | None = None
) -> Floats:
    """How the outage of each of some generators changes the injections.

    Parameters
    ----------
    network : Network
    rows : (k,) int
    p_mw : (n_generator,) float
    share : (n_bus,) float, optional
        As for :func:`generator_outages`.

    Returns
    -------
    (n_bus, k) float
        MW.
    """
    if share is None:
        slack = network.buses.kind == BusKind.SLACK
        share = slack / max(int(slack.sum()), 1)
    change: Floats = share[:, None] * p_mw[rows]
    change[network.generators.bus[rows], np.arange(len(rows))] -= p_mw[rows]
    return change


def _blocks(rows: Ints) -> list[Ints]:
    return [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]


def _rated(network: Network) -> Bools:
    rated: Bools = network.branches.in_service & (network.branches.rate_mva > 0)
    return rated


def _overloads(
    factors: OutageFactors, outage: Ints, p_mw: Floats, at_least_percent: float
) -> tuple[Ints, Ints, Floats, Floats]:
    network = factors.network
    rated = np.flatnonzero(_rated(network))
    limit = network.branches.rate_mva[rated]
    q = np.maximum(np.abs(factors.s_from_mva.imag), np.abs(factors.s_to_mva.imag))[rated]
    bound = limit * at_least_percent / 100.0
    # The active power at which the apparent one reaches the bound spares a root for each.
    p_bound = np.sqrt(np.maximum(bound**2 - q**2, 0.0))
    at, which = np.nonzero(np.abs(p_mw[rated]) >= p_bound[:, None])
    p = p_mw[rated[at], which]
    loading = 100.0 * np.hypot(p, q[at]) / limit[at]
    lost_itself = rated[at] == outage[which]
    kept = (loading >= at_least_percent) & ~(lost_itself & (p == 0))
    return outage[which][kept], rated[at][kept], p[kept], loading[kept]


def _ranked(
    network: Network,
    found: list[tuple[Ints, Ints, Floats, Floats]],
    screened: Ints,
    islanding: tuple[Islanding, ...],
) -> OutageScreen:
    none: tuple[Ints, Ints, Floats, Floats] = (
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        np.zeros(0),
        np.zeros(0),
    )
    parts = [none, *found]
    contingency = np.concatenate([part[0] for part in parts])
    element = np.concatenate([part[1] for part in parts])
    p = np.concatenate([part[2] for part in parts])
    loading = np.concatenate([part[3] for part in parts])
    order = np.lexsort((element, contingency, -loading))
    unrated = network.branches.in_service & ~_rated(network)
    return OutageScreen(
        contingency=contingency[order],
        element=element[order],
        p_from_mw=p[order],
        loading_percent=loading[order],
        limit_mva=network.branches.rate_mva[element[order]],
        screened=screened,
        islanding=islanding,
        unrated=tuple(network.branches.id[unrated].tolist()),
    )
