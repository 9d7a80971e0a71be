"""Placing a frame's rows: known point, time within bounds, one value for a point and time."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
import numpy.typing as npt

from records.errors import Reason, RecordError
from records.finding import Finding
from records.quality import Quality
from records.scada import ScadaFrame
from stream.block import Block
from stream.roster import Located, Roster, RosterTable
from stream.sequence import Rows
from stream.validation import row_rules
from stream.watermark import TimeBounds

__all__ = ["FrameRows", "Refused", "place_rows"]

_ALL = slice(None)
_TIME_INVALID = np.uint16(Quality.TIME_INVALID)


@dataclass(frozen=True, slots=True)
class FrameRows:
    """The rows of a frame that could be placed.

    Parameters
    ----------
    block
        Readings, scaled, with SUSPECT where out of range.
    broken
        `Rule` bits of the rules that one reading decides, shape (n_rows,).
    origin
        Row number in the frame of each, shape (n_rows,).
    table
        The register in force.
    complete
        Whether the rows are all points of the roster in order.
    """

    block: Block
    broken: npt.NDArray[np.uint16]
    origin: npt.NDArray[np.int64]
    table: RosterTable
    complete: bool

    @property
    def rows(self) -> Rows:
        """Roster rows, as a slice where they are all of them."""
        return _ALL if self.complete else self.block.row

    def select(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> FrameRows:
        """Some of the rows."""
        return FrameRows(
            self.block.select(keep), self.broken[keep], self.origin[keep], self.table, False
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """Rows of a frame that go to the dead letters, for one reason."""

    error: RecordError
    rows: list[int]
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def too_late(cls, placed: FrameRows, late: npt.NDArray[np.bool_]) -> Refused:
        """Refuse readings older than what the historian keeps to make their windows again."""
        where = np.flatnonzero(late)
        first = where[0]
        detail = f"{len(where)} readings are older than what the historian keeps"
        finding = Finding(
            str(placed.table.ids[placed.block.row[first]]),
            "too_late",
            int(placed.block.time[first]),
            float(placed.block.value[first]),
            detail,
        )
        return cls(
            RecordError(Reason.TIME_OUT_OF_BOUNDS, detail),
            placed.origin[where].tolist(),
            [finding],
        )


def place_rows(
    roster: Roster, frame: ScadaFrame, bounds: TimeBounds, append_time: int
) -> tuple[FrameRows, list[Refused]]:
    """Place the rows of a frame.

    A row whose source says that its clock is invalid takes the time of the scan.

    Returns
    -------
    placed
        What can be placed, each point and time once.
    refused
        The rest, by reason; exact duplicates are dropped.
    """
    time, quality = frame.time, frame.quality
    if np.count_nonzero(quality):
        time = np.where(quality & _TIME_INVALID, frame.scan_time, time)
    span = (int(time.min()), int(time.max())) if len(time) else (frame.scan_time, frame.scan_time)
    located = roster.locate(frame.point)
    table = _table(roster, located, time, span, frame.scan_time)
    refused: list[Refused] = []
    outside = None if bounds.hold(*span, append_time) else bounds.outside(time, append_time)
    if located.all_known and table.all_in_force and outside is None:
        row, keep = located.row, None
    else:
        keep = _placeable(located, table, outside, frame, refused)
        row, time, quality = located.row[keep], time[keep], quality[keep]
    rows: Rows = _ALL if located.complete and keep is None else row
    raw = frame.value if keep is None else frame.value[keep]
    value = raw.copy() if table.unscaled else raw * table.scale[rows]
    quality, broken = row_rules(value, quality, table.low[rows], table.high[rows])
    n_rows = len(row)
    placed = FrameRows(
        Block(
            row,
            time,
            value,
            quality.copy(),
            np.full(n_rows, frame.version, np.int32),
            located.single,
            span if keep is None else None,
        ),
        broken,
        located.order if keep is None else keep,
        table,
        located.complete and keep is None,
    )
    if not located.single:
        placed = _without_repeats(placed, refused)
    return placed, refused


def _table(
    roster: Roster,
    located: Located,
    time: npt.NDArray[np.int64],
    span: tuple[int, int],
    scan_time: int,
) -> RosterTable:
    """Return what the register says of each point at its own reading's time."""
    table = roster.at(scan_time)
    if not len(time) or (table.valid_from <= span[0] and span[1] < table.valid_to):
        return table
    columns = {
        column.name: getattr(table, column.name).copy()
        for column in fields(table)
        if isinstance(getattr(table, column.name), np.ndarray)
    }
    for other in {roster.at(int(moment)) for moment in np.unique(time)}:
        inside = (time >= other.valid_from) & (time < other.valid_to) & (located.row >= 0)
        rows = located.row[inside]
        for name, column in columns.items():
            column[rows] = getattr(other, name)[rows]
    return replace(table, **columns, all_in_force=False)


def _placeable(
    located: Located,
    table: RosterTable,
    outside: npt.NDArray[np.bool_] | None,
    frame: ScadaFrame,
    refused: list[Refused],
) -> npt.NDArray[np.int64]:
    known = located.row >= 0
    known[known] = table.in_force[located.row[known]]
    keep = known
    if not known.all():
        where = np.flatnonzero(~known)
        numbers = ", ".join(str(number) for number in frame.point[where[:5]].tolist())
        more = ", ..." if len(where) > 5 else ""
        detail = f"the register does not know point {numbers}{more}"
        refused.append(Refused(RecordError(Reason.UNKNOWN_POINT, detail), where.tolist()))
    if outside is not None:
        where = np.flatnonzero(known & outside)
        if len(where):
            detail = f"{len(where)} readings are too far ahead of the log's clock or too old"
            error = RecordError(Reason.TIME_OUT_OF_BOUNDS, detail)
            refused.append(Refused(error, where.tolist()))
        keep = known & ~outside
    return np.flatnonzero(keep)


def _without_repeats(placed: FrameRows, refused: list[Refused]) -> FrameRows:
    """Drop exact duplicates of a point and time; refuse contradictory ones, all of them."""
    block = placed.block
    order = np.lexsort((block.quality, block.value, block.time, block.row))
    ordered = block.select(order)
    repeats = np.zeros(len(order), np.bool_)
    repeats[1:] = (ordered.row[1:] == ordered.row[:-1]) & (ordered.time[1:] == ordered.time[:-1])
    if repeats.any():
        unlike = repeats.copy()
        unlike[1:] &= ordered.value[1:] != ordered.value[:-1]
        group = np.cumsum(~repeats)
        contradictory = np.isin(group, group[unlike])
        if contradictory.any():
            where = np.sort(placed.origin[order[contradictory]])
            detail = f"{len(where)} readings give a point two values for one time"
            error = RecordError(Reason.CONTRADICTORY, detail)
            refused.append(Refused(error, where.tolist()))
        placed = placed.select(np.sort(order[~repeats & ~contradictory]))
    rows = np.sort(placed.block.row)
    placed.block.single = bool((rows[1:] != rows[:-1]).all())
    return placed
