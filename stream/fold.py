"""From a window's readings to its aggregates: a fold over event time, all points at once.

Between readings the last believed value is in force. It counts as measured for `reach` after
its reading; it is carried, and counted as replaced, until `carry` after; beyond that nothing is
known. Silence of telemetry by exception on a live link confirms the value. Everything follows
from the readings and from what was remembered when the window began, nothing from the order in
which they came.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from records.quality import NOT_BELIEVED, Quality
from records.time import HOUR, MINUTE, SECOND
from stream.quiet import take_quiet
from stream.readings import Cells
from stream.roster import RosterTable
from stream.sequence import Memory, Rows, judge
from stream.tail import Tail, column_order
from stream.validation import RuleLimits

__all__ = ["Aggregates", "FoldLimits", "fold"]

_NOT_BELIEVED = np.uint16(NOT_BELIEVED)
_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class FoldLimits:
    """How long a reading stands for its point.

    Parameters
    ----------
    reach
        A cyclic reading counts as measured for this long, ns: two to three scans.
    carry
        After this the carried value is given up, ns.
    quantile_percent
        The time-weighted quantile to keep, percent.
    rules
        Limits of the rules that look at a point's past.
    """

    reach: int = 90 * SECOND
    carry: int = 15 * MINUTE
    quantile_percent: int = 95
    rules: RuleLimits = field(default_factory=RuleLimits)


@dataclass(slots=True)
class Aggregates:
    """What `records.window.WindowBatch` holds of each point, arrays of shape (n_points,)."""

    mean: npt.NDArray[np.float64]
    q95: npt.NDArray[np.float64]
    minimum: npt.NDArray[np.float64]
    maximum: npt.NDArray[np.float64]
    energy_mwh: npt.NDArray[np.float64]
    count: npt.NDArray[np.int32]
    imputed_share: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]

    def columns(self, rows: Rows) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of some points, by name."""
        return {column.name: getattr(self, column.name)[rows] for column in fields(self)}

    def put(self, rows: Rows, other: Aggregates) -> None:
        """Overwrite some points."""
        for column in fields(self):
            getattr(self, column.name)[rows] = getattr(other, column.name)

    def differs(self, rows: Rows, other: Aggregates) -> npt.NDArray[np.bool_]:
        """Which of `rows` have other numbers than `other`, shape (n_rows,)."""
        unlike = np.zeros(len(other.mean), np.bool_)
        for column in fields(self):
            mine, theirs = getattr(self, column.name)[rows], getattr(other, column.name)
            if mine.dtype.kind == "f":
                unlike |= (mine != theirs) & ~(np.isnan(mine) & np.isnan(theirs))
            else:
                unlike |= mine != theirs
        return unlike


def fold(
    memory: Memory,
    cells: Cells,
    heard: npt.NDArray[np.int64],
    table: RosterTable,
    rows: Rows,
    start: int,
    length: int,
    limits: FoldLimits,
    within: int = 0,
) -> tuple[Aggregates, Tail]:
    """Aggregate one window of some points.

    Parameters
    ----------
    memory
        What is remembered of these points at `start`; changed to what is at the end.
    cells
        Their readings, one column a point.
    heard
        Times at which the area's link was heard within the window, ascending.
    table, rows
        The register at `start`, and the roster rows that the columns are.
    start, length
        The window, ns.
    within
        For the quantile of a longer window: the time above it, ns, as in `stream.tail.Tail.of`.
    """
    table = _some(table, rows)
    entry_time, entry_value = memory.time.copy(), memory.value.copy()
    if table.any_by_exception and len(heard):
        cells, confirmed = _with_silence(cells, heard, table)
    else:
        confirmed = None
    believed = _judged(memory, cells, confirmed, table, limits.rules)
    time = np.concatenate([entry_time[None], cells.time])
    value = np.concatenate([entry_value[None], cells.value])
    weight, measured = _weights(time, believed, start, start + length, limits)
    known = weight > 0
    total = weight.sum(axis=0)
    anything = total > 0
    ranked = np.where(known, value, -np.inf)
    value = np.where(known, value, 0.0)
    # Sums run in order of time whatever the number of columns, so that a point's numbers do
    # not depend on which others are aggregated with it.
    weighted = np.add.accumulate(value * weight, axis=0)[-1]
    mean = np.divide(weighted, total, out=np.full(len(total), np.nan), where=anything)
    counted = believed[1:] if confirmed is None else believed[1:] & ~confirmed
    count = counted.sum(axis=0).astype(np.int32)
    share = 1.0 - measured.sum(axis=0) / length
    minimum = np.where(known, value, np.inf).min(axis=0)
    quantile, tail = _quantile(ranked, value, weight, total, limits.quantile_percent, within)
    aggregates = Aggregates(
        mean,
        np.where(anything, quantile, np.nan),
        np.where(anything, minimum, np.nan),
        np.where(anything, ranked.max(axis=0), np.nan),
        np.where(table.is_power, mean * (length / HOUR), np.nan),
        count,
        share,
        _quality(cells, counted, count, share, confirmed, known),
    )
    return aggregates, tail


def _some(table: RosterTable, rows: Rows) -> RosterTable:
    if isinstance(rows, slice):
        return table
    columns = {
        column.name: getattr(table, column.name)[rows]
        for column in fields(table)
        if isinstance(getattr(table, column.name), np.ndarray)
    }
    return RosterTable(
        table.valid_from,
        table.valid_to,
        all_in_force=table.all_in_force,
        any_by_exception=table.any_by_exception,
        unscaled=table.unscaled,
        **columns,
    )


