"""The stage that rolls windows of 15 minutes up: to 30 minutes, hours and local days.

Means, energies, extremes, counts, imputed shares and quality follow from the parts. The 95 %
quantile does not, so it is absent (NaN) here. A window closes when the watermark of its parts
passes its end, with the parts that are there; a correction of a part opens revision n + 1 of
every window that it belongs to and whose numbers change. What stands is a function of the set of
parts, whatever their order.

Windows are kept until `keep` after the end of their local day. A correction that comes later is
told on, for them to be made again from the historian (`stream.whole_rebuild`).
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
from records.late import LateParts, late_parts_record
from records.log import LogRecord, Partition
from records.snapshot import Tree
from records.time import DAY, HOUR, floor_time, format_time
from records.topics import topic_name
from records.window import WINDOW_TYPE, WindowBatch, decode_window, window_record
from stream.fold import Aggregates
from stream.local_clock import LocalClock
from stream.rollup_state import RollupState
from stream.stage import Outcome, Scope
from stream.watermark import NEVER
from stream.whole import nothing_known, whole
from stream.whole_windows import PART, WHOLE_NAMES, Span, WholeWindows, whole_name

__all__ = ["RollupSettings", "RollupStage"]

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
        self._wholes = WholeWindows(clock, (settings or RollupSettings()).keep)
        self.inputs = (topic_name(namespace, "window.15min.v1"),)
        self._topics = {name: topic_name(namespace, name) for name in WHOLE_NAMES}
        self._late_topic = topic_name(namespace, "window.late.v1")
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
            if batch.length != PART or batch.start % PART:
                detail = f"a window of {batch.length} ns from {format_time(batch.start)} is no part"
                raise RecordError(Reason.SCHEMA_MISMATCH, detail)
            told = watermark_of(record.headers)
        except RecordError as error:
            return state, [dead_letter_record(self._dead_topic, record, error, source=self.name)]
        newest, before = state.newest, state.watermark
        if len(batch.series):
            # What came by the watermark's way and is older than that was taken in before.
            repeated = told is not None and batch.input_offset < newest
            self._part(state, batch, outcomes, repeated=repeated)
        if told is not None:
            state.newest = max(newest, batch.input_offset)
        state.watermark = max(before, NEVER if told is None else told)
        # Not the offset of the part: a worker that was killed has written parts twice, and what
        # is made of them must not tell.
        self._close(state, before, max(batch.input_offset, newest), outcomes)
        if state.watermark > before:
            self._forget(state)
        if newest < state.newest:
            self._tell_late(state, record.offset, outcomes)
        return state, outcomes

    def _part(
        self, state: RollupState, batch: WindowBatch, outcomes: list[Outcome], *, repeated: bool
    ) -> None:
        """Put a part in its place, and correct the windows that had closed without it."""
        rows = state.rows(batch.series)
        newer = batch.revision > state.part_revision(batch.start, rows)
        rows, numbers = rows[newer], Aggregates(**_columns(batch, newer))
        if not len(rows):
            return
        wholes = self._wholes.of(batch.start)
        spans = [span for span in wholes if not self._wholes.over(span, state.watermark)]
        if len(spans) < len(wholes) and not repeated:
            state.late.note(batch.start, rows)
        if not spans:
            return
        before = {span: self._make(state, span, rows) for span in spans if span in state.closed}
        state.open.update(span for span in spans if span not in state.closed)
        state.put(batch.start, rows, numbers, batch.revision[newer])
        for span, stood in before.items():
            made = self._make(state, span, rows)
            changed = stood.differs(_ALL, made) | (state.revision(span, rows) == 0)
            if changed.any():
                some = Aggregates(**made.columns(changed))
                complete, offset = state.watermark, max(batch.input_offset, state.newest)
                self._emit(state, span, rows[changed], some, complete, offset, outcomes)

    def _close(self, state: RollupState, before: int, offset: int, outcomes: list[Outcome]) -> None:
        """Close every window that ends by the watermark, which was `before`, in order of ends."""
        due = [span for span in state.open if span[1] <= state.watermark]
        for span in sorted(due, key=lambda span: (span[1], -span[0])):
            state.open.remove(span)
            rows = state.present(range(*span, PART))
            made = self._make(state, span, rows)
            # Once this is read the windows up to its end are complete, those after it are not.
            self._emit(state, span, rows, made, max(span[1], before), offset, outcomes)

    def _make(self, state: RollupState, span: Span, rows: npt.NDArray[np.int64]) -> Aggregates:
        """Aggregate one window of some series from the parts that are there."""
        starts = range(*span, PART)
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
        batch = _batch(state, span, rows, state.raise_revision(span, rows), made, offset)
        outcomes.append(window_record(self._topics[whole_name(batch.length)], batch, complete))

    def _tell_late(self, state: RollupState, parts_offset: int, outcomes: list[Outcome]) -> None:
        """Tell which windows are to be made again.

        An empty batch in each topic comes first: what lies before it is all that was ever made of
        them here, so once it is recorded their revisions are known.
        """
        asked = list(state.late.take())
        if not asked:
            return
        for span in self._wholes.of(int(asked[0][0][0])):
            none = np.empty(0, np.int64)
            revision, known = np.empty(0, np.int32), nothing_known(0)
            batch = _batch(state, span, none, revision, known, state.newest)
            topic = self._topics[whole_name(batch.length)]
            outcomes.append(window_record(topic, batch, state.watermark))
        for start, rows in asked:
            late = LateParts(
                state.area, state.newest, parts_offset, state.watermark, start, state.names[rows]
            )
            outcomes.append(late_parts_record(self._late_topic, late))

    def _forget(self, state: RollupState) -> None:
        """Drop what can no longer be corrected: a part with the hour that it belongs to."""

        def over(part: int) -> bool:
            hour = floor_time(part, HOUR)
            return self._wholes.over((hour, hour + HOUR), state.watermark)

        if not state.parts or not over(min(state.parts)):
            return
        for part in list(state.parts):
            if over(part):
                del state.parts[part]
        for span in list(state.closed):
            if self._wholes.over(span, state.watermark):
                del state.closed[span]

    def dump(self, state: RollupState) -> Tree:
        """State as a tree."""
        return state.dump()

    def load(self, tree: Tree) -> RollupState:
        """State from its tree."""
        return RollupState.load(cast("Mapping[str, Any]", tree))


def _columns(batch: WindowBatch, chosen: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[Any]]:
    return {column.name: getattr(batch, column.name)[chosen] for column in fields(Aggregates)}


def _batch(
    state: RollupState,
    span: Span,
    rows: npt.NDArray[np.int64],
    revision: npt.NDArray[np.int32],
    numbers: Aggregates,
    offset: int,
) -> WindowBatch:
    return WindowBatch(
        state.area,
        span[0],
        span[1] - span[0],
        offset,
        series=state.names[rows],
        revision=revision,
        **numbers.columns(_ALL),
    )
