"""The stage of metering: from versioned documents to metered intervals and their revisions.

Event time is the time at which a document was made known. The watermark is that of the last
tick, or just before the last document, for others made known at the same moment may follow.
Interval batches carry it, so that a joined consumer sees at time t what was known at t. Where
no document comes, a tick makes an empty batch that carries the watermark on, once in `beat`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from records.deadletter import dead_letter_record
from records.envelope import event_type, watermark_of
from records.errors import Reason, RecordError
from records.finding import findings_record
from records.late import late_record
from records.log import LogRecord, Partition
from records.meter import METER_TYPE, decode_meter
from records.meter_approval import APPROVAL_TYPE, decode_approval
from records.snapshot import Tree
from records.tick import TICK_TYPE, decode_tick
from records.time import DAY, MINUTE
from records.topics import topic_name
from records.window import WINDOW_TYPE, WindowBatch, decode_window, window_record
from stream.join import Cut, CutJoin, JoinState, Share
from stream.late_documents import late_periods, without_late
from stream.meter_check import CheckLimits, CheckState, check_against_scada
from stream.meter_intervals import interval_batch
from stream.meter_versions import Accepted, MeterVersions
from stream.stage import Outcome, Scope
from stream.watermark import NEVER, TimeBounds

__all__ = ["MeteringSettings", "MeteringStage", "MeteringState"]


@dataclass(frozen=True, slots=True)
class MeteringSettings:
    """Settings of the stage, ns.

    Parameters
    ----------
    points
        Point (series) id by meter id; a meter not named is its own point.
    bounds
        Which times are believed.
    keep
        Periods are kept for this long behind the watermark; later versions of older ones are
        told on, for the periods to be made again from the historian.
    rebuild_for
        Documents with periods older than this are refused.
    beat
        How often an empty batch carries the watermark on.
    check
        Compare with SCADA windows; None reads no SCADA at all.
    """

    points: Mapping[str, str] = field(default_factory=dict)
    bounds: TimeBounds = field(default_factory=TimeBounds)
    keep: int = 14 * DAY
    rebuild_for: int = 3 * 365 * DAY
    beat: int = 5 * MINUTE
    check: CheckLimits | None = None


@dataclass(slots=True)
class MeteringState:
    """State of one area, changed in place."""

    area: int
    versions: MeterVersions
    check: CheckState
    join: JoinState
    watermark: int = NEVER
    told: int = NEVER


class MeteringStage:
    """Versioned meter documents to intervals, one area a partition.

    Parameters
    ----------
    namespace
        Namespace of the topics.
    settings
        Limits; by default SCADA is not read.
    """

    name = "metering"
    scope = Scope.PARTITION

    def __init__(self, namespace: str, settings: MeteringSettings | None = None) -> None:
        self._settings = settings or MeteringSettings()
        self._meter_topic = topic_name(namespace, "meter.read.v1")
        self._window_topic = topic_name(namespace, "window.5min.v1")
        self._interval_topic = topic_name(namespace, "meter.interval.v1")
        self._late_topic = topic_name(namespace, "window.late.v1")
        self._finding_topic = topic_name(namespace, "finding.v1")
        self._dead_topic = topic_name(namespace, "dead-letter.v1")
        self._join = CutJoin(self._settings.beat)
        scada = () if self._settings.check is None else (self._window_topic,)
        self.inputs = (self._meter_topic, *scada)

    def initial(self, partitions: Sequence[Partition]) -> MeteringState:
        """State before the first record of an area."""
        return MeteringState(
            partitions[0].number,
            MeterVersions(),
            CheckState(),
            self._join.initial(partitions),
        )

    def step(self, state: MeteringState, record: LogRecord) -> tuple[MeteringState, list[Outcome]]:
        """Take one document, tick or SCADA window in."""
        outcomes: list[Outcome] = []
        try:
            kind = event_type(record.headers)
            if kind == METER_TYPE and record.topic == self._meter_topic:
                self._document(state, record, outcomes)
            elif kind == TICK_TYPE and record.topic == self._meter_topic:
                self._tick(state, record, outcomes)
            elif kind == APPROVAL_TYPE and record.topic == self._meter_topic:
                # For the stage of estimates; here it is only refused where it cannot be read.
                self._settings.bounds.check(decode_approval(record).at, record.append_time)
            elif kind == WINDOW_TYPE and record.topic == self._window_topic:
                decode_window(record.value)
                share = Share(kind, record.value, record.offset)
                self._joined(state, record, [share], watermark_of(record.headers), outcomes)
            else:
                raise RecordError(Reason.UNKNOWN_TYPE, f"{kind[:80]} on {record.topic}")
        except RecordError as error:
            outcomes.append(dead_letter_record(self._dead_topic, record, error, source=self.name))
        return state, outcomes

    def _document(self, state: MeteringState, record: LogRecord, outcomes: list[Outcome]) -> None:
        document = decode_meter(record)
        bounds = self._settings.bounds
        bounds.check(document.available_at, record.append_time)
        starts = [start for series in document.series for start in series.start]
        if starts:
            bounds.check(max(starts) + document.period, record.append_time)
            oldest = max(bounds.earliest, state.watermark - self._settings.rebuild_for)
            if min(starts) < oldest:
                raise RecordError(
                    Reason.TIME_OUT_OF_BOUNDS,
                    f"document {document.document} has periods older than what the historian keeps "
                    f"({self._settings.rebuild_for // DAY} days)",
                )
        kept_from = state.watermark - self._settings.keep
        known = max(state.watermark, document.available_at - 1)
        late = late_periods(document, kept_from, record.offset, known)
        if late is not None:
            document = without_late(document, kept_from)
        changed = state.versions.take(document)
        state.watermark = known
        batches = [self._batch(state, part, record.offset) for part in changed]
        if late is not None:
            # Whoever makes the late periods again waits for a batch made of this document.
            batches = batches or [self._nothing(state, known, record.offset)]
            outcomes.append(late_record(self._late_topic, late, known))
        self._tell(state, record, batches, outcomes)

    def _tick(self, state: MeteringState, record: LogRecord, outcomes: list[Outcome]) -> None:
        time_ns = decode_tick(record.value).time
        self._settings.bounds.check(time_ns, record.append_time)
        if time_ns <= state.watermark:
            return
        state.watermark = time_ns
        state.versions.forget(time_ns - self._settings.keep)
        beat = self._settings.beat
        empty = []
        if state.told == NEVER or time_ns // beat > state.told // beat:
            empty = [self._nothing(state, time_ns, record.offset)]
        self._tell(state, record, empty, outcomes)

    def _tell(
        self,
        state: MeteringState,
        record: LogRecord,
        batches: list[WindowBatch],
        outcomes: list[Outcome],
    ) -> None:
        told = [window_record(self._interval_topic, batch, state.watermark) for batch in batches]
        if told:
            state.told = state.watermark
        outcomes.extend(told)
        shares = [
            Share(METER_TYPE, outgoing.value, record.offset)
            for outgoing, batch in zip(told, batches, strict=True)
            if len(batch.series)
        ]
        self._joined(state, record, shares, state.watermark, outcomes)

    def _nothing(self, state: MeteringState, time_ns: int, offset: int) -> WindowBatch:
        """Return an empty batch, which carries a watermark on."""
        nothing = np.empty(0, np.int64)
        part = Accepted(time_ns, 0, nothing, np.empty(0, np.float64), np.empty(0, np.int32))
        return self._batch(state, part, offset)

    def _batch(self, state: MeteringState, part: Accepted, offset: int) -> WindowBatch:
        names = [state.versions.meters[place] for place in part.meter.tolist()]
        series = np.array([self._settings.points.get(n, n) for n in names], dtype=object)
        return interval_batch(
            state.area, part.start, part.period, offset, series, part.net_mwh, part.revision
        )

    def _joined(
        self,
        state: MeteringState,
        record: LogRecord,
        shares: list[Share],
        watermark: int | None,
        outcomes: list[Outcome],
    ) -> None:
        """Compare with SCADA what both sides completed."""
        if self._settings.check is None:
            return
        partition = Partition(record.topic, record.partition)
        cuts: list[Cut] = []
        for share in shares:
            cuts += self._join.take(state.join, partition, share, None)
        if watermark is not None and watermark > NEVER:
            cuts += self._join.take(state.join, partition, None, watermark)
        for cut in cuts:
            parts = [share for shares in cut.shares.values() for share in shares]
            findings = check_against_scada(
                state.check,
                [decode_window(share.value) for share in parts if share.kind == METER_TYPE],
                [decode_window(share.value) for share in parts if share.kind == WINDOW_TYPE],
                cut.time,
                self._settings.check,
            )
            if findings:
                outcomes.append(
                    findings_record(self._finding_topic, state.area, findings, self.name, cut.time)
                )

    def dump(self, state: MeteringState) -> Tree:
        """State as a tree."""
        return {
            "area": state.area,
            "versions": state.versions.dump(),
            "check": state.check.dump(),
            "join": self._join.dump(state.join),
            "watermark": state.watermark,
            "told": state.told,
        }

    def load(self, tree: Tree) -> MeteringState:
        """State from its tree."""
        stored = cast("Mapping[str, Any]", tree)
        return MeteringState(
            stored["area"],
            MeterVersions.load(stored["versions"]),
            CheckState.load(stored["check"]),
            self._join.load(stored["join"]),
            stored["watermark"],
            stored["told"],
        )
