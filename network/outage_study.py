"""A study of outages: all of them solved in AC, or screened linearly and the worst solved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from network.arrays import Bools, Complexes, Floats, Ints
from network.contingency import blocks
from network.model import Network
from network.outage_factors import OutageFactors
from network.outage_limits import (
    Excursions,
    Overloads,
    StudyLimits,
    find_excursions,
    find_linear_overloads,
    find_overloads,
    furthest_first,
    joined,
    no_excursions,
    no_overloads,
    without_solution,
    worst_first,
)
from network.outage_power_flow import OutagePowerFlow
from network.outage_solutions import solved_outages
from network.outages import Islanding, Outage, OutageKind
from network.outages_of_network import linear_flows, outages_of

__all__ = ["FlowsAfter", "OutageStudy", "study_outages"]

_MARGIN = 0.9
"""Part of the loading asked for from which an outage is worth an AC solution."""


@dataclass(frozen=True, slots=True, eq=False)
class FlowsAfter:
    """Flows after some outages of a study, as they become known.

    Attributes
    ----------
    outages : tuple of k Outage
    p_from_mw : (n_branch, k) float
    is_ac : bool
        Whether these are of AC solutions.
    """

    outages: tuple[Outage, ...]
    p_from_mw: Floats
    is_ac: bool


@dataclass(frozen=True, slots=True, eq=False)
class OutageStudy:
    """What a study found.

    Attributes
    ----------
    network : Network
    outages : tuple of Outage
        Those that were computed.
    overloads : Overloads
        The worst first.
    excursions : Excursions
        Voltages outside the band after the outages that were solved in AC, the worst first.
    islanding : tuple of Islanding
        Outages that split the network: nothing else is told of them.
    in_ac : (n,) bool
        Outages that were solved in AC.
    not_converged : (n,) bool
        Outages after which no AC solution was found.
    unrated : tuple of str
        Branches in service without a rating.
    overloaded_before, excursions_before : tuple of str
        Branches overloaded and buses outside the band without any outage.
    at_slack : tuple of str
        Outages that were not studied: they take a slack bus, or a unit at one, which takes up
        what is missing.
    """

    network: Network
    outages: tuple[Outage, ...]
    overloads: Overloads
    excursions: Excursions
    islanding: tuple[Islanding, ...]
    in_ac: Bools
    not_converged: Bools
    unrated: tuple[str, ...]
    overloaded_before: tuple[str, ...]
    excursions_before: tuple[str, ...]
    at_slack: tuple[str, ...]

    @property
    def n_outages(self) -> int:
        """Number of outages, those that split the network included."""
        return len(self.outages) + len(self.islanding)


def study_outages(
    network: Network,
    v: Complexes,
    *,
    listed: Sequence[Outage] = (),
    limits: StudyLimits | None = None,
    most_ac: int | None = None,
    see: Callable[[FlowsAfter], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> OutageStudy:
    """Study the outage of every branch, every unit, and what a list adds.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        The state, per unit.
    listed : sequence of Outage
        Further outages.
    limits : StudyLimits, optional
        Its defaults when absent.
    most_ac : int, optional
        Outages to solve in AC at most: those with the greatest linear loadings, if these come
        near what is listed. All when absent, so that no overload and no voltage is missed. What
        an AC solution does not confirm is not listed.
    see : callable, optional
        Called with the flows after every outage that splits nothing, some outages at a time.
    progress : callable, optional
        Called with the share of the AC solutions that is done.

    Returns
    -------
    OutageStudy
    """
    return _Study(network, v, listed, limits or StudyLimits(), see).result(most_ac, progress)


class _Study:
    def __init__(
        self,
        network: Network,
        v: Complexes,
        listed: Sequence[Outage],
        limits: StudyLimits,
        see: Callable[[FlowsAfter], None] | None,
    ) -> None:
        self.network, self.v, self.limits, self.see = network, v, limits, see
        self.one = OutagePowerFlow(network, v)
        self.factors = OutageFactors(network, v)
        self.of = outages_of(network, self.one.unit_mw, listed)

    def result(self, most_ac: int | None, progress: Callable[[float], None] | None) -> OutageStudy:
        chosen, tried = self._chosen(most_ac), 0
        solved = np.zeros(len(self.of.outages), dtype=np.bool_)
        over, beyond = [no_overloads()], [no_excursions()]
        for part in solved_outages(self.one, self.v, self.of.outages, chosen):
            which, good = part.which[part.solved], part.solved
            solved[which] = True
            v, s_from, s_to = part.v[:, good], part.s_from_mva[:, good], part.s_to_mva[:, good]
            over.append(find_overloads(self.network, self.limits, which, s_from, s_to, v))
            beyond.append(find_excursions(self.limits, which, v, self.v))
            self._tell(which, s_from.real, True)
            tried += len(part.which)
            if progress is not None:
                progress(tried / len(chosen))
        failed = np.zeros(len(solved), dtype=np.bool_)
        failed[chosen] = ~solved[chosen]
        over.append(self._linear(np.flatnonzero(~solved), self.limits, ~failed, self._tell))
        over.append(without_solution(np.setdiff1d(np.flatnonzero(failed), over[-1].outage)))
        before, beyond_before = self._before()
        unrated = self.network.branches.in_service & ~(self.network.branches.rate_mva > 0)
        return OutageStudy(
            network=self.network,
            outages=self.of.outages,
            overloads=worst_first(joined(over)),
            excursions=furthest_first(joined(beyond)),
            islanding=self.of.islanding,
            in_ac=solved,
            not_converged=failed,
            unrated=tuple(self.network.branches.id[unrated].tolist()),
            overloaded_before=before,
            excursions_before=beyond_before,
            at_slack=self.of.at_slack,
        )

    def _chosen(self, most_ac: int | None) -> Ints:
        """Return places of the outages to solve in AC."""
        solvable = np.array([self.one.is_fed(outage) for outage in self.of.outages], np.bool_)
        if most_ac is None or most_ac == 0:
            return np.flatnonzero(solvable & (most_ac is None))
        near = replace(self.limits, at_least_percent=_MARGIN * self.limits.at_least_percent)
        ranked = worst_first(self._linear(np.arange(len(solvable)), near, solvable, None)).outage
        distinct, first = np.unique(ranked[solvable[ranked]], return_index=True)
        return distinct[np.argsort(first)][:most_ac]

    def _linear(
        self,
        which: Ints,
        limits: StudyLimits,
        solved: Bools,
        tell: Callable[[Ints, Floats, bool], None] | None,
    ) -> Overloads:
        """Find overloads of the outages at some places in linear flows."""
        found = [no_overloads()]
        kinds = np.array([outage.kind for outage in self.of.outages], dtype=np.str_)
        for kind in OutageKind:
            for block in blocks(which[kinds[which] == kind]):
                outages = [self.of.outages[place] for place in block.tolist()]
                flows, lost = linear_flows(self.factors, outages, self.one.unit_mw)
                flows[lost] = np.nan
                found.append(
                    find_linear_overloads(self.factors, limits, block, flows, self.v, solved)
                )
                if tell is not None:
                    flows[lost] = 0.0
                    tell(block, flows, False)
        return joined(found)

    def _tell(self, which: Ints, p_from_mw: Floats, is_ac: bool) -> None:
        if self.see is not None and len(which):
            outages = tuple(self.of.outages[place] for place in which.tolist())
            self.see(FlowsAfter(outages, p_from_mw, is_ac))

    def _before(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what is beyond its limits without any outage."""
        none, v = np.zeros(1, dtype=np.int64), self.v[:, None]
        s_from, s_to = self.factors.s_from_mva[:, None], self.factors.s_to_mva[:, None]
        over = find_overloads(self.network, self.limits, none, s_from, s_to, v)
        beyond = find_excursions(self.limits, none, v, self.v)
        names = self.network.branches.id[over.element], self.network.buses.id[beyond.bus]
        return tuple(names[0].tolist()), tuple(names[1].tolist())
