"""The live view: what each point is believed to be now, replaced by rule where nothing came.

While the last believed value is young it is held; when it is old the typical value of the local
hour and day type takes its place. Nothing waits for the future, every replacement is flagged
with its kind and age, and the raw topic stays unfilled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from records.quality import NOT_BELIEVED, Quality
from records.snapshot import Tree
from records.time import MINUTE, SECOND
from stream.local_clock import N_SLOTS
from stream.sequence import Memory

__all__ = ["FillLimits", "Typical", "fill"]

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
class Typical:
    """Running mean of each point in each slot of the local week, learnt from closed windows.

    Parameters
    ----------
    mean
        In the point's unit, NaN where nothing was learnt yet, shape (72, n_points).
    count
        Windows behind each mean, up to `FillLimits.typical_memory`, same shape.
    """

    mean: npt.NDArray[np.float64]
    count: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, n_points: int) -> Typical:
        """Nothing learnt."""
        return cls(np.full((N_SLOTS, n_points), np.nan), np.zeros((N_SLOTS, n_points), np.int32))

    def learn(
        self,
        slot: int,
        value: npt.NDArray[np.float64],
        measured: npt.NDArray[np.bool_],
        memory: int,
    ) -> None:
        """Move the means of one slot towards `value` where it was `measured`."""
        mean, count = self.mean[slot], self.count[slot]
        rows = np.flatnonzero(measured)
        n_seen = np.minimum(count[rows] + 1, memory)
        before = np.where(count[rows] > 0, mean[rows], value[rows])
        mean[rows] = before + (value[rows] - before) / n_seen
        count[rows] = n_seen

    def dump(self) -> Tree:
        """State as a tree."""
        return {"mean": self.mean, "count": self.count}

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> Typical:
        """State from its tree."""
        return cls(tree["mean"], tree["count"])


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
        usual = typical[rows]
        old = (age[rows] > limits.switch_age) & ~np.isnan(usual)
        value[rows] = np.where(old, usual, memory.value[rows])
        flag = np.where(old, _TYPICAL, np.where(np.isnan(value[rows]), np.uint16(0), _HELD))
        quality = quality.copy()
        quality[rows] |= flag
        age_s[rows[np.isnan(memory.value[rows])]] = np.inf
    return value, quality, age_s
