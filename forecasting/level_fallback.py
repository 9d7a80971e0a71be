"""The shallow-history model: the shape that was learnt, at the level seen since a rupture.

A rupture of the level adds a step to the mid-term residuals of a series. Its height is the mean
residual since the onset; it is added to the forecast and taken out of the residuals since, so that
the autoregression starts from what is left (intervention analysis: Box and Tiao, JASA 70, 1975).
What a ruptured series gained or lost is passed on to the sums above it, so that reconciliation does
not take it back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.fleet import Fleet
from forecasting.hierarchy import Hierarchy
from forecasting.live import LiveState

__all__ = ["LevelFallback", "level_fallback"]

_SHRINK_DAYS = 0.125
_PLAIN_SIGMAS = 3.0


@dataclass(frozen=True, slots=True)
class LevelFallback:
    """Steps to add to the forecasts of some series, each field of shape (n_series,).

    Attributes
    ----------
    ruptured
        Series that are issued by this model.
    moved
        Sums above them, which carry their change.
    offset
        Height of the step on the standardised link scale; 0 elsewhere.
    since
        Onset of the step, ns UTC.
    """

    ruptured: BoolArray
    moved: BoolArray
    offset: FloatArray
    since: IntArray

    def residuals(self, state: LiveState, step_ns: int) -> FloatArray:
        """Return the residuals of a state without the steps."""
        n = len(state.residuals)
        starts = state.end_ns - step_ns * np.arange(n, 0, -1)
        return state.residuals - np.where(starts[:, None] >= self.since, self.offset, 0.0)

    def loads(self, fleet: Fleet, state: LiveState) -> FloatArray:
        """Return the loads of a state with those before the onset at the level since, MW."""
        return self.levelled(fleet, state.loads, state.end_ns)

    def levelled(self, fleet: Fleet, loads: FloatArray, end_ns: int) -> FloatArray:
        """Return loads that end at a time, MW, those before the onset at the level since."""
        places = np.flatnonzero(self.offset != 0.0)
        out = np.array(loads, dtype=np.float64)
        if not len(places):
            return out
        starts = end_ns - fleet.calendar.step_ns * np.arange(len(loads), 0, -1)
        link = fleet.link.chosen(places)
        level = link.inverse(link.forward(out[:, places]) + self.offset[places])
        early = (starts[:, None] < self.since[places]) & np.isfinite(level)
        out[:, places] = np.where(early, level, out[:, places])
        return out


def level_fallback(
    fleet: Fleet, state: LiveState, tree: Hierarchy, ruptured: BoolArray, onset: IntArray
) -> LevelFallback | None:
    """Return the fallback of the series that ruptured by more than three day-ahead errors.

    None where none did.

    Parameters
    ----------
    fleet, state
        Models in the order of the hierarchy, and where they stand.
    tree
        Who sums to whom.
    ruptured
        Shape (n_series,).
    onset
        Estimated onset of each rupture, ns UTC, shape (n_series,).
    """
    if not ruptured.any():
        return None
    step = fleet.calendar.step_ns
    starts = state.end_ns - step * np.arange(len(state.residuals), 0, -1)
    since = (starts[:, None] >= onset) & ruptured
    count = since.sum(axis=0)
    mean = np.where(since, state.residuals, 0.0).sum(axis=0) / np.maximum(count, 1)
    little = _SHRINK_DAYS * fleet.calendar.n_instants
    offset = np.where(count > 0, mean * count / (count + little), 0.0)
    ruptured = ruptured & _plain(fleet, state, offset)
    offset = np.where(ruptured, offset, 0.0)
    if not ruptured.any():
        return None
    moved = _above(tree, ruptured)
    offset, since_when = _passed_on(fleet, state, tree, ruptured, moved, offset, onset)
    return LevelFallback(ruptured, moved, offset, since_when)


def _plain(fleet: Fleet, state: LiveState, offset: FloatArray) -> BoolArray:
    """Whether a step is beyond three day-ahead errors: a smaller one the model follows better."""
    recent = state.loads[-fleet.calendar.n_instants :]
    change = np.abs(recent - fleet.link.inverse(fleet.link.forward(recent) - offset))
    known = np.isfinite(change)
    mean = np.where(known, change, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(mean > _PLAIN_SIGMAS * np.sqrt(fleet.error_variance))


def _above(tree: Hierarchy, ruptured: BoolArray) -> BoolArray:
    """Return the sums that hold a ruptured leaf and did not rupture themselves."""
    own = ruptured[tree.leaves].astype(np.float64)[:, None]
    return np.asarray((tree.aggregate(own)[:, 0] > 0) & ~ruptured)


def _passed_on(
    fleet: Fleet,
    state: LiveState,
    tree: Hierarchy,
    ruptured: BoolArray,
    moved: BoolArray,
    offset: FloatArray,
    onset: IntArray,
) -> tuple[FloatArray, IntArray]:
    recent = state.loads[-fleet.calendar.n_instants :]
    without = fleet.link.inverse(fleet.link.forward(recent) - offset)
    change = np.where(ruptured & np.isfinite(without), recent - without, 0.0)
    change = np.where(np.isfinite(change), change, 0.0)
    gained = tree.aggregate(change[:, tree.leaves].T).T
    lifted = fleet.link.forward(recent) - fleet.link.forward(recent - gained)
    known = np.isfinite(lifted) & moved
    mean = np.where(known, lifted, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    never = np.iinfo(np.int64).max
    earliest = np.where(ruptured, onset, never)
    since = earliest.copy()
    parent = {name: i for i, name in enumerate(tree.ids)}
    for leaf in tree.leaves[ruptured[tree.leaves]].tolist():
        above = tree.parents[leaf]
        while above is not None:
            place = parent[above]
            if moved[place]:
                since[place] = min(since[place], earliest[leaf])
            above = tree.parents[place]
    return np.where(moved, mean, offset), since
