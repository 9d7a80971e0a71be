"""The live view: what each point is believed to be now, replaced by rule where nothing came.

While the last believed value is young it is held; when it is old the typical value of the local
hour and day type takes its place. Nothing waits for the future, every replacement is flagged
with its kind and age, and the raw topic stays unfilled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from records.quality import NOT_BELIEVED, Quality
from records.snapshot import Part, Tree
from records.time import MINUTE, SECOND
from stream.kept import Kept
from stream.sequence import Memory

__all__ = ["FillLimits", "Typical", "Usual", "fill"]

_NOT_BELIEVED = np.uint16(NOT_BELIEVED)
_HELD = np.uint16(Quality.HELD)
_TYPICAL = np.uint16(Quality.TYPICAL)


@dataclass(frozen=True, slots=True)
class FillLimits:
    """When a held value is too old.

    Parameters
    ----------
    switch_age
        A value up to this age is held, ns; an older one gives way to the typical value.
    typical_memory
        The typical value is the mean of about so many windows of its slot.
    """

    switch_age: int = 15 * MINUTE
    typical_memory: int = 120


@dataclass(slots=True)
class Usual:
    """Running means of one slot of the local week; arrays of shape (n_points,).

    Parameters
    ----------
    mean
        In the point's unit, NaN where nothing was learnt yet.
    count
        Windows behind each mean, up to `FillLimits.typical_memory`.
    """

    mean: npt.NDArray[np.float64]
    count: npt.NDArray[np.int32]

    def dump(self) -> Tree:
        """State as a tree."""
        return {"mean": self.mean, "count": self.count}

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> Usual:
        """State from its tree."""
        return cls(tree["mean"], tree["count"])


@dataclass(slots=True)
class Typical:
    """Typical values of an area, learnt from closed windows.

    Parameters
    ----------
    n_points
        Number of points.
    slots
        What was learnt of each slot of the local week; those without anything are not in it.
    """

    n_points: int
    slots: dict[int, Kept[Usual]]

    @classmethod
    def empty(cls, n_points: int) -> Typical:
        """Nothing learnt."""
        return cls(n_points, {})

    def mean(self, slot: int) -> npt.NDArray[np.float64]:
        """Typical value of each point in a slot, NaN where unknown, shape (n_points,)."""
        kept = self.slots.get(slot)
        return np.full(self.n_points, np.nan) if kept is None else kept.value.mean

    def learn(
        self,
        slot: int,
        value: npt.NDArray[np.float64],
        measured: npt.NDArray[np.bool_],
        memory: int,
    ) -> None:
        """Move the means of one slot towards `value` where it was `measured`."""
        rows = np.flatnonzero(measured)
        if not len(rows):
            return
        if slot not in self.slots:
            n_points = self.n_points
            nothing = Usual(np.full(n_points, np.nan), np.zeros(n_points, np.int32))
            self.slots[slot] = Kept(nothing)
        usual = self.slots[slot].change()
        mean, count = usual.mean, usual.count
        n_seen = np.minimum(count[rows] + 1, memory)
        before = np.where(count[rows] > 0, mean[rows], value[rows])
        mean[rows] = before + (value[rows] - before) / n_seen
        count[rows] = n_seen

    def dump(self) -> Tree:
        """State as a tree."""
        return [[slot, kept.dump()] for slot, kept in self.slots.items()]

    @classmethod
    def load(cls, n_points: int, tree: Sequence[tuple[int, Part]]) -> Typical:
        """State from its tree."""
        return cls(n_points, {slot: Kept.load(Usual, part) for slot, part in tree})


def fill(
    memory: Memory,
    quality: npt.NDArray[np.uint16],
    typical: npt.NDArray[np.float64],
    now: int,
    limits: FillLimits,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint16], npt.NDArray[np.float32]]:
    """Replace what is not believed; all arrays of shape (n_points,).

    Parameters
    ----------
    memory
        The points' memory after the scan.
    quality
        Bits of the scan's readings, MISSING where none came.
    typical
        Typical values of the present slot, NaN where unknown.
    now
        Time of the scan, ns UTC.
    limits
        When to switch.

    Returns
    -------
    value
        Believed, held or typical value; NaN where none of them is known.
    quality
        With HELD or TYPICAL added where the value was replaced.
    age_s
        Age of the last believed value, infinite where there is none.
    """
    age = now - memory.time
    age_s = (age / SECOND).astype(np.float32)
    value = memory.value.copy()
    rows = np.flatnonzero(quality & _NOT_BELIEVED)
    if len(rows):
        usual, unknown = typical[rows], np.isnan(value[rows])
        old = (age[rows] > limits.switch_age) & ~np.isnan(usual)
        flag = np.where(old, _TYPICAL, np.where(unknown, np.uint16(0), _HELD))
        quality = quality.copy()
        quality[rows] |= flag
        value[rows[old]] = usual[old]
        age_s[rows[unknown]] = np.inf
    return value, quality, age_s
