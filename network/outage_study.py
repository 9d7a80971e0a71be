"""A study of single outages: linear screening of all, AC solutions of the worst."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from network.admittance import admittance
from network.arrays import Bools, Complexes, Floats, Ints
from network.contingency import (
    Islanding,
    OutageScreen,
    branch_outages,
    generator_outages,
    injection_changes,
)
from network.limits import branch_loading_percent
from network.model import BusKind, Network
from network.outage_factors import OutageFactors
from network.outage_power_flow import OutagePowerFlow, unit_outputs
from network.power_flow import PowerFlowSolution

__all__ = ["Outage", "OutageStudy", "Overloads", "study_outages"]

_MARGIN = 0.9
"""Part of the loading asked for from which an outage is worth an AC solution."""
_BLOCK = 256


@dataclass(frozen=True, slots=True, order=True)
class Outage:
    """The loss of one element: a generator or a branch, by row."""

    is_unit: bool
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class Overloads:
    """Overloads after outages, the worst first.

    Attributes
    ----------
    is_unit : (k,) bool
        Whether a generator is lost, or else a branch.
    lost : (k,) int
        Row of what is lost.
    element : (k,) int
        Row of the overloaded branch; -1 where no AC solution was found and the linear one
        has no overload.
    p_from_mw, loading_percent : (k,) float
    is_ac : (k,) bool
        Whether these are from an AC solution.
    solved : (k,) bool
        False for outages after which no AC solution was found.
    """

    is_unit: Bools
    lost: Ints
    element: Ints
    p_from_mw: Floats
    loading_percent: Floats
    is_ac: Bools
    solved: Bools

    def __len__(self) -> int:
        return len(self.lost)


@dataclass(frozen=True, slots=True, eq=False)
class OutageStudy:
    """What a study found.

    Attributes
    ----------
    network : Network
    v : (n_bus,) complex
        The state.
    unit_mw : (n_generator,) float
        What every generator gives in that state.
    branches, units : (n,) int
        Rows of the outages that were computed.
    overloads : Overloads
    islanding : tuple of Islanding
    ac : mapping of Outage to PowerFlowSolution or None
        AC solutions; None where none was found.
    unrated : tuple of str
        Branches in service without a rating.
    overloaded_before : tuple of str
        Branches that are overloaded without any outage.
    at_slack : tuple of str
        Units that were not studied: at a slack bus, which takes up what is missing.
    """

    network: Network
    v: Complexes
    unit_mw: Floats
    branches: Ints
    units: Ints
    overloads: Overloads
    islanding: tuple[Islanding, ...]
    ac: Mapping[Outage, PowerFlowSolution | None]
    unrated: tuple[str, ...]
    overloaded_before: tuple[str, ...]
    at_slack: tuple[str, ...]

    @property
    def n_outages(self) -> int:
        """Number of outages, those that split the network included."""
        return len(self.branches) + len(self.units) + len(self.islanding)

    def all_flows(self) -> Iterator[tuple[list[Outage], Floats, Bools]]:
        """Compute every flow after every outage that does not split the network.

        Yields
        ------
        outages : list of k Outage
        p_from_mw : (n_branch, k) float
        is_ac : (k,) bool
            Which come from an AC solution.
        """
        factors = OutageFactors(self.network, self.v)
        for rows in _blocks(self.branches):
            yield self._with_ac(False, rows, factors.after_branches(rows))
        for rows in _blocks(self.units):
            change = injection_changes(self.network, rows, self.unit_mw)
            yield self._with_ac(True, rows, factors.after_injections(change))

    def _with_ac(
        self, is_unit: bool, rows: Ints, flows: Floats
    ) -> tuple[list[Outage], Floats, Bools]:
        outages = [Outage(is_unit, row) for row in rows.tolist()]
        is_ac = np.zeros(len(outages), dtype=np.bool_)
        for place, outage in enumerate(outages):
            solution = self.ac.get(outage)
            if solution is not None:
                flows[:, place] = solution.s_from_mva.real
                is_ac[place] = True
        return outages, flows, is_ac


def study_outages(
    network: Network, v: Complexes, *, at_least_percent: float = 100.0, most_ac: int = 20
) -> OutageStudy:
    """Screen every outage, and solve the worst again as AC power flows.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        The state, per unit.
    at_least_percent : float
        Loading from which an element is listed.
    most_ac : int
        Outages to solve in AC at most: those with the greatest loadings, if these come near
        what is listed. An overload that AC does not confirm is not listed.

    Returns
    -------
    OutageStudy
    """
    flow = OutagePowerFlow(network, v)
    unit_mw = unit_outputs(network, flow.s_bus_mva.real)
    floor = at_least_percent * (_MARGIN if most_ac else 1.0)
    by_branch = branch_outages(network, v, at_least_percent=floor)
    by_unit = generator_outages(network, v, unit_mw, at_least_percent=floor)
    running = network.generators.in_service
    at_slack = running & (network.buses.kind[network.generators.bus] == BusKind.SLACK)
    linear = _joined(by_branch, by_unit, at_slack)
    ac = _worst_solved(flow, linear, unit_mw, most_ac)
    units = by_unit.screened
    return OutageStudy(
        network=network,
        v=v,
        unit_mw=unit_mw,
        branches=by_branch.screened,
        units=units[~at_slack[units]],
        overloads=_confirmed(network, linear, ac, at_least_percent),
        islanding=by_branch.islanding,
        ac=ac,
        unrated=by_branch.unrated,
        overloaded_before=_overloaded(network, v, at_least_percent),
        at_slack=tuple(network.generators.id[at_slack].tolist()),
    )


def _blocks(rows: Ints) -> list[Ints]:
    return [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]


def _overloaded(network: Network, v: Complexes, at_least_percent: float) -> tuple[str, ...]:
    y, branches = admittance(network), network.branches
    s_from = v[branches.from_bus] * np.conj(y.from_end @ v) * network.base_mva
    s_to = v[branches.to_bus] * np.conj(y.to_end @ v) * network.base_mva
    loading = branch_loading_percent(network, s_from, s_to)
    return tuple(branches.id[loading >= at_least_percent].tolist())


def _joined(by_branch: OutageScreen, by_unit: OutageScreen, at_slack: Bools) -> Overloads:
    kept = ~at_slack[by_unit.contingency]
    is_unit = np.repeat([False, True], [len(by_branch.contingency), int(kept.sum())])

    def both(column: str) -> Any:
        return np.concatenate([getattr(by_branch, column), getattr(by_unit, column)[kept]])

    no = np.zeros(len(is_unit), dtype=np.bool_)
    p, loading = both("p_from_mw"), both("loading_percent")
    return _ranked(Overloads(is_unit, both("contingency"), both("element"), p, loading, no, ~no))


def _ranked(overloads: Overloads) -> Overloads:
    loading = np.nan_to_num(overloads.loading_percent, nan=-1.0)
    order = np.lexsort((overloads.element, overloads.lost, overloads.is_unit, -loading))
    return _taken(overloads, order)


def _taken(overloads: Overloads, rows: Ints | Bools) -> Overloads:
    return Overloads(**{name: getattr(overloads, name)[rows] for name in Overloads.__slots__})


def _distinct(overloads: Overloads) -> tuple[list[Outage], Ints]:
    """Return the outages in the order of their worst rows, and which one each row has."""
    key = 2 * overloads.lost + overloads.is_unit
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    rows = np.sort(first)
    pairs = zip(overloads.is_unit[rows].tolist(), overloads.lost[rows].tolist(), strict=True)
    return [Outage(is_unit, row) for is_unit, row in pairs], rank[which]


def _worst_solved(
    flow: OutagePowerFlow, linear: Overloads, unit_mw: Floats, most: int
) -> dict[Outage, PowerFlowSolution | None]:
    network = flow.network
    solved: dict[Outage, PowerFlowSolution | None] = {}
    for outage in _distinct(linear)[0]:
        if len(solved) >= most:
            break
        ends = network.generators.bus if outage.is_unit else network.branches.from_bus
        if not flow.has_slack(int(ends[outage.row])):
            continue
        solved[outage] = (
            flow.after_generator(outage.row, float(unit_mw[outage.row]))
            if outage.is_unit
            else flow.after_branch(outage.row)
        )
    return solved


def _confirmed(
    network: Network,
    linear: Overloads,
    ac: Mapping[Outage, PowerFlowSolution | None],
    at_least_percent: float,
) -> Overloads:
    """Put AC results in the place of linear ones."""
    outages, which = _distinct(linear)
    solved = np.array([ac.get(outage, linear) is not None for outage in outages], np.bool_)[which]
    replaced = np.array([ac.get(outage) is not None for outage in outages], np.bool_)[which]
    listed = (linear.loading_percent >= at_least_percent) & ~replaced
    parts = [_taken(replace(linear, solved=solved), listed)]
    known = set(_distinct(parts[0])[0])
    for outage, solution in ac.items():
        if solution is not None:
            parts.append(_of_solution(network, outage, solution, at_least_percent))
        elif outage not in known:
            parts.append(
                _row(outage, np.array([-1]), np.array([np.nan]), np.array([np.nan]), False)
            )
    return _ranked(
        Overloads(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in Overloads.__slots__
            }
        )
    )


def _of_solution(
    network: Network, outage: Outage, solution: PowerFlowSolution, at_least_percent: float
) -> Overloads:
    loading = branch_loading_percent(network, solution.s_from_mva, solution.s_to_mva)
    over = np.flatnonzero(loading >= at_least_percent)
    return _row(outage, over, solution.s_from_mva.real[over], loading[over], True)


def _row(outage: Outage, element: Ints, p: Floats, loading: Floats, solved: bool) -> Overloads:
    n = len(element)
    return Overloads(
        is_unit=np.full(n, outage.is_unit),
        lost=np.full(n, outage.row, dtype=np.int64),
        element=element.astype(np.int64),
        p_from_mw=p,
        loading_percent=loading,
        is_ac=np.full(n, solved),
        solved=np.full(n, solved),
    )
