"""The point register: what each telemetered point measures, dated.

Every reading is read through the entry in force at its own time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from records.errors import Reason, RecordError

__all__ = ["ElementKind", "Point", "PointRegister", "PointTable", "Quantity"]

FOREVER = 2**62


class ElementKind(StrEnum):
    """What a point is attached to."""

    BUS = "bus"
    BRANCH = "branch"
    LOAD = "load"
    GENERATOR = "gen"
    BREAKER = "breaker"
    """Between two buses, such as a coupler; those of a branch are points of the branch."""


class Quantity(StrEnum):
    """What is measured, with its unit."""

    VOLTAGE = "v_kv"
    ACTIVE = "p_mw"
    REACTIVE = "q_mvar"
    STATUS = "closed"
    """Of a breaker: 1 closed, 0 open; anything else says nothing."""


@dataclass(frozen=True, slots=True)
class Point:
    """One dated entry of the register.

    Parameters
    ----------
    id
        Name used everywhere outside frames.
    number
        Number used inside frames; unique over all areas.
    area
        Area (partition) whose gateway sends it.
    kind, element, end
        What it is attached to; `end` is ``"from"`` or ``"to"`` for branches, else empty. A status
        of a branch may have no end: it stands for both.
    quantity
        What is measured. Loads count withdrawal positive, generators injection positive,
        branch flows positive into the branch at `end`.
    scale
        Raw value times `scale` is in the quantity's unit; a negative scale turns the sign.
    low, high
        Plausible range after scaling.
    max_rate
        Largest plausible change per second after scaling.
    deadband
        Change (after scaling) below which telemetry by exception stays silent; 0 = cyclic.
    sigma
        Standard deviation of the measurement's noise, after scaling.
    valid_from, valid_to
        The entry is in force over ``[valid_from, valid_to)``, ns UTC.
    """

    id: str
    number: int
    area: int
    kind: ElementKind
    element: str
    quantity: Quantity
    sigma: float
    end: str = ""
    scale: float = 1.0
    low: float = -np.inf
    high: float = np.inf
    max_rate: float = np.inf
    deadband: float = 0.0
    valid_from: int = 0
    valid_to: int = FOREVER


@dataclass(frozen=True, slots=True)
class PointTable:
    """The entries of one area in force at one time, as arrays of shape (n_points,).

    Sorted by `number`. In force over ``[valid_from, valid_to)``.
    """

    area: int
    valid_from: int
    valid_to: int
    points: tuple[Point, ...]
    number: npt.NDArray[np.uint32]
    scale: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    max_rate: npt.NDArray[np.float64]
    deadband: npt.NDArray[np.float64]
    sigma: npt.NDArray[np.float64]

    @property
    def ids(self) -> npt.NDArray[np.object_]:
        """Point ids, shape (n_points,)."""
        return np.array([point.id for point in self.points], dtype=object)

    def locate(self, number: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        """Return the row of each point number, -1 where the register does not know it."""
        if not len(self.number):
            return np.full(len(number), -1, np.int64)
        row = np.searchsorted(self.number, number)
        row[row == len(self.number)] = 0
        return np.where(self.number[row] == number, row, -1).astype(np.int64)


class PointRegister:
    """All dated entries, looked up by area and time.

    >>> point = Point("load:1 p", 7, 0, ElementKind.LOAD, "1", Quantity.ACTIVE, sigma=1.0)
    >>> table = PointRegister([point]).at(area=0, time_ns=0)
    >>> table.locate(np.array([7, 8], np.uint32)).tolist()
    [0, -1]
    """

    def __init__(self, points: Iterable[Point]) -> None:
        self._by_area: dict[int, list[Point]] = {}
        for point in points:
            self._by_area.setdefault(point.area, []).append(point)
        for entries in self._by_area.values():
            entries.sort(key=lambda p: (p.number, p.valid_from))
        self._tables: dict[int, tuple[PointTable, ...]] = {
            area: tuple(_dated_tables(area, entries)) for area, entries in self._by_area.items()
        }

    @property
    def areas(self) -> tuple[int, ...]:
        """Area numbers, ascending."""
        return tuple(sorted(self._tables))

    @property
    def points(self) -> tuple[Point, ...]:
        """Every entry, by area and number."""
        return tuple(point for area in self.areas for point in self.of_area(area))

    def of_area(self, area: int) -> tuple[Point, ...]:
        """Every entry of an area, by number; none of an area that the register does not know."""
        return tuple(self._by_area.get(area, ()))

    def at(self, area: int, time_ns: int) -> PointTable:
        """Return the table in force for `area` at `time_ns`.

        Raises
        ------
        RecordError
            When the area has no entry in force then.
        """
        for table in self._tables.get(area, ()):
            if table.valid_from <= time_ns < table.valid_to:
                return table
        raise RecordError(Reason.UNKNOWN_POINT, f"area {area} has no point in force at {time_ns}")


def _dated_tables(area: int, entries: list[Point]) -> Iterable[PointTable]:
    """One table for each period between two changes of the register."""
    edges = sorted({p.valid_from for p in entries} | {p.valid_to for p in entries})
    for start, end in pairwise(edges):
        active = sorted(
            (p for p in entries if p.valid_from <= start and end <= p.valid_to),
            key=lambda p: p.number,
        )
        numbers = [p.number for p in active]
        if len(set(numbers)) != len(numbers):
            raise ValueError(f"area {area}: a point number is used twice at {start}")
        if active:
            yield PointTable(
                area,
                start,
                end,
                tuple(active),
                np.array(numbers, np.uint32),
                np.array([p.scale for p in active]),
                np.array([p.low for p in active]),
                np.array([p.high for p in active]),
                np.array([p.max_rate for p in active]),
                np.array([p.deadband for p in active]),
                np.array([p.sigma for p in active]),
            )
