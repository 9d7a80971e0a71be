"""What boosted trees are told of one interval, from what was known when its forecast is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from forecasting.arrays import FloatArray, IntArray
from forecasting.predictors import Predictors

__all__ = ["MEMORY_DAYS", "Past", "features"]

MEMORY_DAYS = 15
"""Days of load, and of weather, that an origin must have behind it."""

_CALENDAR = ("day_class", "time_of_year", "eve", "christmas", "vacation")
_RECENT_HOURS = (0.0, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0)
_MEAN_DAYS = (0.25, 1.0, 3.0, 7.0)
_SAME_INSTANT_DAYS = 7
_WEATHER_HOURS = (1.0, 2.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 48.0, 72.0)
_WEATHER_MEAN_DAYS = (1.0, 2.0, 3.0, 7.0)


@dataclass(frozen=True, slots=True)
class Past:
    """One series, with what its additive model made of it, on a link scale of spread near one.

    Parameters
    ----------
    load
        Shape (n_times,); NaN = missing. Behind an origin only.
    base
        The additive model's forecast, shape (n_times,).
    predictors
        Calendar, and ``temperature`` where there is weather, as known for the whole horizon.
    n_instants
        Intervals of a day.
    """

    load: FloatArray
    base: FloatArray
    predictors: Predictors
    n_instants: int

    def day_before(self, origin: IntArray, row: IntArray) -> IntArray:
        """Return the latest row of the same instant that lies before the origin."""
        n = self.n_instants
        return row - ((row - origin) // n + 1) * n


def features(past: Past, origin: IntArray, lead: IntArray, others: FloatArray) -> FloatArray:
    """Return one line for each (origin, lead), shape (n, n_features); NaN = not known.

    Parameters
    ----------
    origin
        First row of the horizon, at least ``MEMORY_DAYS`` days in, shape (n,).
    lead
        Steps from there, 0 for the first, shape (n,).
    others
        What other models expect the additive model to miss, shape (n, n_models).
    """
    n, row = past.n_instants, origin + lead
    residual = past.load - past.base
    before = past.day_before(origin, row)
    same = [before - day * n for day in range(_SAME_INSTANT_DAYS)]
    recent = [origin - 1 - _steps(hours, n) for hours in _RECENT_HOURS]
    columns = [lead.astype(np.float64), past.predictors.instant[row].astype(np.float64)]
    columns += [residual[r] for r in (*recent, *same, before - 1, before - 2)]
    columns += [residual[np.minimum(before + k, origin - 1)] for k in (1, 2)]
    columns += [past.load[r] for r in (*recent[:5], *same, row - 14 * n)]
    for days in _MEAN_DAYS:
        columns.append(_mean(residual, origin, int(days * n)))
    columns.append(sliding_window_view(residual, n)[origin - n].std(axis=1))
    columns.append(_mean(past.load, origin, n))
    base = past.base
    columns += [base[row], base[row] - base[origin - 1], base[row] - base[before]]
    columns += [base[row] - base[row - n], base[origin - 1] - base[origin - 2]]
    for name in _CALENDAR:
        if name in past.predictors.columns:
            columns.append(past.predictors[name][row])
    day_class = past.predictors["day_class"]
    columns += [day_class[origin - 1], day_class[before], day_class[row - n]]
    if "temperature" in past.predictors.columns:
        columns += _weather(past.predictors["temperature"], origin, row, before, n)
    return np.column_stack([*columns, others])


def _weather(
    temperature: FloatArray, origin: IntArray, row: IntArray, before: IntArray, n: int
) -> list[FloatArray]:
    now = temperature[row]
    since = (origin - 1, before, row - 1)
    columns = [now, *(now - temperature[earlier] for earlier in since)]
    columns += [now - temperature[row - _steps(hours, n)] for hours in _WEATHER_HOURS]
    columns += [_mean(temperature, row + 1, int(days * n)) for days in _WEATHER_MEAN_DAYS]
    day = sliding_window_view(temperature, n)
    columns += [day.max(axis=1)[row + 1 - n], day.min(axis=1)[row + 1 - n]]
    columns.append(_mean(temperature, row + 1, n) - _mean(temperature, origin, n))
    return columns


def _mean(column: FloatArray, end: IntArray, width: int) -> FloatArray:
    """Mean of the known among the last `width` values before `end`; NaN where none is."""
    known = np.isfinite(column)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, column, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    count = counts[end] - counts[end - width]
    total = sums[end] - sums[end - width]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _steps(hours: float, n_instants: int) -> int:
    """Steps of some hours; a step at least for anything but none."""
    return max(round(hours * n_instants / 24), int(hours > 0))
