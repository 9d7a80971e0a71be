"""Limits checked on an estimated state: loadings, voltages, and what single outages would bring."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from network.alarm_rules import AlarmRules, Ladder, Step, is_transformer
from network.bridges import find_bridges
from network.contingency import OutageScreen, branch_outages
from network.islands import islands
from network.limits import RatingKind, branch_loading_percent, end_currents_a
from network.model import Network
from records.alarm import (
    Alarm,
    AlarmEvidence,
    AlarmKind,
    AlarmSeverity,
    LeadTime,
    OutageOverload,
)
from records.state import NetworkState, as_floats
from stream.alarm_watch import Levels, Watch, Watched, WatchState, element_name

__all__ = ["OutageLimits", "StateLimits"]

_SHOWN = 5
"""Overloads told with a contingency, and buses with an outage that splits the network."""

_SPLIT = 1
"""Place among the ladders of what is told whenever it is so."""
_ALWAYS = Ladder((Step(1.0, None, AlarmSeverity.MINOR),), hysteresis=0.0)


class StateLimits:
    """Loading of every rated branch and voltage of every bus of an estimated state.

    Parameters
    ----------
    network
        The network.
    rules
        Limits and tables.
    """

    def __init__(self, network: Network, rules: AlarmRules) -> None:
        self._network, self._rules = network, rules
        names = network.branches.id.tolist()
        transformer = is_transformer(network).tolist()
        unit = "A" if rules.ratings is RatingKind.CURRENT else "MVA"
        self.loading = Watch(
            AlarmKind.LOADING,
            [
                Watched(element_name("branch", name), "", unit, int(kind))
                for name, kind in zip(names, transformer, strict=True)
            ],
            (rules.line, rules.transformer),
        )
        self.voltage = Watch(
            AlarmKind.VOLTAGE,
            [Watched(element_name("bus", name), "", "pu") for name in network.buses.id.tolist()],
            (rules.voltage,),
        )

    def loadings(self, state: NetworkState, network: Network) -> Levels:
        """Where every branch stands on the network of the state; 0 for one out of service."""
        s_from = as_floats(state.p_from_mw) + 1j * as_floats(state.q_from_mvar)
        s_to = as_floats(state.p_to_mw) + 1j * as_floats(state.q_to_mvar)
        if self._rules.ratings is RatingKind.CURRENT:
            v = np.nan_to_num(as_floats(state.v_pu))
            level = branch_loading_percent(network, s_from, s_to, v.astype(np.complex128))
            ends = np.stack([v[network.branches.from_bus], v[network.branches.to_bus]], axis=1)
            every = np.arange(network.n_branch)
            return Levels(level, *end_currents_a(network, every, s_from, s_to, ends))
        level = branch_loading_percent(network, s_from, s_to)
        return Levels(level, np.maximum(np.abs(s_from), np.abs(s_to)), network.branches.rate_mva)

    def voltages(self, state: NetworkState) -> Levels:
        """Where every bus stands, in percent beyond the band."""
        v, low, high = as_floats(state.v_pu), self._rules.v_min_pu, self._rules.v_max_pu
        level = 100.0 * np.maximum(low - v, v - high)
        return Levels(level, v, np.where(v < low, low, high))


class OutageLimits:
    """What the outage of each branch would overload, by outage factors about a state.

    Row k of the watch is the outage of branch k; the last row tells that the bound on
    contingencies was reached. Outages that split the network are known from the topology and
    stand from the first screening on.

    Parameters
    ----------
    network
        The network.
    rules
        Tables, and the bound.
    """

    def __init__(self, network: Network, rules: AlarmRules) -> None:
        self._rules = rules
        self._names = [element_name("branch", name) for name in network.branches.id.tolist()]
        rows = [Watched(name, "", "MVA") for name in self._names]
        rows.append(Watched(f"network:{network.name}", "", "", _SPLIT))
        self.watch = Watch(
            AlarmKind.CONTINGENCY, rows, (rules.contingency, _ALWAYS), LeadTime.OPERATIONAL
        )
        self._splits: tuple[Network, _Splits] | None = None

    def take(
        self,
        watching: WatchState,
        state: NetworkState,
        network: Network,
        base_percent: npt.NDArray[np.float64],
    ) -> list[Alarm]:
        """Screen a state and return the alarms that changed.

        Parameters
        ----------
        watching
            State of the watch, changed in place.
        state
            A valid state; one with unknown buses is not screened, and nothing changes.
        network
            The network of the state.
        base_percent
            Loading of each branch before any outage, shape (n_branch,).
        """
        if self._splits is None or self._splits[0] is not network:
            self._splits = network, _Splits(network)
        splits = self._splits[1]
        v = as_floats(state.v_pu) * np.exp(1j * np.deg2rad(as_floats(state.angle_deg)))
        if np.isnan(v[splits.energised]).any():
            return []
        screen = branch_outages(
            network,
            np.where(splits.energised, v, 0.0),
            outages=splits.screened,
            at_least_percent=self._rules.contingency.watched_from,
            ratings=self._rules.ratings,
        )
        kept = self._caused(screen, base_percent)
        outage, element = screen.contingency[kept], screen.element[kept]
        loading, limit = screen.loading_percent[kept], screen.limit_mva[kept]
        p_mw = screen.p_from_mw[kept]
        n_rows = len(self.watch.rows)
        level, value, rate = np.zeros(n_rows), np.full(n_rows, np.nan), np.full(n_rows, np.nan)
        # Worst first, so the first of each outage is its worst.
        lost, first = np.unique(outage, return_index=True)
        level[lost] = loading[first]
        value[lost] = loading[first] * limit[first] / 100.0
        rate[lost] = limit[first]
        split = list(splits.cut_off)
        level[split] = 1.0
        self._bound(level, watching.step, split)
        ladder = np.zeros(n_rows, np.int64)
        ladder[[*split, n_rows - 1]] = _SPLIT

        def evidence(row: int) -> AlarmEvidence:
            if row == n_rows - 1:
                bound = self._rules.most_contingencies
                return AlarmEvidence(note=f"more than {bound} outages would overload something")
            if row in splits.cut_off:
                buses = splits.cut_off[row]
                note = f"cuts off {len(buses)} bus{'es' if len(buses) > 1 else ''}"
                return AlarmEvidence(cut_off=buses[:_SHOWN], note=note)
            its = np.flatnonzero(outage == row)
            overloads = tuple(
                OutageOverload(
                    self._names[element[k]], float(loading[k]), float(p_mw[k]), float(limit[k])
                )
                for k in its[:_SHOWN].tolist()
            )
            return AlarmEvidence(overloads=overloads, n_overloads=len(its))

        # What splits the network now and would have overloaded something before, or the other
        # way round, is another excursion.
        other = [row for row, alarm in watching.active.items() if _kept_apart(alarm) != ladder[row]]
        ended = []
        if other:
            still = [row for row in watching.active if row not in other]
            gone = np.where(np.isin(np.arange(n_rows), still), np.nan, 0.0)
            ended = self.watch.take(watching, state.time, Levels(gone, value, rate))
        levels = Levels(level, value, rate, ladder=ladder)
        return ended + self.watch.take(watching, state.time, levels, evidence)

    def _caused(
        self, screen: OutageScreen, base_percent: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int64]:
        """Overloads that the outage brings, rather than finds there."""
        base = np.nan_to_num(base_percent[screen.element])
        beyond = base >= self._rules.contingency.steps[0].level
        needed = np.where(beyond, self._rules.worsening, self._rules.least_change)
        return np.flatnonzero(screen.loading_percent - base >= needed)

    def _bound(
        self, level: npt.NDArray[np.float64], step: npt.NDArray[np.int64], split: list[int]
    ) -> None:
        """Admit new contingencies, the worst first, while the bound is not reached."""
        ladder = self._rules.contingency
        own = level[:-1].copy()
        own[split] = 0.0
        standing = (step[:-1] > 0) & (own >= ladder.watched_from)
        new = np.flatnonzero((step[:-1] == 0) & (own >= ladder.steps[0].level))
        new = new[np.argsort(-own[new], kind="stable")]
        room = max(self._rules.most_contingencies - int(standing.sum()), 0)
        level[new[room:]] = 0.0
        level[-1] = float(len(new) > room)


class _Splits:
    """Which outages split a network, which do not, and what is energised."""

    def __init__(self, network: Network) -> None:
        bridges = find_bridges(network)
        self.cut_off = {
            row: tuple(element_name("bus", name) for name in network.buses.id[buses].tolist())
            for row, buses in zip(bridges.branch.tolist(), bridges.cut_off, strict=True)
        }
        live = np.flatnonzero(network.branches.in_service)
        self.screened = live[~np.isin(live, bridges.branch)]
        self.energised = islands(network) >= 0


def _kept_apart(alarm: Alarm) -> int:
    """Which ladder an active contingency was raised on."""
    overloads = alarm.evidence.n_overloads > 0
    return 0 if overloads else _SPLIT
