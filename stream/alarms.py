"""The stage of alarms: limits on telemetry at once, on estimated states, and after outages.

A limit that telemetry breaks is told with the very view that shows it; whether the estimator
disputes the value is told at the next cut, as is all that eases or ends. Loadings, voltages and
N-1 are judged on the estimated state. Each alarm depends on the records of its own partitions
up to a cut, so it does not matter which partition was read first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from network.alarm_rules import AlarmRules
from network.model import Network
from records.alarm import Alarm, alarm_record
from records.deadletter import dead_letter_record
from records.envelope import event_type, watermark_of
from records.errors import Reason, RecordError
from records.log import LogRecord, Partition
from records.operator_act import ACT_TYPE, OperatorAct, decode_act
from records.points import PointRegister
from records.snapshot import Tree
from records.state import STATE_TYPE, NetworkState, decode_state
from records.tick import TICK_TYPE, decode_tick
from records.time import MINUTE
from records.topics import topic_name
from records.view import VIEW_TYPE, decode_view
from stream.alarm_book import AlarmBook, BookState
from stream.alarm_groups import AlarmGroups
from stream.alarm_watch import WatchState, dump_alarms, load_alarms
from stream.join import Cut, CutJoin, JoinState, Share
from stream.network_versions import NetworkVersions
from stream.stage import Outcome, Scope
from stream.state_limits import OutageLimits, StateLimits
from stream.telemetry_limits import TelemetryLimits
from stream.watermark import NEVER, TimeBounds

__all__ = ["AlarmSettings", "AlarmStage", "AlarmState"]


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """Settings of the stage.

    Parameters
    ----------
    cadence
        Event time between two cuts, ns: that of the estimates.
    screen_every
        Every n-th cut is screened for outages.
    rules
        Limits and tables.
    acts
        Read what operators do. Their topic must then carry ticks, for a cut waits for it.
    bounds
        Which times of acts and ticks are believed.
    """

    cadence: int = 5 * MINUTE
    screen_every: int = 1
    rules: AlarmRules = field(default_factory=AlarmRules)
    acts: bool = False
    bounds: TimeBounds = field(default_factory=TimeBounds)


@dataclass(slots=True)
class _Area:
    """Telemetry of one area: the last scan seen, and its watch."""

    scan_time: int
    watch: WatchState


@dataclass(slots=True)
class AlarmState:
    """Where the join stands, and every watch.

    Parameters
    ----------
    join
        The join of views, states and acts.
    areas
        Telemetry by area.
    loading, voltage, contingency
        Watches of the estimated state.
    book
        Active alarms as told.
    waiting
        Changes of telemetry alarms after the last cut, and whether they were told.
    acts
        Acts after the last cut.
    estimated
        Time of the last state, ns UTC.
    """

    join: JoinState
    areas: dict[int, _Area]
    loading: WatchState
    voltage: WatchState
    contingency: WatchState
    book: BookState
    waiting: list[tuple[Alarm, bool]]
    acts: list[OperatorAct]
    estimated: int


class _Changes(msgspec.Struct):
    """What one view changed, as it waits in the join."""

    alarms: list[tuple[Alarm, bool]]


_CHANGES = msgspec.msgpack.Decoder(_Changes)


class AlarmStage:
    """Raises and clears alarms of a network over all areas.

    Parameters
    ----------
    namespace
        Namespace of the topics.
    network
        The network.
    register
        The dated point register.
    settings
        Cadence, rules.
    """

    name = "alarms"
    scope = Scope.ALL

    def __init__(
        self,
        namespace: str,
        network: Network,
        register: PointRegister,
        settings: AlarmSettings | None = None,
    ) -> None:
        self._settings = settings or AlarmSettings()
        rules = self._settings.rules
        self._join = CutJoin(self._settings.cadence)
        self._telemetry = {
            area: TelemetryLimits(network, register, area, rules) for area in register.areas
        }
        self._versions = NetworkVersions(network)
        self._limits = StateLimits(network, rules)
        self._outages = OutageLimits(network, rules)
        self._book = AlarmBook(AlarmGroups(network))
        self._alarms = topic_name(namespace, "network.alarm.v1")
        self._dead = topic_name(namespace, "dead-letter.v1")
        self._inputs = (
            topic_name(namespace, "scada.view.v1"),
            topic_name(namespace, "network.state.v1"),
        )
        self._acts = (topic_name(namespace, "operator.act.v1"),) if self._settings.acts else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Topics read: what operators do only where it is asked for."""
        return self._inputs + self._acts

    def initial(self, partitions: Sequence[Partition]) -> AlarmState:
        """State before the first record."""
        return AlarmState(
            self._join.initial(partitions),
            {
                area: _Area(NEVER, limits.watch.initial())
                for area, limits in self._telemetry.items()
            },
            self._limits.loading.initial(),
            self._limits.voltage.initial(),
            self._outages.watch.initial(),
            self._book.initial(),
            [],
            [],
            NEVER,
        )

    def step(self, state: AlarmState, record: LogRecord) -> tuple[AlarmState, list[Outcome]]:
        """Take a record in; tell of telemetry at once, of all else whenever a cut is complete."""
        outcomes: list[Outcome] = []
        try:
            share, watermark = self._share(state, record, outcomes)
        except RecordError as error:
            return state, [dead_letter_record(self._dead, record, error, source=self.name)]
        partition = Partition(record.topic, record.partition)
        for cut in self._join.take(state.join, partition, share, watermark):
            outcomes += [
                alarm_record(self._alarms, alarm, cut.time) for alarm in self._at(state, cut)
            ]
        return state, outcomes

    def _share(
        self, state: AlarmState, record: LogRecord, outcomes: list[Outcome]
    ) -> tuple[Share | None, int | None]:
        kind, watermark = event_type(record.headers), watermark_of(record.headers)
        value = record.value
        if kind == VIEW_TYPE:
            changes = self._telemetry_of(state, record.value)
            outcomes += [alarm_record(self._alarms, alarm) for alarm, told in changes if told]
            if not changes:
                return None, watermark
            value = msgspec.msgpack.encode(_Changes(changes))
        elif kind == STATE_TYPE:
            self._check_state(value)
        elif record.topic in self._acts and kind == ACT_TYPE:
            self._settings.bounds.check(decode_act(value).time, record.append_time)
        elif record.topic in self._acts and kind == TICK_TYPE:
            time_ns = decode_tick(value).time
            self._settings.bounds.check(time_ns, record.append_time)
            return None, time_ns
        else:
            raise RecordError(Reason.UNKNOWN_TYPE, f"{kind[:80]} has no place in {record.topic}")
        return Share(kind, value, record.offset), watermark

    def _check_state(self, value: bytes) -> None:
        state = decode_state(value)
        n_bus, n_branch = len(self._limits.voltage.rows), len(self._limits.loading.rows)
        buses = state.v_pu, state.angle_deg
        branches = state.p_from_mw, state.q_from_mvar, state.p_to_mw, state.q_to_mvar
        if {len(c) for c in buses} != {8 * n_bus} or {len(c) for c in branches} != {8 * n_branch}:
            raise RecordError(
                Reason.SCHEMA_MISMATCH,
                f"a state of about {len(state.v_pu) // 8} buses and {len(state.p_from_mw) // 8} "
                f"branches, the network has {n_bus} and {n_branch}",
            )

    def _telemetry_of(self, state: AlarmState, value: bytes) -> list[tuple[Alarm, bool]]:
        """Changes that a view brings, and whether they are to be told at once."""
        view = decode_view(value)
        area = state.areas.get(view.area)
        if area is None or view.scan_time <= area.scan_time:
            return []
        area.scan_time = view.scan_time
        limits = self._telemetry[view.area]
        before = area.watch.step.copy()
        changes = limits.watch.take(
            area.watch, view.scan_time, limits.levels(view), limits.evidence
        )
        if not changes:
            return []
        worse = {limits.watch.rows[row] for row in (area.watch.step > before).nonzero()[0].tolist()}
        named = {(row.element, row.end) for row in worse}
        return [(alarm, (alarm.element, alarm.end) in named) for alarm in changes]

    def _at(self, state: AlarmState, cut: Cut) -> list[Alarm]:
        estimate: NetworkState | None = None
        for _, shares in sorted(cut.shares.items()):
            for share in shares:
                if share.kind == VIEW_TYPE:
                    state.waiting += _CHANGES.decode(share.value).alarms
                elif share.kind == ACT_TYPE:
                    state.acts.append(decode_act(share.value))
                else:
                    told = decode_state(share.value)
                    if told.time > state.estimated:
                        estimate, state.estimated = told, told.time
        due = [change for change in state.waiting if change[0].updated <= cut.time]
        acts = [act for act in state.acts if act.time <= cut.time]
        state.waiting = [change for change in state.waiting if change[0].updated > cut.time]
        state.acts = [act for act in state.acts if act.time > cut.time]
        rejected = None
        if estimate is not None and estimate.valid:
            rejected = frozenset(removal.point for removal in estimate.removed)
            due += [(alarm, False) for alarm in self._estimated(state, estimate)]
        return self._book.settle(state.book, cut.time, changes=due, rejected=rejected, acts=acts)

    def _estimated(self, state: AlarmState, estimate: NetworkState) -> list[Alarm]:
        network = self._versions.of(estimate)
        loadings = self._limits.loadings(estimate, network)
        changes = self._limits.loading.take(state.loading, estimate.time, loadings)
        voltages = self._limits.voltages(estimate)
        changes += self._limits.voltage.take(state.voltage, estimate.time, voltages)
        number = estimate.time // self._settings.cadence
        if number % self._settings.screen_every == 0:
            changes += self._outages.take(state.contingency, estimate, network, loadings.level)
        return changes

    def dump(self, state: AlarmState) -> Tree:
        """State as a tree."""
        return {
            "join": self._join.dump(state.join),
            "areas": [
                [number, area.scan_time, area.watch.dump()] for number, area in state.areas.items()
            ],
            "loading": state.loading.dump(),
            "voltage": state.voltage.dump(),
            "contingency": state.contingency.dump(),
            "book": state.book.dump(),
            "waiting": dump_alarms([alarm for alarm, _ in state.waiting]),
            "told": [told for _, told in state.waiting],
            "acts": msgspec.msgpack.encode(state.acts),
            "estimated": state.estimated,
        }

    def load(self, tree: Tree) -> AlarmState:
        """State from its tree.

        Raises
        ------
        ValueError
            When the network or the register has other elements than when it was written.
        """
        stored = cast("Mapping[str, Any]", tree)
        loaded = AlarmState(
            self._join.load(stored["join"]),
            {n: _Area(at, WatchState.load(watch)) for n, at, watch in stored["areas"]},
            WatchState.load(stored["loading"]),
            WatchState.load(stored["voltage"]),
            WatchState.load(stored["contingency"]),
            BookState.load(stored["book"]),
            list(zip(load_alarms(stored["waiting"]), stored["told"], strict=True)),
            msgspec.msgpack.decode(stored["acts"], type=list[OperatorAct]),
            stored["estimated"],
        )
        self._check(loaded)
        return loaded

    def _check(self, state: AlarmState) -> None:
        """Refuse a checkpoint of another network: its rows would mean other elements."""
        pairs = [
            (self._limits.loading, state.loading),
            (self._limits.voltage, state.voltage),
            (self._outages.watch, state.contingency),
        ]
        same = state.areas.keys() == self._telemetry.keys()
        if same:
            pairs += [(self._telemetry[n].watch, area.watch) for n, area in state.areas.items()]
        if not same or any(len(watch.rows) != len(kept.step) for watch, kept in pairs):
            raise ValueError(
                "the checkpoint of the alarms is of another network or register; start afresh"
            )
