"""What was known when: loads with the moment at which each value could be had.

A backtest asks this and nothing else for its inputs, so that no value enters a forecast before it
was there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.hierarchy import Hierarchy

__all__ = ["NEVER", "KnownLoads", "node_loads"]

NEVER = np.iinfo(np.int64).max
"""Moment of a value that never came."""


def node_loads(tree: Hierarchy, leaves: FloatArray, begun: BoolArray | None = None) -> FloatArray:
    """Return the loads of all nodes; a sum is missing where a part of it is.

    A part that has not begun counts as nothing: it was not there.

    Parameters
    ----------
    leaves
        MW, shape (n_times, n_leaves), consecutive; NaN = missing.
    begun
        Same shape; None = from the first known value of each leaf on.

    Examples
    --------
    >>> tree = Hierarchy(("all", "a", "b"), ("total", "zone", "zone"), (None, "all", "all"))
    >>> late = np.array([[1.0, np.nan], [1.0, 5.0], [1.0, np.nan]])
    >>> node_loads(tree, late)[:, 0].tolist()
    [1.0, 6.0, nan]
    """
    gaps = ~np.isfinite(leaves)
    if begun is None:
        begun = np.logical_or.accumulate(~gaps, axis=0)
    missing = gaps & begun
    sums = tree.aggregate(np.where(gaps, 0.0, leaves).T).T
    if missing.any():
        sums[tree.aggregate(missing.astype(np.float64).T).T > 0] = np.nan
    sums[:, tree.leaves] = leaves
    return np.asarray(sums)


@dataclass(frozen=True)
class KnownLoads:
    """Loads of the leaves by version, and through the tree those of every node.

    Attributes
    ----------
    tree
        Nodes; a node is known once all its leaves are, but for those that have not begun.
    times
        Interval starts, ns UTC, one step apart, shape (n_times,).
    versions
        MW, each of shape (n_times, n_leaves), in the order of corrections; NaN = not in it.
    available
        When each value could be had, ns UTC, same shapes; ``NEVER`` where there is none.

    Examples
    --------
    >>> tree = Hierarchy(("x",), ("total",), (None,))
    >>> late = KnownLoads(tree, np.array([0, 10]), (np.array([[1.0], [2.0]]),),
    ...     (np.array([[10], [35]]),))
    >>> late.as_of(20).ravel().tolist(), late.delay_steps
    ([1.0, nan], 2)
    """

    tree: Hierarchy
    times: IntArray
    versions: tuple[FloatArray, ...]
    available: tuple[IntArray, ...]

    @property
    def step_ns(self) -> int:
        """Length of an interval, ns."""
        return int(self.times[1] - self.times[0])

    @cached_property
    def delay_steps(self) -> int:
        """Longest time from an interval's end to its last value, in whole steps, rounded up."""
        end = self.times[:, None] + self.step_ns
        late = [np.where(a == NEVER, end, a) - end for a in self.available]
        return int(-(-max(int(d.max(initial=0)) for d in late) // self.step_ns))

    @cached_property
    def final(self) -> FloatArray:
        """What is known in the end, shape (n_times, n_nodes); forecasts are scored on it."""
        return self.as_of(NEVER - 1)

    def as_of(self, time: int) -> FloatArray:
        """Return what was known at a time (ns UTC), shape (n_times, n_nodes)."""
        return self._nodes(self._chosen(slice(None), np.array(time)), np.arange(len(self.times)))

    def windows(self, rows: IntArray, issued: IntArray) -> FloatArray:
        """Return the loads of rows as they were known at an issue.

        Parameters
        ----------
        rows
            Any shape; rows outside the table are NaN.
        issued
            Issue times, ns UTC, of a shape that broadcasts to that of ``rows``.

        Returns
        -------
        FloatArray
            Shape (*rows.shape, n_nodes).
        """
        inside = (rows >= 0) & (rows < len(self.times))
        place = np.where(inside, rows, 0)
        if self.delay_steps == 0 and len(self.versions) == 1:
            inside &= self.times[place] + self.step_ns <= issued
            return np.where(inside[..., None], self.final[place], np.nan)
        leaves = self._chosen(place, np.asarray(issued)[..., None])
        return self._nodes(np.where(inside[..., None], leaves, np.nan), rows)

    def _chosen(self, place: IntArray | slice, time: IntArray) -> FloatArray:
        """Return the last version of the leaves known at a time."""
        out: FloatArray = np.full(self.versions[0][place].shape, np.nan)
        for values, available in zip(self.versions, self.available, strict=True):
            told: BoolArray = available[place] <= time
            out = np.where(told, values[place], out)
        return out

    @cached_property
    def _first(self) -> IntArray:
        """First row of each leaf with a value in some version, shape (n_leaves,)."""
        ever = np.logical_or.reduce([np.isfinite(values) for values in self.versions])
        return np.where(ever.any(axis=0), ever.argmax(axis=0), len(self.times))

    def _nodes(self, leaves: FloatArray, rows: IntArray) -> FloatArray:
        begun = rows[..., None] >= self._first
        flat = leaves.reshape(-1, leaves.shape[-1])
        nodes = node_loads(self.tree, flat, begun.reshape(flat.shape))
        return nodes.reshape(*leaves.shape[:-1], len(self.tree))
