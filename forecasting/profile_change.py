"""Finds days whose shape is none that the series has shown.

The shape of the last 24 hours, free of their mean, is compared with the shapes of every weekday
of the past six weeks, each also an hour earlier and an hour later: a holiday resembles a Sunday,
and after a change of the clock the same day comes an hour off in UTC. What resembles none of them
for a day and a half has another profile.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.innovations import trailing_extreme
from forecasting.rupture_finding import Finding

__all__ = ["find_profile_changes", "shape_distance"]

_WEEKS = 6
_SCALE_DAYS = 60
_FLOOR, _FACTOR = 4.3, 1.15
_LASTING_DAYS = 1.5
# Shapes that may meet at midnight, of three shifts and seven weekdays: one and the one that
# follows it in the week, or twice the same.
_SAME = np.arange(21)
_YESTERDAY = np.concatenate([_SAME, _SAME])
_TODAY = np.concatenate([_SAME, _SAME // 7 * 7 + (_SAME + 1) % 7])


def find_profile_changes(values: FloatArray, per_day: int, first: int) -> list[Finding]:
    """Return lasting changes of the daily profile.

    Parameters
    ----------
    values
        Values on a scale where errors are alike, shape (n_times,), the first at 0:00 UTC or
        wherever the days are to begin; NaN = missing.
    per_day
        Steps of a day; with fewer than six there is no profile to speak of.
    first
        Nothing is found before this step.
    """
    blocks = _blocks(per_day)
    if blocks < 6:
        return []
    width = per_day // blocks
    distance = shape_distance(_hourly(values, width), blocks)
    lasting = _least_of_last(distance, int(_LASTING_DAYS * blocks) - blocks + 1)
    limit = trailing_extreme(lasting, blocks, floor=_FLOOR, factor=_FACTOR)
    above = np.isfinite(lasting) & (lasting > limit)
    found: list[Finding] = []
    quiet_from = 0
    for block in np.flatnonzero(above).tolist():
        end = (block + 1) * width - 1
        if end < first or block < quiet_from:
            continue
        onset = max(0, (block + 1 - int(_LASTING_DAYS * blocks)) * width)
        found.append(Finding(onset, end, "profile", float(lasting[block]), float(limit[block])))
        quiet_from = block + _SCALE_DAYS * blocks
    return found


def shape_distance(hours: FloatArray, per_day: int) -> FloatArray:
    """Return how far the last day at each hour is from the nearest known shape.

    Root mean square over the day of deviations in units of what is usual at that hour; about 1 on
    a usual day. NaN until three weeks are known.
    """
    n_days = len(hours) // per_day
    whole = hours[: n_days * per_day].reshape(n_days, per_day)
    shapes = whole - _level_before(whole.mean(axis=1))[:, None]
    out = np.full(len(hours), np.nan)
    usual = np.full(per_day, np.nan)
    own: list[FloatArray] = []
    previous: FloatArray | None = None
    for day in range(n_days):
        references = _references(shapes, day)
        if references is None:
            own.append(np.full(per_day, np.nan))
            previous = None
            continue
        today = whole[day] - references
        deviation = shapes[day] - references[day % 7]
        own.append(deviation - deviation.mean())
        if day % 7 == 0 or not np.isfinite(usual).all():
            recent = np.array(own[-_SCALE_DAYS:])
            known = np.isfinite(recent).all(axis=1)
            if known.sum() >= 10:
                spread = 1.4826 * np.median(np.abs(recent[known]), axis=0)
                usual = np.maximum(spread, 0.5 * spread.mean() + 1e-12)
        if previous is not None and np.isfinite(usual).all():
            two = np.concatenate([previous[_YESTERDAY], today[_TODAY]], axis=1)
            windows = np.lib.stride_tricks.sliding_window_view(two, per_day, axis=1)[:, 1:]
            free = windows - windows.mean(axis=2, keepdims=True)
            at = np.array([np.roll(usual, -(hour + 1)) for hour in range(per_day)])
            score = np.sqrt(np.mean((free / at) ** 2, axis=2))
            out[day * per_day : (day + 1) * per_day] = score.min(axis=0)
        previous = today
    return out


def _level_before(daily: FloatArray) -> FloatArray:
    """Mean of the week before each day, NaN where none of it is known."""
    known = np.isfinite(daily)
    total = np.r_[0.0, np.cumsum(np.where(known, daily, 0.0))]
    count = np.r_[0, np.cumsum(known)]
    end = np.arange(len(daily))
    begin = np.maximum(end - 7, 0)
    n = count[end] - count[begin]
    return np.where(n > 0, (total[end] - total[begin]) / np.maximum(n, 1), np.nan)


def _references(shapes: FloatArray, day: int) -> FloatArray | None:
    """Return the known shapes before a day, weekday by weekday and then shifted, (21, per_day)."""
    if day < 21:
        return None
    past = np.full((7, _WEEKS, shapes.shape[1]), np.nan)
    for weekday in range(7):
        days = np.arange(weekday, day - 2, 7)[-_WEEKS:]
        past[weekday, : len(days)] = shapes[days]
    known = np.isfinite(past)
    count = known.sum(axis=1)
    if (count == 0).any():
        return None
    mean = np.where(known, past, 0.0).sum(axis=1) / count
    return np.concatenate([mean, np.roll(mean, 1, axis=1), np.roll(mean, -1, axis=1)])


def _blocks(per_day: int) -> int:
    """Return the number of parts of a day: hours where the step allows it."""
    for blocks in (24, 12, 8, 6):
        if per_day % blocks == 0:
            return blocks
    return per_day


def _hourly(values: FloatArray, width: int) -> FloatArray:
    n = len(values) // width
    table = values[: n * width].reshape(n, width)
    known = np.isfinite(table)
    count = known.sum(axis=1)
    total = np.where(known, table, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _least_of_last(values: FloatArray, n: int) -> FloatArray:
    filled = np.where(np.isfinite(values), values, 0.0)
    padded = np.concatenate([np.zeros(n - 1), filled])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, n).min(axis=1))
