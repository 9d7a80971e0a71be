"""Limits that are not met after outages, as tables: overloads of branches, voltages of buses."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from network.arrays import Bools, Complexes, Floats, Ints
from network.contingency import linear_overloads
from network.limits import RatingKind, branch_loading_percent, end_currents_a
from network.model import Network
from network.outage_factors import OutageFactors

__all__ = [
    "Excursions",
    "Overloads",
    "StudyLimits",
    "find_excursions",
    "find_linear_overloads",
    "find_overloads",
    "furthest_first",
    "joined",
    "no_excursions",
    "no_overloads",
    "taken",
    "without_solution",
    "worst_first",
]


_ROUNDING_PU = 1e-9
"""A voltage that is held at an end of the band is within it."""


@dataclass(frozen=True, slots=True)
class StudyLimits:
    """What a study holds a network to.

    Attributes
    ----------
    at_least_percent : float
        Loading from which a branch is listed.
    ratings : RatingKind
        Whether ratings limit power or current.
    v_min_pu, v_max_pu : float
        The band of voltage magnitudes.
    """

    at_least_percent: float = 100.0
    ratings: RatingKind = RatingKind.POWER
    v_min_pu: float = 0.94
    v_max_pu: float = 1.06


@dataclass(frozen=True, slots=True, eq=False)
class Overloads:
    """Overloads after outages.

    Attributes
    ----------
    outage : (k,) int
        Place of the outage among those of the study.
    element : (k,) int
        Row of the overloaded branch; -1 where no AC solution was found and the linear one
        has no overload.
    p_from_mw, loading_percent : (k,) float
    current_a, limit_a : (k,) float
        Current at the end where it is greater, at the voltage there, and what the rating
        allows at base voltage.
    is_ac : (k,) bool
        Whether these are from an AC solution.
    solved : (k,) bool
        False for outages after which no AC solution was found.
    """

    outage: Ints
    element: Ints
    p_from_mw: Floats
    loading_percent: Floats
    current_a: Floats
    limit_a: Floats
    is_ac: Bools
    solved: Bools

    def __len__(self) -> int:
        return len(self.outage)


@dataclass(frozen=True, slots=True, eq=False)
class Excursions:
    """Voltages outside the band after outages, from AC solutions.

    Attributes
    ----------
    outage : (k,) int
        Place of the outage among those of the study.
    bus : (k,) int
    v_pu, v_before_pu : (k,) float
        Magnitude after the outage and in the state.
    limit_pu : (k,) float
        The end of the band that is passed.
    """

    outage: Ints
    bus: Ints
    v_pu: Floats
    v_before_pu: Floats
    limit_pu: Floats

    def __len__(self) -> int:
        return len(self.outage)


Table = TypeVar("Table", Overloads, Excursions)


def taken(table: Table, rows: Ints | Bools) -> Table:
    """Return some of the rows."""
    return type(table)(**{f.name: getattr(table, f.name)[rows] for f in fields(table)})


def joined(tables: Sequence[Table]) -> Table:
    """Put one or more tables below each other."""
    columns: dict[str, Any] = {
        f.name: np.concatenate([getattr(table, f.name) for table in tables])
        for f in fields(tables[0])
    }
    return type(tables[0])(**columns)


def find_overloads(
    network: Network,
    limits: StudyLimits,
    outage: Ints,
    s_from_mva: Complexes,
    s_to_mva: Complexes,
    v: Complexes,
) -> Overloads:
    """Find what is overloaded in AC solutions.

    Parameters
    ----------
    network : Network
    limits : StudyLimits
    outage : (k,) int
        Places of the outages.
    s_from_mva, s_to_mva : (n_branch, k) complex
        0 on what is lost.
    v : (n_bus, k) complex
    """
    by_current = limits.ratings is RatingKind.CURRENT
    loading = branch_loading_percent(network, s_from_mva, s_to_mva, v if by_current else None)
    element, place = np.nonzero(loading >= limits.at_least_percent)
    ends = _ends(network, element)
    current, limit = end_currents_a(
        network,
        element,
        s_from_mva[element, place],
        s_to_mva[element, place],
        np.abs(v[ends, place[:, None]]),
    )
    yes = np.ones(len(element), dtype=np.bool_)
    p = s_from_mva.real[element, place]
    return Overloads(
        outage[place], element, p, loading[element, place], current, limit, yes, yes.copy()
    )


def find_linear_overloads(
    factors: OutageFactors,
    limits: StudyLimits,
    outage: Ints,
    p_mw: Floats,
    v: Complexes,
    solved: Bools,
) -> Overloads:
    """Find what is overloaded in linear flows.

    Parameters
    ----------
    factors : OutageFactors
    limits : StudyLimits
    outage : (k,) int
        Places of the outages.
    p_mw : (n_branch, k) float
        NaN on what is lost.
    v : (n_bus,) complex
        The state before, whose voltages the currents are at.
    solved : (n,) bool
        By place, False for outages after which no AC solution was found.
    """
    network = factors.network
    place, element, p, loading = linear_overloads(
        factors, p_mw, limits.at_least_percent, limits.ratings
    )
    rating = network.branches.rate_mva[element]
    if limits.ratings is RatingKind.CURRENT:
        rating = rating * factors.lower_end_pu[element]
    power = (loading / 100.0 * rating).astype(np.complex128)
    current, limit = end_currents_a(
        network, element, power, power, np.abs(v[_ends(network, element)])
    )
    no = np.zeros(len(element), dtype=np.bool_)
    return Overloads(outage[place], element, p, loading, current, limit, no, solved[outage[place]])


def find_excursions(
    limits: StudyLimits, outage: Ints, v: Complexes, before: Complexes
) -> Excursions:
    """Find the buses outside the band in AC solutions; dead buses are not looked at.

    Parameters
    ----------
    limits : StudyLimits
    outage : (k,) int
        Places of the outages.
    v : (n_bus, k) complex
    before : (n_bus,) complex
    """
    magnitude = np.abs(v)
    low = (magnitude < limits.v_min_pu - _ROUNDING_PU) & (magnitude > 0)
    bus, place = np.nonzero(low | (magnitude > limits.v_max_pu + _ROUNDING_PU))
    return Excursions(
        outage=outage[place],
        bus=bus,
        v_pu=magnitude[bus, place],
        v_before_pu=np.abs(before)[bus],
        limit_pu=np.where(low[bus, place], limits.v_min_pu, limits.v_max_pu),
    )


def no_overloads() -> Overloads:
    """Return a table without rows."""
    return without_solution(np.zeros(0, dtype=np.int64))


def no_excursions() -> Excursions:
    """Return a table without rows."""
    none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Excursions(none, none, nothing, nothing, nothing)


def without_solution(outage: Ints) -> Overloads:
    """Return a row for each outage of which nothing is known but that AC found no solution."""
    n = len(outage)
    unknown, no = np.full(n, np.nan), np.zeros(n, dtype=np.bool_)
    return Overloads(outage, np.full(n, -1), unknown, unknown, unknown, unknown, no, no)


def worst_first(overloads: Overloads) -> Overloads:
    """Rank by loading; rows without one come last."""
    loading = np.nan_to_num(overloads.loading_percent, nan=-1.0)
    return taken(overloads, np.lexsort((overloads.element, overloads.outage, -loading)))


def furthest_first(excursions: Excursions) -> Excursions:
    """Rank by how far a voltage is outside the band."""
    beyond = np.abs(excursions.v_pu - excursions.limit_pu)
    return taken(excursions, np.lexsort((excursions.bus, excursions.outage, -beyond)))


def _ends(network: Network, element: Ints) -> Ints:
    branches = network.branches
    return np.stack([branches.from_bus[element], branches.to_bus[element]], axis=1)
