"""The level of a series before and after an event."""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.rupture_finding import Finding

__all__ = ["levels_around"]


def levels_around(
    values: FloatArray, event: Finding, per_day: int
) -> tuple[float | None, float | None]:
    """Return what the series was before the onset and what it was since, up to the detection.

    Of a change of scatter these are standard deviations of the differences from one step to the
    next (robust), of an outlier the last value before and the wild one, of everything else mean
    levels over the same instants of the day. None where nothing is known.

    Examples
    --------
    >>> values = np.r_[np.full(10, 5.0), np.full(10, 3.0)]
    >>> levels_around(values, Finding(10, 13, "level", 9.0, 5.0), 4)
    (5.0, 3.0)
    """
    onset, end = event.onset, event.detected + 1
    if event.kind == "outlier":
        return _first(values[max(0, onset - per_day) : onset][::-1]), _first(values[onset:end])
    if event.kind == "variance":
        jumps = np.diff(values, prepend=np.nan)
        return _spread(jumps[max(0, onset - 28 * per_day) : onset]), _spread(jumps[onset:end])
    days = -(-(end - onset) // per_day)
    first = onset - days * per_day
    before = values[max(0, first) : max(0, first) + (end - onset)]
    if not np.isfinite(before).any():
        before = values[:onset]
    return _mean(before), _mean(values[onset:end])


def _mean(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _first(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[0]) if len(known) else None


def _spread(jumps: FloatArray) -> float | None:
    known = jumps[np.isfinite(jumps)]
    return float(1.4826 * np.median(np.abs(known))) if len(known) else None
