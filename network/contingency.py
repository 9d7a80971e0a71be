"""N-1 screening: what would be overloaded if one element were lost.

Active flows after each outage come from outage factors about the estimated state; the
reactive flow of the state is kept, so a loading is that of an apparent power. Outages that
split the network are listed with the buses they cut off, never skipped.
"""

from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Complexes, Floats, Ints
from network.bridges import find_bridges
from network.limits import RatingKind
from network.model import BusKind, Network
from network.outage_factors import OutageFactors
from network.outages import Islanding

__all__ = [
    "OutageScreen",
    "blocks",
    "branch_outages",
    "generator_outages",
    "injection_changes",
    "linear_overloads",
]

_BLOCK = 256


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
        Of its rating.
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
    ratings: RatingKind = RatingKind.POWER,
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
    ratings : RatingKind
        Whether ratings limit power or current.

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
        _overloads(factors, block, _without(factors, block), at_least_percent, ratings)
        for block in blocks(rows)
    ]
    return _ranked(network, found, rows, islanding)


def generator_outages(
    network: Network,
    v: Complexes,
    p_mw: Floats | None = None,
    *,
    share: Floats | None = None,
    at_least_percent: float = 100.0,
    ratings: RatingKind = RatingKind.POWER,
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
    ratings : RatingKind
        As for :func:`branch_outages`.

    Returns
    -------
    OutageScreen
    """
    units = network.generators
    injected = units.p_mw if p_mw is None else p_mw
    rows = np.flatnonzero(units.in_service & (np.abs(injected) > 0))
    factors = OutageFactors(network, v)
    found = []
    for block in blocks(rows):
        change = injection_changes(network, block, injected, share)
        flows = factors.after_injections(change, losses=True)
        found.append(_overloads(factors, block, flows, at_least_percent, ratings))
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


def blocks(rows: Ints, size: int = _BLOCK) -> list[Ints]:
    """Cut rows into blocks whose flows fit into memory."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _without(factors: OutageFactors, rows: Ints) -> Floats:
    flows = factors.after_branches(rows)
    flows[rows, np.arange(len(rows))] = np.nan
    return flows


def _rated(network: Network) -> Bools:
    rated: Bools = network.branches.in_service & (network.branches.rate_mva > 0)
    return rated


def linear_overloads(
    factors: OutageFactors,
    p_mw: Floats,
    at_least_percent: float,
    ratings: RatingKind = RatingKind.POWER,
) -> tuple[Ints, Ints, Floats, Floats]:
    """Find what is overloaded in linear flows.

    Parameters
    ----------
    factors : OutageFactors
    p_mw : (n_branch, k) float
        Flows after k outages; NaN on what is lost.
    at_least_percent : float
    ratings : RatingKind
        A current is that at the voltages before the outage.

    Returns
    -------
    place, element : (m,) int
        Column of the flows and row of the branch.
    p, loading : (m,) float
        Its flow, MW, and its loading, percent.
    """
    network = factors.network
    rated = np.flatnonzero(_rated(network))
    limit = network.branches.rate_mva[rated]
    if ratings is RatingKind.CURRENT:
        limit = limit * factors.lower_end_pu[rated]
    q = np.maximum(np.abs(factors.s_from_mva.imag), np.abs(factors.s_to_mva.imag))[rated]
    bound = limit * at_least_percent / 100.0
    # The active power at which the apparent one reaches the bound spares a root for each.
    p_bound = np.sqrt(np.maximum(bound**2 - q**2, 0.0))
    at, place = np.nonzero(np.abs(p_mw[rated]) >= p_bound[:, None])
    p = p_mw[rated[at], place]
    loading = 100.0 * np.hypot(p, q[at]) / limit[at]
    kept = loading >= at_least_percent
    return place[kept], rated[at][kept], p[kept], loading[kept]


def _overloads(
    factors: OutageFactors,
    outage: Ints,
    p_mw: Floats,
    at_least_percent: float,
    ratings: RatingKind,
) -> tuple[Ints, Ints, Floats, Floats]:
    place, element, p, loading = linear_overloads(factors, p_mw, at_least_percent, ratings)
    return outage[place], element, p, loading


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