def _with_silence(
    cells: Cells, heard: npt.NDArray[np.int64], table: RosterTable
) -> tuple[Cells, npt.NDArray[np.bool_]]:
    """Add a confirming cell wherever the link was heard and a point by exception was silent."""
    n_times, n_points = cells.time.shape
    shape = (n_times + len(heard), n_points)
    later = np.iinfo(np.int64).max
    time = np.full(shape, later)
    time[:n_times] = np.where(cells.present, cells.time, later)
    time[n_times:] = np.where(table.by_exception, heard[:, None], later)
    for spoken in time[:n_times]:
        time[n_times:][heard[:, None] == spoken] = later
    order = np.argsort(time, axis=0, kind="stable")
    confirmed = np.zeros(shape, np.bool_)
    confirmed[n_times:] = time[n_times:] < later

    def arranged(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
        padded = np.zeros(shape, block.dtype)
        padded[:n_times] = block
        return np.take_along_axis(padded, order, axis=0)

    time = np.take_along_axis(time, order, axis=0)
    present = time < later
    return (
        Cells(present, np.where(present, time, 0), arranged(cells.value), arranged(cells.quality)),
        np.take_along_axis(confirmed, order, axis=0),
    )


def _judged(
    memory: Memory,
    cells: Cells,
    confirmed: npt.NDArray[np.bool_] | None,
    table: RosterTable,
    limits: RuleLimits,
) -> npt.NDArray[np.bool_]:
    """Which cells are believed, with a first row for the entry; fills confirming cells in."""
    n_times, n_points = cells.time.shape
    believed = np.zeros((n_times + 1, n_points), np.bool_)
    believed[0] = ~np.isnan(memory.value)
    credible = (cells.quality & _NOT_BELIEVED) == 0
    spoken = cells.present
    if confirmed is None:
        quiet = take_quiet(memory, table, cells, credible)
        believed[1:] = spoken & quiet
        if np.count_nonzero(quiet) == n_points:
            return believed
        spoken = spoken & ~quiet
    else:
        spoken = spoken & ~confirmed
    for k in range(n_times):
        if confirmed is not None and confirmed[k].any():
            silent = np.flatnonzero(confirmed[k])
            standing = memory.trusted[silent]
            memory.time[silent] = np.where(standing, cells.time[k, silent], memory.time[silent])
            cells.value[k, silent] = memory.value[silent]
            believed[k + 1, silent] = standing
        rows = np.flatnonzero(spoken[k])
        if len(rows) == n_points:
            believed[k + 1], _ = judge(
                memory, table, limits, _ALL, cells.time[k], cells.value[k], credible[k]
            )
        elif len(rows):
            believed[k + 1, rows], _ = judge(
                memory,
                table,
                limits,
                rows,
                cells.time[k, rows],
                cells.value[k, rows],
                credible[k, rows],
            )
    return believed


def _weights(
    time: npt.NDArray[np.int64],
    believed: npt.NDArray[np.bool_],
    start: int,
    end: int,
    limits: FoldLimits,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How long (ns) each cell is in force, and for how much of that it counts as measured."""
    until = np.where(believed, time, end)
    for k in range(len(time) - 1, 0, -1):
        np.minimum(until[k], until[k - 1], out=until[k - 1])
    following = np.full_like(time, end)
    following[:-1] = until[1:]
    since = np.maximum(time, start)
    in_force = np.minimum(following, time + limits.carry) - since
    measured = np.minimum(following, time + limits.reach) - since
    for span in (in_force, measured):
        np.maximum(span, 0, out=span)
        np.multiply(span, believed, out=span)
    return in_force, measured


def _quantile(
    ranked: npt.NDArray[np.float64],
    value: npt.NDArray[np.float64],
    weight: npt.NDArray[np.int64],
    total: npt.NDArray[np.int64],
    percent: int,
    within: int,
) -> tuple[npt.NDArray[np.float64], Tail]:
    """Smallest value at or below which `percent` of the time is spent, exact in ns; the tail.

    `ranked` is `value`, and below everything where the weight is 0.
    """
    order = column_order(ranked)
    value, weight = value.take(order), weight.take(order)
    below = np.add.accumulate(weight, axis=0)
    place = np.count_nonzero(below * 100 < percent * total, axis=0)
    quantile = value[place, np.arange(value.shape[1])]
    return quantile, Tail.of(value, weight, below, within)


def _quality(
    cells: Cells,
    counted: npt.NDArray[np.bool_],
    count: npt.NDArray[np.int32],
    share: npt.NDArray[np.float64],
    confirmed: npt.NDArray[np.bool_] | None,
    known: npt.NDArray[np.bool_],
) -> npt.NDArray[np.uint16]:
    """OR of the believed readings' bits; HELD where a value was carried; MISSING for nothing."""
    bits = np.zeros(len(count), np.uint16)
    if cells.quality.any():
        bits = np.bitwise_or.reduce(np.where(counted, cells.quality, np.uint16(0)), axis=0)
    told = count > 0
    if confirmed is not None:
        told = told | (confirmed & known[1:]).any(axis=0)
    bits = np.where(told, bits, bits | np.uint16(Quality.MISSING))
    held = (share > 0) & known.any(axis=0)
    return np.where(held, bits | np.uint16(Quality.HELD), bits)
