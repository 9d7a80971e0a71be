"""The stage of one area: from raw frames to the live view, closed windows, findings, dead letters.

Each record is decoded, its readings placed and judged, the view filled and the windows moved on,
in a few array operations over the whole frame. A record that cannot be read, or rows of it that
cannot be placed, go to the dead letters; nothing stops the partition. Readings of windows that
have left memory are told on, for these windows to be made again from the historian.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from records.deadletter import dead_letter_record
from records.envelope import event_type
from records.errors import Reason, RecordError
from records.finding import findings_record
from records.late import late_record
from records.log import LogRecord, Partition
from records.points import PointRegister
from records.scada import FRAME_TYPE, decode_frame
from records.snapshot import Tree
from records.tick import TICK_TYPE, decode_tick
from records.time import DAY, MINUTE, floor_time
from records.topics import topic_name
from records.view import ScadaView, view_record
from records.window import window_record
from stream.frame_rows import FrameRows, Refused, place_rows
from stream.imputation import FillLimits, Typical, fill
from stream.late_book import LateBook, late_readings
from stream.live import Live, judge_live
from stream.local_clock import LocalClock
from stream.roster import Roster
from stream.stage import Outcome, Scope
from stream.watermark import NEVER, Disorder, TimeBounds, Watermark
from stream.window_state import WindowState
from stream.windows import Windows, WindowSettings

__all__ = ["AreaSettings", "AreaStage", "AreaState"]

_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class AreaSettings:
    """Settings of the stage, ns.

    Parameters
    ----------
    disorder
        How far records may come out of order, by source.
    bounds
        Which event times are believed.
    silence
        With no frame for this long, ticks make views of replaced values.
    rebuild_for
        Windows are made again from the historian for readings that are late by less than this.
    windows, fill
        Settings of the windows and of the live view.
    """

    disorder: Disorder = field(default_factory=Disorder)
    bounds: TimeBounds = field(default_factory=TimeBounds)
    silence: int = 2 * MINUTE
    rebuild_for: int = 90 * DAY
    windows: WindowSettings = field(default_factory=WindowSettings)
    fill: FillLimits = field(default_factory=FillLimits)


@dataclass(slots=True)
class AreaState:
    """State of one area, changed in place.

    Parameters
    ----------
    area
        Area number, also that of the partition.
    watermark
        How far event time has come.
    viewed
        Time of the last view, ns UTC.
    live
        What is remembered of each point in order of arrival.
    typical
        Typical values.
    windows
        The windows.
    late
        Windows to be made again.
    """

    area: int
    watermark: Watermark
    viewed: int
    live: Live
    typical: Typical
    windows: WindowState
    late: LateBook


class AreaStage:
    """Validates, imputes and aggregates one area a partition.

    Parameters
    ----------
    namespace
        Namespace of the topics.
    register
        The dated point register.
    clock
        Local clock of the area's typical values.
    settings
        Limits.
    """

    name = "area"
    scope = Scope.PARTITION

    def __init__(
        self,
        namespace: str,
        register: PointRegister,
        clock: LocalClock,
        settings: AreaSettings | None = None,
    ) -> None:
        self._settings = settings or AreaSettings()
        self._register = register
        self._clock = clock
        self._areas: dict[int, tuple[Roster, Windows]] = {}
        self.inputs = (topic_name(namespace, "scada.frame.v1"),)
        self._view_topic = topic_name(namespace, "scada.view.v1")
        self._window_topic = topic_name(namespace, "window.5min.v1")
        self._long_topic = topic_name(namespace, "window.15min.v1")
        self._late_topic = topic_name(namespace, "window.late.v1")
        self._finding_topic = topic_name(namespace, "finding.v1")
        self._dead_topic = topic_name(namespace, "dead-letter.v1")

    def _parts(self, area: int) -> tuple[Roster, Windows]:
        if area not in self._areas:
            roster = Roster(self._register, area)
            self._areas[area] = roster, Windows(roster, self._settings.windows)
        return self._areas[area]

    def initial(self, partitions: Sequence[Partition]) -> AreaState:
        """State before the first record of an area."""
        area = partitions[0].number
        roster, windows = self._parts(area)
        return AreaState(
            area,
            Watermark(self._settings.disorder, self._settings.bounds.future),
            NEVER,
            Live.empty(len(roster)),
            Typical.empty(len(roster)),
            windows.initial(),
            LateBook(),
        )

    def step(self, state: AreaState, record: LogRecord) -> tuple[AreaState, list[Outcome]]:
        """Take one frame or tick in."""
        outcomes: list[Outcome] = []
        with np.errstate(over="ignore", invalid="ignore"):
            try:
                kind = event_type(record.headers)
                if kind == FRAME_TYPE:
                    self._frame(state, record, outcomes)
                elif kind == TICK_TYPE:
                    self._tick(state, record, outcomes)
                else:
                    raise RecordError(Reason.UNKNOWN_TYPE, f"{kind[:80]} on a topic of frames")
            except RecordError as error:
                outcomes.append(
                    dead_letter_record(self._dead_topic, record, error, source=self.name)
                )
        return state, outcomes

    def _frame(self, state: AreaState, record: LogRecord, outcomes: list[Outcome]) -> None:
        frame = decode_frame(record)
        bounds = self._settings.bounds
        bounds.check(frame.scan_time, record.append_time)
        roster, windows = self._parts(state.area)
        rows, refused = place_rows(roster, frame, bounds, record.append_time)
        before = state.watermark.time
        late = windows.add(state.windows, rows.block, before)
        windows.hear(state.windows, frame.scan_time, before)
        scanned = floor_time(frame.scan_time, self._settings.windows.length)
        if late is not None or windows.too_old(scanned, before):
            rows = self._note_late(state, rows, late, scanned, refused)
        findings = judge_live(
            state.live, rows, frame.scan_time, state.viewed, self._settings.windows.fold.rules
        )
        newest = frame.scan_time
        if len(rows.block.time):
            newest = max(newest, rows.block.times()[1])
        state.watermark.hear(frame.source, newest)
        if frame.scan_time >= state.viewed:
            self._view(state, roster, frame.scan_time, frame.version, record.offset, outcomes)
        self._move_on(state, before, record.offset, outcomes)
        for group in refused:
            findings.extend(group.findings)
            outcomes.append(
                dead_letter_record(
                    self._dead_topic, record, group.error, source=self.name, rows=group.rows
                )
            )
        if findings:
            outcomes.append(
                findings_record(
                    self._finding_topic, state.area, findings, self.name, state.watermark.time
                )
            )

    def _tick(self, state: AreaState, record: LogRecord, outcomes: list[Outcome]) -> None:
        time_ns = decode_tick(record.value).time
        self._settings.bounds.check(time_ns, record.append_time)
        before = state.watermark.time
        state.watermark.tick(time_ns)
        if state.viewed != NEVER and time_ns >= state.viewed + self._settings.silence:
            roster, _ = self._parts(state.area)
            state.live.silence()
            self._view(state, roster, time_ns, 1, record.offset, outcomes)
        self._move_on(state, before, record.offset, outcomes)

    def _note_late(
        self,
        state: AreaState,
        rows: FrameRows,
        late: npt.NDArray[np.bool_] | None,
        heard: int,
        refused: list[Refused],
    ) -> FrameRows:
        """Note readings whose windows have left memory, and return the others.

        `heard` is the start of the window that holds the scan, ns UTC.
        """
        roster, windows = self._parts(state.area)
        settings = self._settings.windows
        before = state.watermark.time
        oldest = before - self._settings.rebuild_for
        table = roster.at(heard)

        def note(start: int, chosen: npt.NDArray[np.int64], shows: int) -> None:
            state.late.note(
                floor_time(start, settings.long), chosen, len(roster), settings.long, shows
            )

        if table.any_by_exception and heard >= oldest and windows.too_old(heard, before):
            note(heard, np.flatnonzero(table.by_exception), settings.exception_reach)
        if late is None:
            return rows
        ancient = late & (rows.block.time < oldest)
        if ancient.any():
            refused.append(Refused.too_late(rows, ancient))
        start = rows.block.time - rows.block.time % settings.length
        for window in np.unique(start[late & ~ancient]).tolist():
            chosen = rows.block.row[late & ~ancient & (start == window)]
            note(window, chosen, settings.settling)
            note(window, chosen[table.by_exception[chosen]], settings.exception_reach)
        return rows.select(~late)

    def _view(
        self,
        state: AreaState,
        roster: Roster,
        time_ns: int,
        version: int,
        offset: int,
        outcomes: list[Outcome],
    ) -> None:
        """Publish what is believed at `time_ns`."""
        typical = state.typical.mean(self._clock.slot(time_ns))
        value, quality, age_s = fill(
            state.live.memory, state.live.quality, typical, time_ns, self._settings.fill
        )
        table = roster.at(time_ns)
        shown: slice | npt.NDArray[np.bool_] = _ALL if table.all_in_force else table.in_force
        view = ScadaView(
            state.area,
            time_ns,
            version,
            roster.number[shown],
            value[shown],
            quality[shown],
            age_s[shown],
            offset,
        )
        state.viewed = time_ns
        outcomes.append(view_record(self._view_topic, view, state.watermark.time))

    def _move_on(self, state: AreaState, before: int, offset: int, outcomes: list[Outcome]) -> None:
        """Correct and close windows, learn typical values, and tell which are to be made again.

        `before` is the watermark before this record, ns UTC.
        """
        roster, windows = self._parts(state.area)
        closed_until = state.windows.closed_until
        for batch, complete in windows.advance(state.windows, state.watermark.time, offset):
            if batch.length != self._settings.windows.length:
                outcomes.append(window_record(self._long_topic, batch, complete))
                continue
            outcomes.append(window_record(self._window_topic, batch, complete))
            if batch.end == complete and (batch.revision == 1).all():
                emitted = state.windows.closed[batch.start].value.emitted
                state.typical.learn(
                    self._clock.slot(batch.start),
                    emitted.mean,
                    (emitted.count > 0) & (emitted.imputed_share < 0.5),
                    self._settings.fill.typical_memory,
                )
        if not state.late.pending or state.windows.closed_until == closed_until:
            return
        length = self._settings.windows.long
        # What had left memory before this record was not corrected by it.
        due = state.late.take_due(before - self._settings.windows.hot_retention - length + 1)
        known = state.watermark.time
        outcomes.extend(
            late_record(self._late_topic, late, known)
            for late in late_readings(roster, due, length, offset, known)
        )

    def dump(self, state: AreaState) -> Tree:
        """State as a tree."""
        roster, _ = self._parts(state.area)
        return {
            "area": state.area,
            "number": roster.number,
            "watermark": state.watermark.dump(),
            "viewed": state.viewed,
            "live": state.live.dump(),
            "typical": state.typical.dump(),
            "windows": state.windows.dump(),
            "late": state.late.dump(),
        }

    def load(self, tree: Tree) -> AreaState:
        """State from its tree.

        Raises
        ------
        ValueError
            When the register has other points than when the checkpoint was written.
        """
        stored = cast("Mapping[str, Any]", tree)
        area = int(stored["area"])
        roster, _ = self._parts(area)
        if not np.array_equal(stored["number"], roster.number):
            raise ValueError(
                f"area {area}: the checkpoint knows {len(stored['number'])} points, the register "
                f"{len(roster)}; give removed points a valid_to instead, or start afresh"
            )
        return AreaState(
            area,
            Watermark.load(
                self._settings.disorder, self._settings.bounds.future, stored["watermark"]
            ),
            int(stored["viewed"]),
            Live.load(stored["live"]),
            Typical.load(len(roster), stored["typical"]),
            WindowState.load(stored["windows"]),
            LateBook.load(stored.get("late", ())),
        )
