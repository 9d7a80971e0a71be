"""The points of one area as rows: one row a point number for as long as the register lasts.

State arrays keep their shape while entries of the register come and go; what an entry says is
looked up in the table in force at each reading's own time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from records.errors import RecordError
from records.points import FOREVER, PointRegister, Quantity
from records.time import SECOND

__all__ = ["Located", "Roster", "RosterTable"]

_SLACK_SIGMAS = 6.0
_LARGEST = 1e9
_SPARSE = 64


@dataclass(frozen=True, slots=True, eq=False)
class RosterTable:
    """What the register says over ``[valid_from, valid_to)``; arrays of shape (n_points,).

    Parameters
    ----------
    in_force
        Whether the point has an entry then.
    scale, low, high
        As in `records.points.Point`; the range never exceeds plus or minus 1e9, beyond which
        no quantity of a grid lies and sums would lose their meaning.
    rate_per_ns
        Largest plausible change per ns.
    slack
        Change that noise alone can make: six standard deviations.
    moves
        Cyclic telemetry of a noisy quantity: an identical value cannot last.
    by_exception
        Silence on a live link means that the value has not moved.
    is_power
        Active power, whose mean has an energy.
    ids
        Point ids.
    """

    valid_from: int
    valid_to: int
    in_force: npt.NDArray[np.bool_]
    scale: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    rate_per_ns: npt.NDArray[np.float64]
    slack: npt.NDArray[np.float64]
    moves: npt.NDArray[np.bool_]
    by_exception: npt.NDArray[np.bool_]
    is_power: npt.NDArray[np.bool_]
    ids: npt.NDArray[np.object_]
    all_in_force: bool
    any_by_exception: bool
    unscaled: bool


@dataclass(frozen=True, slots=True)
class Located:
    """Where the point numbers of a frame stand in the roster.

    Parameters
    ----------
    row
        Row of each number, -1 where the area never had it, shape (n_rows,).
    order
        The rows of the frame, counted, shape (n_rows,).
    all_known, single, complete
        Whether all are known, whether none is repeated, and whether they are exactly the
        roster in its order.
    """

    row: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    all_known: bool
    single: bool
    complete: bool


class Roster:
    """All points that an area ever has, in ascending order of their number.

    Parameters
    ----------
    register
        The dated register.
    area
        The area.
    """

    def __init__(self, register: PointRegister, area: int) -> None:
        entries = register.of_area(area)
        self.area = area
        self.number = np.unique(np.array([p.number for p in entries], np.uint32))
        edges = {0, FOREVER} | {p.valid_from for p in entries} | {p.valid_to for p in entries}
        ordered = sorted(edges)
        self._tables = tuple(self._table(register, start, end) for start, end in pairwise(ordered))
        self._place = _places(self.number)
        self._last_numbers = b""
        self._last = self._located(np.empty(0, np.uint32))

    def __len__(self) -> int:
        return len(self.number)

    def at(self, time_ns: int) -> RosterTable:
        """Return the table in force at `time_ns`."""
        for table in reversed(self._tables):
            if time_ns >= table.valid_from:
                return table
        return self._tables[0]

    def locate(self, number: npt.NDArray[np.uint32]) -> Located:
        """Find the row of each number.

        Successive frames mostly hold the same points: the same object is returned then.
        """
        numbers = number.tobytes()
        if numbers != self._last_numbers:
            self._last_numbers, self._last = numbers, self._located(number)
        return self._last

    def _located(self, number: npt.NDArray[np.uint32]) -> Located:
        n_points = len(self.number)
        order = np.arange(len(number))
        if not n_points:
            row = np.full(len(number), -1, np.int64)
        elif self._place is not None:
            # One place before the first number and one after the last stand for all beyond.
            offset = number.astype(np.int64)
            offset -= int(self.number[0]) - 1
            row = self._place.take(offset, mode="clip")
        else:
            row = np.minimum(np.searchsorted(self.number, number), n_points - 1)
            row[self.number[row] != number] = -1
        single = not np.count_nonzero(number[1:] <= number[:-1])
        if not single:
            ordered = np.sort(number)
            single = bool((ordered[1:] != ordered[:-1]).all())
        return Located(
            row,
            order,
            not np.count_nonzero(row < 0),
            single,
            len(row) == n_points and bool((row == order).all()),
        )

    def _table(self, register: PointRegister, start: int, end: int) -> RosterTable:
        n_points = len(self.number)
        in_force = np.zeros(n_points, np.bool_)
        scale, low, high = (
            np.ones(n_points),
            np.full(n_points, -_LARGEST),
            np.full(n_points, _LARGEST),
        )
        rate, slack = np.full(n_points, np.inf), np.zeros(n_points)
        moves, by_exception, is_power = (np.zeros(n_points, np.bool_) for _ in range(3))
        ids = np.full(n_points, "", dtype=object)
        try:
            table = register.at(self.area, start)
        except RecordError:
            table = None
        if table is not None:
            row = np.searchsorted(self.number, table.number)
            in_force[row] = True
            scale[row] = table.scale
            low[row] = np.maximum(table.low, -_LARGEST)
            high[row] = np.minimum(table.high, _LARGEST)
            rate[row] = table.max_rate / SECOND
            slack[row] = _SLACK_SIGMAS * table.sigma
            by_exception[row] = table.deadband > 0
            moves[row] = (table.sigma > 0) & (table.deadband == 0)
            is_power[row] = [point.quantity is Quantity.ACTIVE for point in table.points]
            ids[row] = table.ids
        return RosterTable(
            start,
            end,
            in_force,
            scale,
            low,
            high,
            rate,
            slack,
            moves,
            by_exception,
            is_power,
            ids,
            bool(in_force.all()),
            bool(by_exception.any()),
            bool((scale == 1.0).all()),
        )


def _places(number: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64] | None:
    """Row by number less the first one, plus one; None where numbers lie too far apart."""
    if not len(number) or int(number[-1]) - int(number[0]) > _SPARSE * len(number):
        return None
    place = np.full(int(number[-1]) - int(number[0]) + 3, -1, np.int64)
    place[number.astype(np.int64) - int(number[0]) + 1] = np.arange(len(number))
    return place
