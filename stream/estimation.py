"""The stage of state estimation: from the live views of all areas to one consistent state.

At every multiple of `cadence` the last view of each area at or before it is estimated, warm
from the state before. A state is published for every such time, even where none could be made:
then it is not valid and says why. A breaker that telemetry shows to have changed starts a new
version of the topology at the time it did, and the next estimate rests on that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from network.errors import NetworkError
from network.estimate import StateEstimate
from network.model import BusKind, Network
from network.topology import BreakerEvent, Element, Topology, TopologyVersion
from records.deadletter import dead_letter_record
from records.envelope import event_type, watermark_of
from records.errors import Reason, RecordError
from records.finding import Finding, findings_record
from records.log import LogRecord, Partition
from records.points import PointRegister
from records.snapshot import Tree
from records.state import NetworkState, Removal, state_record
from records.time import DAY, MINUTE
from records.topics import topic_name
from records.view import VIEW_TYPE, ScadaView, decode_view
from stream.alarm_watch import element_name
from stream.estimators import Estimators, PreparedEstimator, Readings
from stream.join import Cut, CutJoin, JoinState, Share
from stream.stage import Outcome, Scope
from stream.telemetry_map import Scan

__all__ = ["EstimationSettings", "EstimationStage", "EstimationState"]

_REMEMBERED = DAY
"""Breaker events are kept for so long, and what stood before."""


@dataclass(frozen=True, slots=True)
class EstimationSettings:
    """Settings of the stage.

    Parameters
    ----------
    cadence
        Event time between two estimates, ns.
    stale
        A view older than this counts as replaced values only, ns.
    greatest_j
        A converged estimate with more than this J per degree of freedom is not valid.
    """

    cadence: int = 5 * MINUTE
    stale: int = 5 * MINUTE
    greatest_j: float = 10.0


@dataclass(slots=True)
class EstimationState:
    """Where the join stands, what was seen of each area, and where to start from.

    Parameters
    ----------
    join
        The join of the areas' views.
    latest
        The last view of each area at or before the last estimate.
    ahead
        Views later than the last estimate, by area, in order.
    v
        Voltages of the last valid state, per unit; empty before the first.
    removed
        What the last estimate rejected, and flows of branches that are open.
    topology
        Breaker events up to the last estimate.
    """

    join: JoinState
    latest: dict[int, ScadaView]
    ahead: dict[int, list[ScadaView]]
    v: npt.NDArray[np.complex128]
    removed: frozenset[str]
    topology: Topology


class EstimationStage:
    """Estimates the state of a network over all areas.

    Parameters
    ----------
    namespace
        Namespace of the topics.
    network
        The network. Areas are numbered by the rank of their name; the losses of a branch
        count for the area of its from bus.
    register
        The dated point register.
    settings
        Cadence and limits.
    """

    name = "estimation"
    scope = Scope.ALL

    def __init__(
        self,
        namespace: str,
        network: Network,
        register: PointRegister,
        settings: EstimationSettings | None = None,
    ) -> None:
        self._settings = settings or EstimationSettings()
        self._network = network
        self._estimators = Estimators(network, register)
        self._join = CutJoin(self._settings.cadence)
        self._views = topic_name(namespace, "scada.view.v1")
        self._states = topic_name(namespace, "network.state.v1")
        self._findings = topic_name(namespace, "finding.v1")
        self._dead = topic_name(namespace, "dead-letter.v1")
        self.inputs = (self._views,)
        names = np.unique(network.buses.area)
        bus_area = np.searchsorted(names, network.buses.area)
        self._branch_area = bus_area[network.branches.from_bus]

    def initial(self, partitions: Sequence[Partition]) -> EstimationState:
        """State before the first view."""
        nothing = np.empty(0, np.complex128)
        joined = self._join.initial(partitions)
        return EstimationState(joined, {}, {}, nothing, frozenset(), Topology())

    def step(
        self, state: EstimationState, record: LogRecord
    ) -> tuple[EstimationState, list[Outcome]]:
        """Take a view in; estimate whenever it completes a cut."""
        outcomes: list[Outcome] = []
        try:
            kind = event_type(record.headers)
            if kind != VIEW_TYPE:
                raise RecordError(Reason.UNKNOWN_TYPE, f"{kind[:80]} on a topic of views")
            decode_view(record.value)
            watermark = watermark_of(record.headers)
        except RecordError as error:
            return state, [dead_letter_record(self._dead, record, error, source=self.name)]
        partition = Partition(record.topic, record.partition)
        share = Share(kind, record.value, record.offset)
        for cut in self._join.take(state.join, partition, share, watermark):
            self._at(state, cut, outcomes)
        return state, outcomes

    def _at(self, state: EstimationState, cut: Cut, outcomes: list[Outcome]) -> None:
        events: list[BreakerEvent] = []
        statuses = self._estimators.statuses(cut.time)
        for partition, shares in cut.shares.items():
            waiting = state.ahead.setdefault(partition.number, [])
            waiting += [decode_view(share.value) for share in shares]
            due = [view for view in waiting if view.scan_time <= cut.time]
            standing = state.latest.get(partition.number)
            if standing is not None:
                # Not just what came last: a worker that was killed has written some again.
                due = [view for view in due if _place(view) > _place(standing)]
            events += statuses.events(due, state.topology)
            if due:
                state.latest[partition.number] = max(reversed(due), key=_place)
            state.ahead[partition.number] = [v for v in waiting if v.scan_time > cut.time]
        if not state.latest:
            return
        case = self._estimators.case
        if events:
            topology = state.topology.with_events(events)
            state.topology = topology.forget(cut.time - _REMEMBERED, case)
        version = state.topology.at(cut.time, case)
        prepared = self._estimators.at(cut.time, version)
        readings = prepared.read(state.latest, cut.time - self._settings.stale)
        scan = prepared.scan(readings)
        estimate, reason = self._estimated(prepared, scan, state.v)
        told = self._told(cut.time, readings, scan, estimate, reason, prepared, version)
        if told.valid and estimate is not None:
            state.v = estimate.v[prepared.bus]
        outcomes.append(state_record(self._states, told, cut.time))
        doubts = {
            removal.point: Finding(
                removal.point,
                "disputed",
                cut.time,
                removal.value,
                f"about {removal.replacement:g}, what the rest of the network says",
            )
            for removal in told.removed
        }
        doubts |= {
            point: Finding(point, "loaded_though_open", cut.time, value, f"0: {branch} is open")
            for point, (value, branch) in prepared.loaded(readings).items()
        }
        findings = [finding for point, finding in doubts.items() if point not in state.removed]
        state.removed = frozenset(doubts)
        if findings:
            outcomes.append(findings_record(self._findings, 0, findings, self.name, cut.time))

    def _estimated(
        self, prepared: PreparedEstimator, scan: Scan, v: npt.NDArray[np.complex128]
    ) -> tuple[StateEstimate | None, str]:
        try:
            estimate = prepared.estimate(scan, v)
        except NetworkError as error:
            return None, str(error)
        if not estimate.converged:
            return estimate, f"not converged after {estimate.iterations} iterations"
        if estimate.j_per_dof > self._settings.greatest_j:
            return estimate, f"J/dof is {estimate.j_per_dof:.3g}: the scan contradicts itself"
        return estimate, ""

    def _told(
        self,
        time_ns: int,
        readings: Readings,
        scan: Scan,
        estimate: StateEstimate | None,
        reason: str,
        prepared: PreparedEstimator,
        version: TopologyVersion,
    ) -> NetworkState:
        network, names = prepared.network, prepared.map.names
        switched = {element_name(*element): closed for element, closed in version.switched}
        if estimate is None:
            buses = np.full(network.n_bus, np.nan).tobytes()
            flows = np.full(network.n_branch, np.nan).tobytes()
            return NetworkState(
                time_ns, network.name, False, reason, 0, float("nan"),
                buses, buses, flows, flows, flows, flows, {}, [], scan.n_measured, scan.n_pseudo,
                version.since, switched,
            )  # fmt: skip
        known = estimate.observed & (estimate.v != 0)
        branches = network.branches
        seen = known[branches.from_bus] & known[branches.to_bus] | ~branches.in_service
        if not reason and not known[np.abs(estimate.v) > 0].all():
            reason = f"{np.count_nonzero(~known & (estimate.v != 0))} buses are not observable"
        v = np.where(known, estimate.v, np.nan)[prepared.bus]
        flow_from = np.where(seen, estimate.s_from_mva, np.nan + 1j * np.nan)
        flow_to = np.where(seen, estimate.s_to_mva, np.nan + 1j * np.nan)
        losses = self._losses(network, estimate, seen)
        live = network.branches.in_service
        injected = np.where(_settled(network, known), estimate.s_bus_mva.real, np.nan)
        return NetworkState(
            time_ns,
            network.name,
            estimate.converged and not estimate.j_per_dof > self._settings.greatest_j,
            reason,
            estimate.iterations,
            estimate.j_per_dof,
            np.abs(v).tobytes(),
            np.rad2deg(np.angle(v)).tobytes(),
            np.ascontiguousarray(flow_from.real).tobytes(),
            np.ascontiguousarray(flow_from.imag).tobytes(),
            np.ascontiguousarray(flow_to.real).tobytes(),
            np.ascontiguousarray(flow_to.imag).tobytes(),
            losses,
            [Removal(names[r.row], r.normalised, r.value, r.estimated) for r in estimate.removed],
            scan.n_measured,
            scan.n_pseudo,
            version.since,
            switched,
            float(estimate.loss_mw[live].sum()) if seen.all() else None,
            prepared.regions.of(readings.value, injected, flow_from.real, flow_to.real),
        )

    def _losses(
        self, network: Network, estimate: StateEstimate, seen: npt.NDArray[np.bool_]
    ) -> dict[str, float]:
        """Losses of the areas all of whose branches in service are observed, MW."""
        live = network.branches.in_service
        areas = np.unique(self._branch_area[live])
        loss = np.where(live, estimate.loss_mw, 0.0)
        total = np.bincount(self._branch_area, weights=loss)
        unseen = np.bincount(self._branch_area, weights=live & ~seen)
        return {str(area): float(total[area]) for area in areas.tolist() if not unseen[area]}

    def dump(self, state: EstimationState) -> Tree:
        """State as a tree."""
        return {
            "join": self._join.dump(state.join),
            "latest": [_dump_view(view) for view in state.latest.values()],
            "ahead": [_dump_view(view) for views in state.ahead.values() for view in views],
            "v_real": state.v.real.copy(),
            "v_imag": state.v.imag.copy(),
            "removed": sorted(state.removed),
            "topology": _dump_topology(state.topology),
        }

    def load(self, tree: Tree) -> EstimationState:
        """State from its tree."""
        stored = cast("Mapping[str, Any]", tree)
        ahead: dict[int, list[ScadaView]] = {}
        for entry in stored["ahead"]:
            ahead.setdefault(entry["area"], []).append(ScadaView(**entry))
        return EstimationState(
            self._join.load(stored["join"]),
            {entry["area"]: ScadaView(**entry) for entry in stored["latest"]},
            ahead,
            stored["v_real"] + 1j * stored["v_imag"],
            frozenset(stored["removed"]),
            _load_topology(stored.get("topology")),
        )


def _settled(network: Network, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Buses whose injection is known: they and all their neighbours are, or they are dead."""
    branches = network.branches
    live = branches.in_service
    open_ends = np.zeros(network.n_bus, np.bool_)
    for own, other in (
        (branches.from_bus, branches.to_bus),
        (branches.to_bus, branches.from_bus),
    ):
        open_ends[own[live & ~known[other]]] = True
    return np.asarray((known & ~open_ends) | (network.buses.kind == BusKind.OUT), np.bool_)


def _place(view: ScadaView) -> tuple[int, int]:
    """Where a view stands among those of its area: a correction replaces what it corrects."""
    return view.scan_time, view.input_offset


def _dump_view(view: ScadaView) -> Tree:
    return {
        "area": view.area,
        "scan_time": view.scan_time,
        "version": view.version,
        "point": np.asarray(view.point),
        "value": np.asarray(view.value),
        "quality": np.asarray(view.quality),
        "age_s": np.asarray(view.age_s),
        "input_offset": view.input_offset,
    }


def _dump_topology(topology: Topology) -> Tree:
    events: list[Tree] = [
        [event.time, *event.element, event.end, event.closed, event.version]
        for event in topology.events
    ]
    return {"events": events, "forgotten": topology.forgotten, "since": topology.since}


def _load_topology(tree: Mapping[str, Any] | None) -> Topology:
    """Read a topology; None in a checkpoint from before there was one."""
    if tree is None:
        return Topology()
    events = [
        BreakerEvent(time, Element(kind, name), end, closed, version)
        for time, kind, name, end, closed, version in tree["events"]
    ]
    return Topology((), tree["forgotten"], tree["since"]).with_events(events)
