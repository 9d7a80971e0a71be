"""One-step innovations of one series from a light robust seasonal autoregression.

The regression is on the last three values and on the values one day and one week before (each
with its neighbour, so that it can be a difference). It is fitted by Huber's weights on what was
known, refitted every month, and never looks ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolArray, FloatArray

__all__ = [
    "Innovations",
    "burn_in",
    "fill_by_season",
    "floor_at",
    "innovations",
    "trailing_extreme",
]

_REFIT_DAYS, _WINDOW_DAYS = 30, 120
_SCALE_DAYS, _LEAST_SCALE_DAYS = 60, 10
_HUBER, _ROUNDS = 2.0, 4
_YOUNG_DAYS = 180


@dataclass(frozen=True, slots=True)
class Innovations:
    """What a detector looks at; every field of shape (n_times,), NaN = not known.

    Attributes
    ----------
    values
        The values themselves, on the scale of the regression.
    raw
        Value minus its one-step forecast, on the scale of the values.
    standard
        The same in robust standard deviations of its instant of the day.
    scale
        That standard deviation, from the 60 days before.
    weekly
        Value minus the mean of the same instant one to four weeks before.
    memory
        Sum of the coefficients of the last three values: near 1 the series walks, near 0 it
        is noise about its season.
    """

    values: FloatArray
    raw: FloatArray
    standard: FloatArray
    scale: FloatArray
    weekly: FloatArray
    memory: FloatArray


def innovations(values: FloatArray, per_day: int) -> Innovations:
    """Return the innovations of a series.

    Parameters
    ----------
    values
        Equidistant, shape (n_times,), NaN = missing, on a scale where errors are alike.
    per_day
        Steps of a day.
    """
    filled = fill_by_season(values, per_day)
    lags = _lags(len(values), per_day)
    inputs = np.stack([_shifted(filled, lag) for lag in lags], axis=1)
    usable = np.isfinite(inputs).all(axis=1) & np.isfinite(values)
    raw = np.full(len(values), np.nan)
    memory = np.full(len(values), np.nan)
    refit = max(_REFIT_DAYS * per_day, 60)
    first = burn_in(len(values), per_day) // 2
    for start in range(first, len(values), refit):
        rows = np.flatnonzero(usable[max(0, start - _WINDOW_DAYS * per_day) : start])
        rows += max(0, start - _WINDOW_DAYS * per_day)
        if len(rows) < 4 * len(lags):
            continue
        centre, slopes = _robust_fit(inputs[rows], values[rows])
        part = slice(start, start + refit)
        raw[part] = values[part] - centre - (inputs[part] - centre) @ slopes
        memory[part] = slopes[[i for i, lag in enumerate(lags) if lag <= 3 and lag < per_day]].sum()
    scale = _instant_scale(raw, per_day)
    past = np.stack([_shifted(filled, week * 7 * per_day) for week in (1, 2, 3, 4)])
    known = np.isfinite(past)
    count = known.sum(axis=0)
    mean = np.where(known, past, 0.0).sum(axis=0) / np.maximum(count, 1)
    weekly = np.where(count > 0, values - mean, np.nan)
    return Innovations(values, raw, raw / scale, scale, weekly, memory)


def burn_in(n_times: int, per_day: int) -> int:
    """Return how many steps are learnt from before anything can be found: four weeks at most."""
    return int(min(max(28 * per_day, 100), max(n_times // 4, 60)))


def fill_by_season(values: FloatArray, per_day: int) -> FloatArray:
    """Return the values with gaps taken from a week before, else a day, else the last value."""
    out = values.copy()
    for back in (7 * per_day, per_day, 1):
        for row in np.flatnonzero(~np.isfinite(out)):
            if row >= back:
                out[row] = out[row - back]
    return out


def floor_at(n_times: int, per_day: int, floor: float, younger: float = 1.4) -> FloatArray:
    """Return the floor at each step: ``younger`` times as high at first, itself in half a year."""
    young = np.maximum(0.0, 1.0 - np.arange(n_times) / (_YOUNG_DAYS * per_day))
    return np.asarray(floor * (1.0 + (younger - 1.0) * young))


def trailing_extreme(
    statistic: FloatArray,
    per_day: int,
    *,
    floor: float,
    factor: float,
    lag_days: int = 3,
    younger: float = 1.4,
) -> FloatArray:
    """Return the threshold learnt at each step: a factor above what the past has shown.

    The second largest value up to ``lag_days`` before counts, so that one oddity in the past
    does not blind the detector; never below ``floor``, which begins ``younger``
    times as high and is itself after half a year, when most of what is usual has been seen.
    """
    out = floor_at(len(statistic), per_day, floor, younger)
    seen = np.abs(np.where(np.isfinite(statistic), statistic, 0.0))
    week = max(7 * per_day, 1)
    block = [seen[start : start + week].max() for start in range(0, len(seen), week)]
    top = np.zeros(2)
    lag = -(-lag_days // 7) + 1
    for number in range(lag, len(block)):
        top = np.sort(np.append(top, block[number - lag]))[-2:]
        part = slice(number * week, (number + 1) * week)
        out[part] = np.maximum(out[part], factor * top[0])
    return out


def _lags(n_times: int, per_day: int) -> tuple[int, ...]:
    short = (1, 2, 3) if per_day > 3 else (1, 2)
    daily = (per_day, per_day + 1) if per_day > 1 and n_times > 8 * per_day else ()
    weekly = (7 * per_day, 7 * per_day + 1) if n_times > 42 * per_day else ()
    return tuple(dict.fromkeys((*short, *daily, *weekly)))


def _shifted(values: FloatArray, back: int) -> FloatArray:
    out = np.full(len(values), np.nan)
    if back < len(values):
        out[back:] = values[: len(values) - back]
    return out


def _robust_fit(inputs: FloatArray, target: FloatArray) -> tuple[float, FloatArray]:
    centre = float(np.median(target))
    X, y = inputs - centre, target - centre
    ridge = 1e-6 * max(float(y.var()), 1e-12) * len(y) * np.eye(X.shape[1])
    weight: FloatArray = np.ones(len(y))
    slopes: FloatArray = np.zeros(X.shape[1])
    for _ in range(_ROUNDS):
        weighted = X * weight[:, None]
        slopes = np.asarray(np.linalg.solve(weighted.T @ X + ridge, weighted.T @ y), np.float64)
        left = np.abs(y - X @ slopes)
        limit = _HUBER * max(1.4826 * float(np.median(left)), 1e-12)
        weight = np.minimum(1.0, limit / np.maximum(left, 1e-12))
    return centre, slopes


def _instant_scale(raw: FloatArray, per_day: int) -> FloatArray:
    """Robust standard deviation of each instant over the days before, smoothed over the clock."""
    days = -(-len(raw) // per_day)
    flat = np.full(days * per_day, np.nan)
    flat[: len(raw)] = np.abs(raw)
    table: FloatArray = flat.reshape(days, per_day)
    out = np.full(table.shape, np.nan)
    reach = per_day // 24
    around = np.arange(-reach, reach + 1)
    neighbours = (np.arange(per_day)[:, None] + around) % per_day
    last = np.full(per_day, np.nan)
    for day in range(1, days):
        if day % 7 == 1 or not np.isfinite(last).all():
            past = table[max(0, day - _SCALE_DAYS) : day]
            known: BoolArray = np.isfinite(past)
            if known.sum() >= max(_LEAST_SCALE_DAYS * min(per_day, 4), 20):
                overall = float(np.median(past[known]))
                own = np.array(
                    [
                        np.median(column[seen]) if seen.sum() >= _LEAST_SCALE_DAYS else overall
                        for column, seen in zip(past.T, known.T, strict=True)
                    ]
                )
                last = 1.4826 * np.maximum(own[neighbours].mean(axis=1), 0.3 * overall)
        out[day] = last
    return np.asarray(np.maximum(out.reshape(-1)[: len(raw)], 1e-12))
