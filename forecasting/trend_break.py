"""Finds a lasting drift of the level that the series has not known.

The slope of daily means over two weeks, free of the weekly season, against the slopes seen
before. A season moves a level too, so less than a year of past asks for twice the evidence.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.innovations import trailing_extreme
from forecasting.rupture_finding import Finding

__all__ = ["find_trend_breaks", "fortnight_change"]

_DAYS = 14
_FLOOR, _FACTOR = 8.0, 1.5
_YEAR = 365


def find_trend_breaks(values: FloatArray, per_day: int, first: int) -> list[Finding]:
    """Return drifts; the statistic is the change over two weeks in usual fortnightly changes.

    Parameters
    ----------
    values
        Values on a scale where errors are alike, shape (n_times,), NaN = missing.
    per_day
        Steps of a day.
    first
        Nothing is found before this step.
    """
    change = fortnight_change(_daily(values, per_day))
    usual = np.full(len(change), np.nan)
    for day in range(4 * _DAYS, len(change)):
        past = np.abs(change[max(0, day - _YEAR) : day - _DAYS])
        known = past[np.isfinite(past)]
        if len(known) >= 2 * _DAYS:
            usual[day] = 1.4826 * np.median(known) + 1e-12
    statistic = change / usual
    limit = trailing_extreme(statistic, 1, floor=_FLOOR, factor=_FACTOR, lag_days=_DAYS)
    limit = np.where(np.arange(len(limit)) < _YEAR, 2.0 * limit, limit)
    found: list[Finding] = []
    quiet_from = 0
    for day in np.flatnonzero(np.isfinite(statistic) & (np.abs(statistic) > limit)).tolist():
        end = (day + 1) * per_day - 1
        if end < first or day < quiet_from:
            continue
        onset = max(0, day + 1 - _DAYS) * per_day
        found.append(Finding(onset, end, "trend", float(abs(statistic[day])), float(limit[day])))
        quiet_from = day + 2 * _DAYS
    return found


def fortnight_change(daily: FloatArray) -> FloatArray:
    """Return the straight-line change over the last fourteen days, shape (n_days,).

    Examples
    --------
    >>> float(fortnight_change(np.arange(20.0))[-1].round(6))
    13.0
    """
    out = np.full(len(daily), np.nan)
    if len(daily) < _DAYS:
        return out
    windows = np.lib.stride_tricks.sliding_window_view(daily, _DAYS)
    time = np.arange(_DAYS) - (_DAYS - 1) / 2
    out[_DAYS - 1 :] = windows @ time / float(time @ time) * (_DAYS - 1)
    return out


def _daily(values: FloatArray, per_day: int) -> FloatArray:
    n = len(values) // per_day
    table = values[: n * per_day].reshape(n, per_day)
    known = np.isfinite(table)
    count = known.sum(axis=1)
    mean = np.where(known, table, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count >= 0.8 * per_day, mean, np.nan)
