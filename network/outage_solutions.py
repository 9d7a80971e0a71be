"""AC solutions after outages of every kind, some at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from network.admittance import admittance
from network.arrays import Bools, Complexes, Ints
from network.contingency import blocks
from network.outage_newton import OutageNewton, OutageStates
from network.outage_power_flow import OutagePowerFlow
from network.outages import Outage, OutageKind

__all__ = ["SolvedOutages", "solved_outages"]

_BLOCK = 32
"""As many as keep their unknowns near the processor."""


@dataclass(frozen=True, slots=True, eq=False)
class SolvedOutages:
    """AC solutions after k outages.

    Attributes
    ----------
    which : (k,) int
        Places of the outages among those asked for.
    v : (n_bus, k) complex
        Voltages, per unit; 0 at buses that are dead.
    s_from_mva, s_to_mva : (n_branch, k) complex
        Flows into the branches; 0 on what is lost.
    solved : (k,) bool
        Where no solution was found the rest means nothing.
    """

    which: Ints
    v: Complexes
    s_from_mva: Complexes
    s_to_mva: Complexes
    solved: Bools


def solved_outages(
    one: OutagePowerFlow, v: Complexes, outages: Sequence[Outage], which: Ints
) -> Iterator[SolvedOutages]:
    """Solve outages that cut nothing off, in islands that a slack bus feeds.

    Parameters
    ----------
    one : OutagePowerFlow
        Of the network in the state; takes those that the common factor does not solve.
    v : (n_bus,) complex
        The state.
    outages : sequence of Outage
    which : (n,) int
        Places of those to solve.

    Yields
    ------
    SolvedOutages
        Some at a time, by kind.
    """
    kinds = {kind: [i for i in which.tolist() if outages[i].kind is kind] for kind in OutageKind}
    try:
        newton = OutageNewton(one.network, v)
    except RuntimeError:
        # Each outage may still have a solution where the common factor has none.
        kinds = {OutageKind.LISTED: which.tolist()}
    for kind, places in kinds.items():
        for block in blocks(np.array(places, dtype=np.int64), _BLOCK):
            if kind is OutageKind.LISTED:
                yield _each(one, outages, block)
            elif kind is OutageKind.BRANCH:
                lost = np.array([outages[i].branches[0] for i in block.tolist()])
                yield _whole(one, outages, block, newton.after_branches(lost), lost)
            else:
                unit = np.array([outages[i].units[0] for i in block.tolist()])
                left, freed = one.without_units(unit, np.arange(len(unit)))
                states = newton.after_units(one.network.generators.bus[unit], left, freed)
                yield _whole(one, outages, block, states, None)


def _whole(
    one: OutagePowerFlow,
    outages: Sequence[Outage],
    block: Ints,
    states: OutageStates,
    lost: Ints | None,
) -> SolvedOutages:
    """Complete a block with the flows, and with what only a power flow of its own solves."""
    network, v = one.network, states.v
    y, branches = admittance(network), network.branches
    s_from = v[branches.from_bus] * np.conj(y.from_end @ v) * network.base_mva
    s_to = v[branches.to_bus] * np.conj(y.to_end @ v) * network.base_mva
    if lost is not None:
        here = np.arange(len(lost))
        s_from[lost, here] = s_to[lost, here] = 0
    solved = states.solved.copy()
    rest = np.flatnonzero(~solved)
    if len(rest):
        alone = _each(one, outages, block[rest])
        v[:, rest], solved[rest] = alone.v, alone.solved
        s_from[:, rest], s_to[:, rest] = alone.s_from_mva, alone.s_to_mva
    return SolvedOutages(block, v, s_from, s_to, solved)


def _each(one: OutagePowerFlow, outages: Sequence[Outage], block: Ints) -> SolvedOutages:
    network, n = one.network, len(block)
    v = np.zeros((network.n_bus, n), dtype=np.complex128)
    s_from = np.zeros((network.n_branch, n), dtype=np.complex128)
    s_to, solved = np.zeros_like(s_from), np.zeros(n, dtype=np.bool_)
    for place, row in enumerate(block.tolist()):
        solution = one.after(outages[row])
        if solution is not None:
            v[:, place], solved[place] = solution.v, True
            s_from[:, place], s_to[:, place] = solution.s_from_mva, solution.s_to_mva
    return SolvedOutages(block, v, s_from, s_to, solved)
