"""The stage that estimates what meters are still missing when their readings were long due.

It is apart from the rules that fill telemetry live: what it says may stand on an invoice. So each
estimate carries its method, its inputs and who stands for it, agrees with the registers where they
enclose a gap, and is taken back by a record of its own when the reading comes. Event time is that
of the metering stage; a period is due some working days after its local day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from records.envelope import event_type
from records.errors import Reason, RecordError
from records.finding import Finding, findings_record
from records.log import LogRecord, Outgoing, Partition
from records.meter import METER_TYPE, MeterDocument, decode_meter
from records.meter_approval import APPROVAL_TYPE, decode_approval
from records.meter_estimate import MeterEstimate, estimate_record
from records.snapshot import Tree
from records.tick import TICK_TYPE, decode_tick, tick_record
from records.time import DAY, MINUTE
from records.topics import topic_name
from stream.estimate_ledger import EstimateLedger, LedgerChange
from stream.local_clock import LocalClock
from stream.meter_gaps import GapRules, estimate_gaps
from stream.meter_registers import Registers
from stream.meter_table import MeterTable
from stream.meter_versions import MeterVersions
from stream.settlement import overdue
from stream.stage import Outcome, Scope
from stream.watermark import NEVER, TimeBounds
from stream.working_days import due_after

__all__ = ["EstimateSettings", "MeterEstimateStage", "MeterEstimateState"]


@dataclass(frozen=True, slots=True)
class EstimateSettings:
    """Settings of the stage; times in ns.

    Parameters
    ----------
    points
        Point (series) id by meter id; a meter not named is its own point.
    bounds
        Which times are believed.
    wait
        Working days after a local day until its missing readings are estimated.
    consolidated_after
        Working days after a local day until its consolidated readings are due.
    keep
        How long readings are kept behind the watermark; more than `rules.span` of it lets an
        estimate follow corrections of its inputs.
    silent_after
        A meter not heard for so long is not estimated any further.
    beat
        How often a tick carries the watermark on.
    rules
        How gaps are estimated.
    approved_by
        Who stands for the estimates: the rule, with its version.
    """

    points: Mapping[str, str] = field(default_factory=dict)
    bounds: TimeBounds = field(default_factory=TimeBounds)
    wait: int = 2
    consolidated_after: int = 5
    keep: int = 45 * DAY
    silent_after: int = 14 * DAY
    beat: int = 5 * MINUTE
    rules: GapRules = field(default_factory=GapRules)
    approved_by: str = "rule:meter-estimates/1"


@dataclass(slots=True)
class MeterEstimateState:
    """State of one area, changed in place.

    Parameters
    ----------
    area
        Area number.
    versions, registers
        What the documents said.
    ledger
        What was estimated and told.
    heard
        By meter: length of its periods, start of the first and of the latest one.
    due, settled
        Local days that end by then were searched for gaps, and for consolidated readings.
    watermark, told
        How far event time has come, and how far others know it.
    """

    area: int
    versions: MeterVersions
    registers: Registers
    ledger: EstimateLedger
    heard: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    due: int = NEVER
    settled: int = NEVER
    watermark: int = NEVER
    told: int = NEVER


class MeterEstimateStage:
    """Estimates of missing metered energy, one area a partition.

    Parameters
    ----------
    namespace
        Namespace of the topics.
    clock
        Local clock of the meters, with the holidays that are no working days.
    settings
        Limits.
    """

    name = "meter_estimates"
    scope = Scope.PARTITION

    def __init__(
        self, namespace: str, clock: LocalClock, settings: EstimateSettings | None = None
    ) -> None:
        self._settings = settings or EstimateSettings()
        self._clock = clock
        self.inputs = (topic_name(namespace, "meter.read.v1"),)
        self._estimate_topic = topic_name(namespace, "meter.estimate.v1")
        self._finding_topic = topic_name(namespace, "finding.v1")

    def initial(self, partitions: Sequence[Partition]) -> MeterEstimateState:
        """State before the first record of an area."""
        return MeterEstimateState(
            partitions[0].number, MeterVersions(), Registers(), EstimateLedger()
        )

    def step(
        self, state: MeterEstimateState, record: LogRecord
    ) -> tuple[MeterEstimateState, list[Outcome]]:
        """Take one document, decision or tick in.

        What cannot be read is the metering stage's to tell.
        """
        outcomes: list[Outcome] = []
        try:
            kind = event_type(record.headers)
            if kind == METER_TYPE:
                self._document(state, record, outcomes)
            elif kind == APPROVAL_TYPE:
                self._approval(state, record, outcomes)
            elif kind == TICK_TYPE:
                self._tick(state, record, outcomes)
        except RecordError:
            pass
        return state, outcomes

    def _document(
        self, state: MeterEstimateState, record: LogRecord, outcomes: list[Outcome]
    ) -> None:
        document = decode_meter(record)
        self._check(state, document, record.append_time)
        changed = state.versions.take(document)
        touched = state.registers.take(document)
        for part in changed:
            for place in part.meter.tolist():
                name = state.versions.meters[place]
                length, first, last = state.heard.get(name, (part.period, part.start, NEVER))
                length = part.period if part.start >= last else length
                state.heard[name] = (length, min(first, part.start), max(last, part.start))
                if part.start < state.due:
                    touched.add(name)
        state.watermark = max(state.watermark, document.available_at - 1)
        self._move_on(state, touched, outcomes)

    def _check(self, state: MeterEstimateState, document: MeterDocument, append_time: int) -> None:
        """Refuse a document as a whole when a time of it is not believed, or is long gone."""
        bounds = self._settings.bounds
        bounds.check(document.available_at, append_time)
        starts = [start for series in document.series for start in series.start]
        ends = [start + document.period for start in starts]
        instants = [at for reading in document.register_readings for at in reading.at]
        if starts or instants:
            bounds.check(max(ends + instants), append_time)
            bounds.check(min(starts + instants), append_time)
        if starts and min(starts) < state.watermark - self._settings.keep:
            raise RecordError(Reason.TIME_OUT_OF_BOUNDS, "periods older than what is kept")

    def _approval(
        self, state: MeterEstimateState, record: LogRecord, outcomes: list[Outcome]
    ) -> None:
        """Let a person's decision stand on the very revisions that it names."""
        approval = decode_approval(record)
        self._settings.bounds.check(approval.at, record.append_time)
        changes, void = state.ledger.decided(approval)
        period, _, _ = state.heard.get(approval.meter, (0, 0, 0))
        outcomes.extend(self._told(state, approval.meter, period, change) for change in changes)
        if void:
            text = (
                f"{len(void)} of {len(approval.start)} periods: other revisions stand than those "
                f"that {approval.by} decided on"
            )
            found = Finding(approval.meter, "decision_void", void[0], float(len(void)), text)
            outcomes.append(
                findings_record(
                    self._finding_topic, state.area, [found], self.name, state.watermark
                )
            )

    def _tick(self, state: MeterEstimateState, record: LogRecord, outcomes: list[Outcome]) -> None:
        time_ns = decode_tick(record.value).time
        self._settings.bounds.check(time_ns, record.append_time)
        if time_ns <= state.watermark:
            return
        state.watermark = time_ns
        self._move_on(state, set(), outcomes)
        beat = self._settings.beat
        if state.told == NEVER or time_ns // beat > state.told // beat:
            state.told = time_ns
            outcomes.append(tick_record(self._estimate_topic, state.area, time_ns, self.name))

    def _move_on(
        self,
        state: MeterEstimateState,
        touched: set[str],
        outcomes: list[Outcome],
    ) -> None:
        """Search the days that became due, and review the meters concerned."""
        begin = state.watermark - self._settings.keep
        findings: list[Finding] = []
        before = state.due
        state.due = self._passed(state.due, state.watermark, self._settings.wait)
        if state.due > before:
            state.versions.forget(begin)
            state.registers.forget(begin)
            state.ledger.forget(begin)
        settled = self._passed(state.settled, state.watermark, self._settings.consolidated_after)
        if settled > state.settled:
            since = max(state.settled, begin)
            findings += overdue(state.versions, self._clock, state.area, since, settled)
            state.settled = settled
        if touched or state.due > before:
            outcomes.extend(self._review(state, touched, max(before, begin), findings))
        if findings:
            outcomes.append(
                findings_record(
                    self._finding_topic, state.area, findings, self.name, state.watermark
                )
            )

    def _passed(self, until: int, watermark: int, working_days: int) -> int:
        """Return the end of the last local day that is so many working days behind."""
        if watermark == NEVER:
            return until
        if until == NEVER:
            until = self._clock.day(watermark - self._settings.keep)[0]
        while due_after(self._clock, until, working_days) <= watermark:
            until = self._clock.day(until)[1]
        return until

    def _incomplete(
        self, state: MeterEstimateState, table: MeterTable, names: Sequence[str], since: int
    ) -> set[str]:
        """Return those of some meters of a table that miss a period of ``[since, state.due)``."""
        starts = table.first + table.period * np.arange(len(table.slot))
        places = np.array([state.versions.place(name) for name in names], np.int64)
        _, first, last = np.array([state.heard[name] for name in names], np.int64).T
        absent = np.isnan(table.net_mwh[:, places]) & (starts >= since)[:, None]
        absent &= (starts[:, None] > first) & (starts[:, None] < last + self._settings.silent_after)
        return {names[k] for k in np.flatnonzero(absent.any(axis=0)).tolist()}

    def _alike(self, state: MeterEstimateState) -> dict[tuple[int, int], list[str]]:
        """Meters by the length of their periods, and where these begin."""
        alike: dict[tuple[int, int], list[str]] = {}
        for name, (period, first, _) in state.heard.items():
            alike.setdefault((period, first % period), []).append(name)
        return alike

    def _review(
        self, state: MeterEstimateState, touched: set[str], since: int, findings: list[Finding]
    ) -> Iterator[Outgoing]:
        """Estimate the gaps of some meters anew, and of those that miss a day that became due."""
        begin = state.watermark - self._settings.keep
        for (period, phase), names in sorted(self._alike(state).items()):
            concerned = touched.intersection(names)
            if state.due <= since and not concerned:
                continue
            first = min(state.heard[name][1] for name in names)
            first = max(first, begin + (phase - begin) % period)
            table = MeterTable.of(state.versions, self._clock, period, first, state.due)
            if state.due > since:
                concerned |= self._incomplete(state, table, names, since)
            for meter in sorted(concerned):
                yield from self._reviewed(state, table, meter, findings)

    def _reviewed(
        self, state: MeterEstimateState, table: MeterTable, meter: str, findings: list[Finding]
    ) -> Iterator[Outgoing]:
        """Tell what became different of one meter.

        Gaps whose profile would reach before what is kept keep the estimate that they have.
        """
        rules = self._settings.rules
        period, first, last = state.heard[meter]
        until = min(state.due, last + period + self._settings.silent_after)
        series = table.meter(meter, state.versions.place(meter), first, until)
        since = -(-rules.span // period) if first < series.first else 0
        estimates, found = estimate_gaps(series, state.registers.of(meter), rules, since)
        findings += state.ledger.new_findings(found)
        frozen = series.first + since * period
        for change in state.ledger.changes(meter, series, estimates, frozen):
            yield self._told(state, meter, period, change)

    def _told(
        self, state: MeterEstimateState, meter: str, period: int, change: LedgerChange
    ) -> Outgoing:
        estimate = MeterEstimate(
            state.area,
            meter,
            self._settings.points.get(meter, meter),
            period,
            change.start,
            change.energy_mwh,
            change.revision,
            change.method,
            change.inputs,
            change.reason,
            change.by or self._settings.approved_by,
            state.watermark,
            change.status,
            change.decided_at,
        )
        return estimate_record(self._estimate_topic, estimate)

    def dump(self, state: MeterEstimateState) -> Tree:
        """State as a tree."""
        return {
            "area": state.area,
            "versions": state.versions.dump(),
            "registers": state.registers.dump(),
            "ledger": state.ledger.dump(),
            "heard": [[name, *heard] for name, heard in state.heard.items()],
            "due": state.due,
            "settled": state.settled,
            "watermark": state.watermark,
            "told": state.told,
        }

    def load(self, tree: Tree) -> MeterEstimateState:
        """State from its tree."""
        stored = cast("Mapping[str, Any]", tree)
        return MeterEstimateState(
            stored["area"],
            MeterVersions.load(stored["versions"]),
            Registers.load(stored["registers"]),
            EstimateLedger.load(stored["ledger"]),
            {name: (length, first, last) for name, length, first, last in stored["heard"]},
            stored["due"],
            stored["settled"],
            stored["watermark"],
            stored["told"],
        )
