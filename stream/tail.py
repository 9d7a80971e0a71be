"""The upper end of what a window's values were: enough for the exact quantile of a longer one.

Quantiles cannot be folded from quantiles. But of a longer window no more than 5 % of the time is
spent above its 95 % quantile, so that the few highest values of each part, with how long each
was in force, decide it exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from records.snapshot import Tree

__all__ = ["Tail", "column_order", "quantile_of"]

_ALL = slice(None)


@dataclass(slots=True)
class Tail:
    """The highest values of one window.

    Parameters
    ----------
    value
        Values of each point in ascending order, shape (n_kept, n_points).
    weight
        How long each was in force, ns, shape (n_kept, n_points); where it is 0 there is none.
    total
        How long anything was known at all, ns, shape (n_points,).
    """

    value: npt.NDArray[np.float64]
    weight: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        value: npt.NDArray[np.float64],
        weight: npt.NDArray[np.int64],
        below: npt.NDArray[np.int64],
        within: int,
    ) -> Tail:
        """Take what may decide a quantile above which at most `within` ns are spent.

        Parameters
        ----------
        value, weight
            All values in ascending order and their weights, shape (n_times, n_points).
        below
            Sum of the weights up to and including each.
        within
            Time, ns.
        """
        total = below[-1]
        deciding = (below >= total - within) & (weight > 0)
        n_kept = int(deciding.sum(axis=0).max(initial=0))
        first = len(value) - n_kept
        return cls(value[first:].copy(), weight[first:].copy(), total.copy())

    def take(self, rows: npt.NDArray[np.int64] | slice) -> Tail:
        """Return those of some points."""
        return Tail(self.value[:, rows], self.weight[:, rows], self.total[rows])

    def differs(self, rows: npt.NDArray[np.int64] | slice, other: Tail) -> bool:
        """Whether those of some points are not the same."""
        mine = self.take(rows)
        depth = max(len(mine.value), len(other.value))
        return not all(
            np.array_equal(_deeper(one, depth - len(one)), _deeper(two, depth - len(two)))
            for one, two in ((mine.value, other.value), (mine.weight, other.weight))
        )

    def put(self, rows: npt.NDArray[np.int64], other: Tail) -> None:
        """Overwrite some points."""
        more = len(other.value) - len(self.value)
        if more > 0:
            self.value, self.weight = _deeper(self.value, more), _deeper(self.weight, more)
        self.value[:, rows] = _deeper(other.value, max(-more, 0))
        self.weight[:, rows] = _deeper(other.weight, max(-more, 0))
        self.total[rows] = other.total

    def dump(self) -> Tree:
        """State as a tree."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> Tail:
        """State from its tree."""
        return cls(*(tree[column.name] for column in fields(cls)))


def quantile_of(tails: Sequence[Tail], percent: int) -> npt.NDArray[np.float64]:
    """Exact time-weighted quantile over the windows that the tails are of.

    Parameters
    ----------
    tails
        Of all parts of the window, each taken within at least ``100 - percent`` percent of
        the whole window's time.
    percent
        Which quantile, percent.

    Returns
    -------
    numpy.ndarray
        Smallest value at or below which `percent` of the known time is spent, shape
        (n_points,); NaN where nothing is known.

    Examples
    --------
    >>> flat = Tail(np.array([[1.0]]), np.array([[90]]), np.array([90]))
    >>> peak = Tail(np.array([[1.0], [7.0]]), np.array([[80], [10]]), np.array([90]))
    >>> quantile_of([flat, peak], 95)
    array([7.])
    """
    value = np.concatenate([tail.value for tail in tails])
    weight = np.concatenate([tail.weight for tail in tails])
    total = np.sum([tail.total for tail in tails], axis=0)
    if not len(value):
        return np.full(len(total), np.nan)
    order = column_order(np.where(weight > 0, value, -np.inf))
    value, weight = value.take(order), weight.take(order)
    above = np.add.accumulate(weight[::-1], axis=0)[::-1] - weight
    deciding = (above * 100 <= (100 - percent) * total) & (weight > 0)
    found = value[np.argmax(deciding, axis=0), np.arange(len(total))]
    return np.where(total > 0, found, np.nan)


def column_order(ranked: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Places in the flat matrix of each column's values in ascending order, equal ones as they are.

    >>> column_order(np.array([[3.0, 1.0], [2.0, 4.0]])).tolist()
    [[2, 1], [0, 3]]
    """
    n_columns = ranked.shape[1]
    order = np.argsort(ranked, axis=0, kind="stable")
    order *= n_columns
    order += np.arange(n_columns)
    return order


def _deeper(block: npt.NDArray[Any], more: int) -> npt.NDArray[Any]:
    """Put rows of nothing before the others."""
    return np.concatenate([np.zeros((more, block.shape[1]), block.dtype), block]) if more else block
