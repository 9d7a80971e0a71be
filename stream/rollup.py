"""The stage that rolls windows of 15 minutes up: to 30 minutes, hours and local days.

Means, energies, extremes, counts, imputed shares and quality follow from the parts. The 95 %
quantile does not, so it is absent (NaN) here. A window closes when the watermark of its parts
passes its end, with the parts that are there; a correction of a part opens revision n + 1 of
every window that it belongs to and whose numbers change. What stands is a function of the set of
parts, whatever their order.

Parts are kept until `keep` after the end of their local day. A correction that comes later cannot
be folded in any more; a finding says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from records.deadletter import dead_letter_record
from records.envelope import event_type, watermark_of
from records.errors import Reason, RecordError
from records.finding import Finding, findings_record
from records.log import LogRecord, Partition
from records.snapshot import Tree
from records.time import DAY, HOUR, MINUTE, floor_time, format_time
from records.topics import topic_name
from records.window import WINDOW_TYPE, WindowBatch, decode_window, window_record
from stream.fold import Aggregates
from stream.local_clock import LocalClock
from stream.rollup_state import RollupState, Span
from stream.stage import Outcome, Scope
from stream.watermark import NEVER
from stream.whole import whole

__all__ = ["RollupSettings", "RollupStage"]

_DAY = "window.day.v1"
_TOPICS = {30 * MINUTE: "window.30min.v1", HOUR: "window.60min.v1"}
"""Names of the topics by the length of their windows; all others are days."""

_PART = 15 * MINUTE
_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class RollupSettings:
    """How long (ns) after the end of its local day a part can be corrected."""

    keep: int = DAY


class RollupStage:
    """Windows of 30 minutes, hours and local days of one area a partition.

    Parameters
    ----------
    namespace
        Namespace of the topics.
    clock
        Local clock of the days.
    settings
        What is kept.
    """

    name = "rollup"
    scope = Scope.PARTITION

    def __init__(
        self, namespace: str, clock: LocalClock, settings: RollupSettings | None = None
    ) -> None:
        self._clock = clock
        self._settings = settings or RollupSettings()
        self.inputs = (topic_name(namespace, "window.15min.v1"),)
        self._topics = {name: topic_name(namespace, name) for name in (*_TOPICS.values(), _DAY)}
        self._finding_topic = topic_name(namespace, "finding.v1")
        self._dead_topic = topic_name(namespace, "dead-letter.v1")

    def initial(self, partitions: Sequence[Partition]) -> RollupState:
        """State before the first window of an area."""
        return RollupState(partitions[0].number)

    def step(self, state: RollupState, record: LogRecord) -> tuple[RollupState, list[Outcome]]:
        """Take one batch of windows in."""
        outcomes: list[Outcome] = []
        try:
            kind = event_type(record.headers)
            if kind != WINDOW_TYPE:
                raise RecordError(Reason.UNKNOWN_TYPE, f"{kind[:80]} on a topic of windows")
            batch = decode_window(record.value)
            if batch.length != _PART or batch.start % _PART:
                detail = f"a window of {batch.length} ns from {format_time(batch.start)} is no part"
                raise RecordError(Reason.SCHEMA_MISMATCH, detail)
            told = watermark_of(record.headers)
        except RecordError as error:
            return state, [dead_letter_record(self._dead_topic, record, error, source=self.name)]
        if len(batch.series):
            self._part(state, batch, outcomes)
        before = state.watermark
        state.watermark = max(before, NEVER if told is None else told)
        # Not the offset of the part: a worker that was killed has written parts twice, and what
        # is made of them must not tell.
        self._close(state, before, batch.input_offset, outcomes)
        if state.watermark > before:
            self._forget(state)
        return state, outcomes

    def _part(self, state: RollupState, batch: WindowBatch, outcomes: list[Outcome]) -> None:
        """Put a part in its place, and correct the windows that had closed without it."""
        if self._clock.day(batch.start)[1] + self._settings.keep <= state.watermark:
            outcomes.append(self._too_late(state, batch))
            return
        rows = state.rows(batch.series)
        newer = batch.revision > state.part_revision(batch.start, rows)
        rows, numbers = rows[newer], Aggregates(**_columns(batch, newer))
        if not len(rows):
            return
        spans = self._wholes(batch.start)
        before = {span: self._make(state, span, rows) for span in spans if span in state.closed}
        state.open.update(span for span in spans if span not in state.closed)
        state.put(batch.start, rows, numbers, batch.revision[newer])
        for span, stood in before.items():
            made = self._make(state, span, rows)
            changed = stood.differs(_ALL, made) | (state.revision(span, rows) == 0)
            if changed.any():
                some = Aggregates(**made.columns(changed))
                complete, offset = state.watermark, batch.input_offset
                self._emit(state, span, rows[changed], some, complete, offset, outcomes)

    def _close(self, state: RollupState, before: int, offset: int, outcomes: list[Outcome]) -> None:
        """Close every window that ends by the watermark, which was `before`, in order of ends."""
        due = [span for span in state.open if span[1] <= state.watermark]
        for span in sorted(due, key=lambda span: (span[1], -span[0])):
            state.open.remove(span)
            rows = state.present(range(*span, _PART))
            made = self._make(state, span, rows)
            # Once this is read the windows up to its end are complete, those after it are not.
            self._emit(state, span, rows, made, max(span[1], before), offset, outcomes)

    def _wholes(self, part: int) -> list[Span]:
        """Return the windows that a part belongs to."""
        starts = [(floor_time(part, length), length) for length in _TOPICS]
        return [*((start, start + length) for start, length in starts), self._clock.day(part)]

    def _make(self, state: RollupState, span: Span, rows: npt.NDArray[np.int64]) -> Aggregates:
        """Aggregate one window of some series from the parts that are there."""
        starts = range(*span, _PART)
        return whole(state.parts_of(starts, rows), len(starts), span[1] - span[0])

    def _emit(
        self,
        state: RollupState,
        span: Span,
        rows: npt.NDArray[np.int64],
        made: Aggregates,
        complete: int,
        offset: int,
        outcomes: list[Outcome],
    ) -> None:
        length = span[1] - span[0]
        batch = WindowBatch(
            state.area,
            span[0],
            length,
            offset,
            series=state.names[rows],
            revision=state.raise_revision(span, rows),
            **made.columns(_ALL),
        )
        outcomes.append(window_record(self._topics[_TOPICS.get(length, _DAY)], batch, complete))

    def _forget(self, state: RollupState) -> None:
        """Drop what can no longer be corrected.

        An hour may begin on one local day and end on the next: it and its parts stay with that.
        """
        until = state.watermark - self._settings.keep

        def over(time_ns: int) -> bool:
            return self._clock.day(time_ns)[1] <= until

        if not state.parts or not over(floor_time(min(state.parts), HOUR) + HOUR - 1):
            return
        for part in list(state.parts):
            if over(floor_time(part, HOUR) + HOUR - 1):
                del state.parts[part]
        for span in list(state.closed):
            if over(span[1] - 1):
                del state.closed[span]

    def _too_late(self, state: RollupState, batch: WindowBatch) -> Outcome:
        detail = (
            f"{len(batch.series)} series of the quarter of an hour were corrected after the half "
            "hour, the hour and the day that it belongs to had left memory: these stand uncorrected"
        )
        finding = Finding(
            str(batch.series[0]), "too_late", batch.start, _known(float(batch.mean[0])), detail
        )
        return findings_record(
            self._finding_topic, state.area, [finding], self.name, state.watermark
        )

    def dump(self, state: RollupState) -> Tree:
        """State as a tree."""
        return state.dump()

    def load(self, tree: Tree) -> RollupState:
        """State from its tree."""
        return RollupState.load(cast("Mapping[str, Any]", tree))


def _columns(batch: WindowBatch, chosen: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[Any]]:
    return {column.name: getattr(batch, column.name)[chosen] for column in fields(Aggregates)}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
