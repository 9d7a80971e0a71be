"""Rules that look at a point's past: rate of change, unit slip, turned sign, frozen value.

The memory of each point is a few numbers; one call takes at most one reading a point, so a
frame is judged in a handful of array operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from records.snapshot import Tree
from stream.roster import RosterTable
from stream.validation import Rule, RuleLimits
from stream.watermark import NEVER

__all__ = ["Memory", "Rows", "judge"]

Rows: TypeAlias = "slice | npt.NDArray[np.int64]"
"""Rows of the roster: all of them as a slice, or their numbers."""

_THOUSAND = 1000.0


@dataclass(slots=True)
class Memory:
    """What is remembered of each point; arrays of shape (n_points,), changed in place.

    Parameters
    ----------
    seen
        Time of the last reading, believed or not, ns UTC.
    value, time
        The last believed value (NaN: none) and when it was measured or, for telemetry by
        exception, last confirmed by a live link.
    same_value, same_since
        The last reading's value, and since when it has been exactly that.
    odd_value, odd_time, odd_count
        The last reading off the level, its time, and how many in a row, up to it, agree with
        each other.
    trusted
        Whether the last reading was believed; kept where any point reports by exception.
    """

    seen: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    time: npt.NDArray[np.int64]
    same_value: npt.NDArray[np.float64]
    same_since: npt.NDArray[np.int64]
    odd_value: npt.NDArray[np.float64]
    odd_time: npt.NDArray[np.int64]
    odd_count: npt.NDArray[np.int32]
    trusted: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls, n_points: int) -> Memory:
        """Nothing remembered yet."""
        return cls(
            np.full(n_points, NEVER, np.int64),
            np.full(n_points, np.nan),
            np.full(n_points, NEVER, np.int64),
            np.full(n_points, np.nan),
            np.full(n_points, NEVER, np.int64),
            np.full(n_points, np.nan),
            np.full(n_points, NEVER, np.int64),
            np.zeros(n_points, np.int32),
            np.zeros(n_points, np.bool_),
        )

    def take(self, rows: Rows) -> Memory:
        """Copy of some points' memory."""
        return Memory(*(getattr(self, field.name)[rows].copy() for field in fields(self)))

    def put(self, rows: Rows, other: Memory) -> None:
        """Overwrite some points' memory."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(other, field.name)

    def differs(self, other: Memory) -> npt.NDArray[np.bool_]:
        """Which points' memory is not the same, shape (n_points,)."""
        unlike = np.zeros(len(self.seen), np.bool_)
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine.dtype.kind == "f":
                unlike |= (mine != theirs) & ~(np.isnan(mine) & np.isnan(theirs))
            else:
                unlike |= mine != theirs
        return unlike

    def confirm(self, rows: Rows, time_ns: int) -> None:
        """A live link was silent on these points at `time_ns`: their value has not moved."""
        standing = self.trusted[rows] & (self.time[rows] < time_ns)
        self.time[rows] = np.where(standing, time_ns, self.time[rows])

    def dump(self) -> Tree:
        """State as a tree."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> Memory:
        """State from its tree."""
        return cls(*(tree[field.name] for field in fields(cls)))


def judge(
    memory: Memory,
    table: RosterTable,
    limits: RuleLimits,
    rows: Rows,
    time: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    credible: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint16] | None]:
    """Judge one reading of each of `rows` by what came before, and remember it.

    Parameters
    ----------
    memory
        Changed in place.
    table
        The register in force.
    limits
        The limits that all points share.
    rows
        The points, each once; their readings must be later than the last one seen.
    time, value
        The readings, ns UTC and unit of the point, shape (n_rows,).
    credible
        Whether source and range leave the reading believable, shape (n_rows,).

    Returns
    -------
    believed
        Whether the reading is believed, shape (n_rows,).
    broken
        `Rule` bits, or None where no rule was broken.
    """
    last = memory.value[rows]
    broken = None
    moved = np.abs(value - last) > table.slack[rows]
    if np.count_nonzero(moved):
        # Less than noise breaks no rule, so only what moved is looked at closely.
        chosen = np.flatnonzero(moved)
        members = chosen if isinstance(rows, slice) else rows[chosen]
        found = _against_last(
            memory, table, limits, members, time[chosen], value[chosen], credible[chosen]
        )
        if found.any():
            broken = np.zeros(len(value), np.uint16)
            broken[chosen] = found
    since = time
    same = value == memory.same_value[rows]
    if np.count_nonzero(same):
        since = np.where(same, memory.same_since[rows], time)
        stuck = same & table.moves[rows] & (time - since >= limits.frozen_after) & (value != 0.0)
        if stuck.any():
            broken = np.zeros(len(value), np.uint16) if broken is None else broken
            broken[stuck] |= np.uint16(Rule.FROZEN)
    believed = credible if broken is None else credible & (broken == 0)
    if np.count_nonzero(believed) == len(believed):
        memory.value[rows], memory.time[rows] = value, time
    else:
        memory.value[rows] = np.where(believed, value, last)
        memory.time[rows] = np.where(believed, time, memory.time[rows])
    memory.seen[rows] = time
    memory.same_value[rows], memory.same_since[rows] = value, since
    if table.any_by_exception:
        memory.trusted[rows] = believed
    return believed, broken


def _against_last(
    memory: Memory,
    table: RosterTable,
    limits: RuleLimits,
    rows: npt.NDArray[np.int64],
    time: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    credible: npt.NDArray[np.bool_],
) -> npt.NDArray[np.uint16]:
    """Rule bits of readings that differ from the last believed value by more than noise."""
    last, slack = memory.value[rows], table.slack[rows]
    elapsed = time - memory.time[rows]
    judged = credible & (elapsed <= limits.reference_age)
    rate = table.rate_per_ns[rows]
    size, reference = np.abs(value), np.abs(last)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = size / reference
    tolerance = limits.slip_tolerance
    up = (ratio >= _THOUSAND / tolerance) & (ratio <= _THOUSAND * tolerance)
    down = (ratio >= 1 / (_THOUSAND * tolerance)) & (ratio <= tolerance / _THOUSAND)
    slip = judged & (reference > slack) & (up | down)
    broken = np.where(slip, np.uint16(Rule.UNIT_SLIP), np.uint16(0))
    if limits.check_sign:
        turned = (
            judged & (np.abs(value + last) <= slack + 0.02 * reference) & (reference > 2.0 * slack)
        )
        broken[turned & (np.sign(value) != np.sign(last))] |= np.uint16(Rule.SIGN)
    change = np.abs(value - last)
    off = judged & (broken == 0) & (change > rate * elapsed + slack)
    agrees = (memory.odd_time[rows] == memory.seen[rows]) & (
        np.abs(value - memory.odd_value[rows]) <= rate * (time - memory.odd_time[rows]) + slack
    )
    run = np.where(agrees, memory.odd_count[rows] + 1, 1)
    broken[off & (run < limits.agreeing)] |= np.uint16(Rule.RATE)
    memory.odd_count[rows] = np.where(off, run, memory.odd_count[rows])
    memory.odd_value[rows] = np.where(off, value, memory.odd_value[rows])
    memory.odd_time[rows] = np.where(off, time, memory.odd_time[rows])
    return broken
