"""Finds a lasting change of how much the innovations scatter.

The mean magnitude of standardised innovations (clipped, so that a few wild ones do not count)
over a day and a half, as a ratio to what it was over the eight weeks before. A calm spell (the
end of a year) is more usual than a restless one, so that a fall needs more evidence.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.innovations import Innovations, trailing_extreme
from forecasting.rupture_finding import Finding

__all__ = ["find_variance_changes", "spread_ratio"]

_CLIP = 4.0
_WINDOW_DAYS, _LEAST_STEPS = 1.5, 36
_REFERENCE_DAYS = 56
_FLOOR, _FACTOR = 1.1, 1.15
_CALMER = 0.7
_SILENT_DAYS = 60


def find_variance_changes(told: Innovations, per_day: int, first: int) -> list[Finding]:
    """Return lasting changes of the scatter; statistic and threshold are logs of the ratio."""
    ratio = spread_ratio(told.standard, per_day)
    ratio = np.where(ratio < 0, _CALMER * ratio, ratio)
    limit = trailing_extreme(ratio, per_day, floor=_FLOOR, factor=_FACTOR, younger=1.0)
    window = _window(per_day)
    found: list[Finding] = []
    quiet_from = first
    for place in np.flatnonzero(np.isfinite(ratio) & (np.abs(ratio) > limit)).tolist():
        if place < quiet_from:
            continue
        onset = max(0, place - window + 1)
        found.append(
            Finding(onset, place, "variance", float(abs(ratio[place])), float(limit[place]))
        )
        quiet_from = place + _SILENT_DAYS * per_day
    return found


def spread_ratio(z: FloatArray, per_day: int) -> FloatArray:
    """Return the log of mean magnitude of the last window over that of the weeks before."""
    known = np.isfinite(z)
    size = np.where(known, np.minimum(np.abs(z), _CLIP), 0.0)
    window, reference = _window(per_day), max(_REFERENCE_DAYS * per_day, 4 * _LEAST_STEPS)
    total, count = np.r_[0.0, np.cumsum(size)], np.r_[0, np.cumsum(known)]
    end = np.arange(1, len(z) + 1)
    middle = np.maximum(end - window, 0)
    begin = np.maximum(middle - reference, 0)
    now, n_now = total[end] - total[middle], count[end] - count[middle]
    past, n_past = total[middle] - total[begin], count[middle] - count[begin]
    usable = (n_now >= 0.8 * window) & (n_past >= 4 * window) & (past > 0) & (now > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(now / n_now) - np.log(past / n_past)
    return np.where(usable, ratio, np.nan)


def _window(per_day: int) -> int:
    return max(int(_WINDOW_DAYS * per_day), _LEAST_STEPS)
