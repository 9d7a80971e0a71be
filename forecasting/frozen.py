"""Finds readings that stand still for longer than the series ever does by itself."""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.rupture_finding import Finding

__all__ = ["find_frozen", "runs_of_equals"]

_LEAST_STEPS, _LEAST_HOURS = 6, 3.0
_FACTOR = 2.0


def runs_of_equals(values: FloatArray) -> tuple[IntArray, IntArray]:
    """Return first step and length of every run of equal known values.

    Examples
    --------
    >>> first, length = runs_of_equals(np.array([1.0, 2.0, 2.0, 2.0, np.nan]))
    >>> first.tolist(), length.tolist()
    ([0, 1], [1, 3])
    """
    if not len(values):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    edges = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    lengths = np.diff(np.r_[edges, len(values)])
    known = np.isfinite(values[edges])
    return edges[known].astype(np.int64), lengths[known].astype(np.int64)


def find_frozen(values: FloatArray, per_day: int, learnt: int) -> list[Finding]:
    """Return one finding a freeze, found while it lasts.

    Parameters
    ----------
    values
        Readings, shape (n_times,).
    per_day
        Steps of a day.
    learnt
        Steps at the beginning that only teach how long the series repeats itself by nature.

    Notes
    -----
    A run counts from twice the longest run before it, from six steps and from three hours. A run
    of zeros is what consumption looks like where there is none, and is left to ``vanished``.
    """
    first, length = runs_of_equals(values)
    least = max(_LEAST_STEPS, int(np.ceil(_LEAST_HOURS * per_day / 24)))
    longest, found = 1, []
    for start, steps in zip(first.tolist(), length.tolist(), strict=True):
        threshold = max(least, int(_FACTOR * longest))
        if start >= learnt and steps >= threshold and values[start] != 0.0:
            found.append(
                Finding(start, start + threshold - 1, "frozen", float(steps), float(threshold))
            )
        else:
            longest = max(longest, steps)
    return found
