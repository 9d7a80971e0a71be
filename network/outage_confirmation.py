"""The worst outages of a study held to a program that is not ours."""

from dataclasses import dataclass

import numpy as np

from network.admittance import admittance
from network.arrays import Bools, Complexes, Ints
from network.lightsim2grid_outages import lightsim2grid_version, solved_by_lightsim2grid
from network.model import BusKind
from network.outage_limits import (
    Excursions,
    Overloads,
    StudyLimits,
    find_excursions,
    find_overloads,
    taken,
)
from network.outage_power_flow import OutagePowerFlow
from network.outage_study import OutageStudy
from network.outages import lost_branches

__all__ = ["Confirmation", "confirm_worst"]

_LOADING_PERCENT, _VOLTAGE_PU = 0.1, 1e-4
"""Differences beyond which two programs do not say the same."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What another program says of the worst outages.

    Attributes
    ----------
    program : str
        Its name and version.
    outages : tuple of str
        Names of the outages it solved.
    loading_percent, voltage_pu : float
        Greatest difference of an overload and of a voltage outside the band.
    disagree : tuple of str
        Outages after which it finds other limits exceeded, or other values.
    """

    program: str
    outages: tuple[str, ...]
    loading_percent: float
    voltage_pu: float
    disagree: tuple[str, ...]


def confirm_worst(
    study: OutageStudy, v: Complexes, limits: StudyLimits, most: int
) -> Confirmation | None:
    """Solve the worst outages of a study with lightsim2grid too.

    Parameters
    ----------
    study : OutageStudy
    v : (n_bus,) complex
        The state that it was made of.
    limits : StudyLimits
        Those of the study.
    most : int
        Outages to confirm: the worst by loading and the worst by voltage, in turn.

    Returns
    -------
    Confirmation or None
        None where lightsim2grid is not installed, or cannot take the network: it needs one
        slack bus.
    """
    version = lightsim2grid_version()
    network = study.network
    one_slack = (network.buses.kind == BusKind.SLACK).sum() == 1
    if version is None or not one_slack:
        return None
    which = _worst(study, most)
    outages = [study.outages[place] for place in which.tolist()]
    theirs, solved = solved_by_lightsim2grid(OutagePowerFlow(network, v), v, outages)
    y, branches = admittance(network), network.branches
    s_from = theirs[branches.from_bus] * np.conj(y.from_end @ theirs) * network.base_mva
    s_to = theirs[branches.to_bus] * np.conj(y.to_end @ theirs) * network.base_mva
    for place, outage in enumerate(outages):
        lost = lost_branches(network, outage)
        s_from[lost, place] = s_to[lost, place] = 0
    over = find_overloads(network, limits, which, s_from, s_to, theirs)
    beyond = find_excursions(limits, which, theirs, v)
    mine = taken(study.overloads, study.overloads.is_ac)
    least = limits.at_least_percent
    loading, voltage = np.zeros(len(which)), np.zeros(len(which))
    for place, row in enumerate(which.tolist()):
        loading[place] = _apart(_loadings(mine, row, least), _loadings(over, row, least))
        voltage[place] = _apart(_voltages(study.excursions, row), _voltages(beyond, row))
    both = solved & study.in_ac[which]
    differs = (loading > _LOADING_PERCENT) | (voltage > _VOLTAGE_PU)
    wrong = (both & differs) | (solved != study.in_ac[which])
    return Confirmation(
        program=f"lightsim2grid {version}",
        outages=tuple(outage.name for outage in outages),
        loading_percent=float(loading[both].max(initial=0.0)),
        voltage_pu=float(voltage[both].max(initial=0.0)),
        disagree=tuple(outages[place].name for place in np.flatnonzero(wrong).tolist()),
    )


def _worst(study: OutageStudy, most: int) -> Ints:
    """Return places of the worst outages that were tried in AC."""
    tried = study.in_ac | study.not_converged
    ranked = [_in_turn(rows.outage, tried) for rows in (study.overloads, study.excursions)]
    longest = max(len(rows) for rows in ranked)
    turns = [rows[turn] for turn in range(longest) for rows in ranked if turn < len(rows)]
    return np.array(list(dict.fromkeys(turns))[:most], dtype=np.int64)


def _in_turn(outage: Ints, tried: Bools) -> list[int]:
    distinct, first = np.unique(outage, return_index=True)
    ranked: list[int] = distinct[np.argsort(first)].tolist()
    return [place for place in ranked if tried[place]]


_Rows = dict[int, tuple[float, float]]
"""Value and limit of each element."""


def _loadings(overloads: Overloads, row: int, least: float) -> _Rows:
    its = np.flatnonzero(overloads.outage == row)
    pairs = zip(overloads.element[its], overloads.loading_percent[its], strict=True)
    return {int(element): (float(percent), least) for element, percent in pairs}


def _voltages(excursions: Excursions, row: int) -> _Rows:
    its = np.flatnonzero(excursions.outage == row)
    columns = excursions.bus[its], excursions.v_pu[its], excursions.limit_pu[its]
    return {int(bus): (float(v), float(limit)) for bus, v, limit in zip(*columns, strict=True)}


def _apart(ours: _Rows, theirs: _Rows) -> float:
    """Return the greatest difference; what one does not list is at most at its limit."""
    apart = [0.0]
    for element in ours.keys() | theirs.keys():
        value, limit = ours.get(element) or theirs[element]
        other, _ = theirs.get(element, (limit, limit)) if element in ours else (limit, limit)
        apart.append(abs(value - other))
    return max(apart)
