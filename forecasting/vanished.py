"""Finds consumption that goes away, and consumption that appears where there was none."""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.rupture_finding import Finding

__all__ = ["find_vanished_and_new"]

_SHARE = 0.05
_LEAST_STEPS, _LEAST_HOURS = 3, 6.0
_MEMORY_DAYS = 28
_NEW_AFTER_DAYS = 7


def find_vanished_and_new(values: FloatArray, per_day: int, learnt: int) -> list[Finding]:
    """Return disappearances and appearances.

    Consumption has vanished when it stays below 5 % of its typical magnitude for six hours and
    longer than it ever did before; it is new when it stays above what vanished means after a
    week or more of nothing.

    Parameters
    ----------
    values
        Readings, shape (n_times,), NaN = missing.
    per_day
        Steps of a day.
    learnt
        Steps at the beginning that only teach.
    """
    typical = _typical(values, per_day)
    known = np.isfinite(values)
    low = known & (np.abs(values) <= _SHARE * typical)
    least = max(_LEAST_STEPS, int(np.ceil(_LEAST_HOURS * per_day / 24)))
    found: list[Finding] = []
    longest, silent_since = 1, None
    edges = np.flatnonzero(np.r_[True, low[1:] != low[:-1]]).tolist()
    for start, end in zip(edges, [*edges[1:], len(values)], strict=True):
        steps = end - start
        if low[start]:
            threshold = max(least, 2 * longest)
            if steps >= threshold and start >= learnt:
                share = float(np.median(np.abs(values[start:end])) / typical[start])
                found.append(Finding(start, start + threshold - 1, "vanished", share, _SHARE))
            else:
                longest = max(longest, steps)
            silent_since = start if steps >= _NEW_AFTER_DAYS * per_day else None
        elif silent_since is not None and steps >= least:
            level = float(np.median(np.abs(values[start : start + least])))
            limit = float(max(_SHARE * typical[start], 1e-9))
            if level > limit and start >= learnt:
                found.append(Finding(start, start + least - 1, "new", level, limit))
            silent_since = None
    return found


def _typical(values: FloatArray, per_day: int) -> FloatArray:
    """Typical magnitude while there was any: the trailing median of values that are not zero."""
    out = np.zeros(len(values))
    magnitude = np.abs(values)
    current = 0.0
    block = max(per_day, 1)
    for start in range(0, len(values), block):
        past = magnitude[max(0, start - _MEMORY_DAYS * block) : start]
        past = past[np.isfinite(past) & (past > _SHARE * current)]
        if len(past) >= min(block, 12):
            current = float(np.median(past))
        out[start : start + block] = current
    return out
