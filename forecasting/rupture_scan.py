"""Runs every rupture detector over the whole past of one series, as it would have run on line.

Nothing looks ahead: an event is found from what was known at its ``detected`` step. What has been
found changes what is looked for next: after a step of the level the past is moved to the new
level, and after any other rupture four weeks only teach; related findings are one event.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.frozen import find_frozen
from forecasting.innovations import Innovations, burn_in, innovations
from forecasting.level_shift import find_level_shifts
from forecasting.profile_change import find_profile_changes
from forecasting.rupture_finding import Finding
from forecasting.trend_break import find_trend_breaks
from forecasting.vanished import find_vanished_and_new
from forecasting.variance_change import find_variance_changes

__all__ = ["least_steps", "scan"]

_HOLD_DAYS = 7
_RELEARN_DAYS = 28
_MOST_ROUNDS = 60
_LOG_ABOVE = 0.05


def least_steps(per_day: int) -> int:
    """Return how many steps a series needs before anything can be found in it."""
    return max(80, min(14 * per_day, 500))


def scan(values: FloatArray, per_day: int) -> list[Finding]:
    """Return the events of a series in the order in which they became known.

    Parameters
    ----------
    values
        Equidistant readings in any unit, shape (n_times,), NaN = missing.
    per_day
        Steps of a day.

    Examples
    --------
    >>> hour = np.arange(24 * 90)
    >>> noise = np.random.default_rng(1).normal(size=len(hour))
    >>> load = 100 + 20 * np.sin(2 * np.pi * hour / 24) + noise
    >>> load[24 * 60 + 5 :] *= 0.8
    >>> [(event.kind, event.onset - 24 * 60) for event in scan(load, 24)]
    [('level', 5)]
    """
    if len(values) < least_steps(per_day):
        return []
    learnt = burn_in(len(values), per_day)
    still = find_frozen(values, per_day, learnt)
    absent = find_vanished_and_new(values, per_day, learnt)
    told = [*still, *absent]
    clean = _without(values, told)
    scaled = _scaled(clean, learnt)
    return _grouped([*told, *_lasting(scaled, per_day, learnt, absent)], per_day)


def _lasting(values: FloatArray, per_day: int, learnt: int, absent: list[Finding]) -> list[Finding]:
    """Return steps, trends, profiles and spreads, one after the other."""
    values, first = values.copy(), learnt
    found: list[Finding] = []
    told = innovations(values, per_day)
    outliers = [f for f in find_level_shifts(told, per_day, first) if f.kind == "outlier"]
    if outliers:
        for outlier in outliers:
            values[outlier.onset : outlier.detected] = np.nan
        found += outliers
    restarts = [f.onset for f in absent]
    for _ in range(_MOST_ROUNDS):
        told = innovations(values, per_day)
        event = _next(values, told, per_day, first, restarts)
        if event is None:
            break
        found.append(event)
        if event.kind == "level":
            values[: event.onset] += _step_of(told, event)
            first = event.detected + _HOLD_DAYS * per_day
        else:
            first = event.onset + _RELEARN_DAYS * per_day
    return found


def _next(
    values: FloatArray, told: Innovations, per_day: int, first: int, restarts: list[int]
) -> Finding | None:
    found = [
        *(f for f in find_level_shifts(told, per_day, first) if f.kind == "level"),
        *find_profile_changes(values, per_day, first),
        *find_variance_changes(told, per_day, first),
        *find_trend_breaks(values, per_day, first),
    ]
    relearn = _RELEARN_DAYS * per_day
    kept = [f for f in found if not any(0 <= f.detected - at < relearn for at in restarts)]
    return min(kept, key=lambda f: (f.detected, f.onset), default=None)


def _step_of(told: Innovations, event: Finding) -> float:
    part = told.weekly[event.onset : event.detected + 1]
    before = told.weekly[max(0, 2 * event.onset - event.detected - 1) : event.onset]
    if not (np.isfinite(part).any() and np.isfinite(before).any()):
        return 0.0
    return float(np.nanmedian(part)) - float(np.nanmedian(before))


def _without(values: FloatArray, told: list[Finding]) -> FloatArray:
    """Return the values without what stands still or is absent."""
    out = values.copy()
    for event in told:
        if event.kind == "frozen":
            same = values[event.onset :] == values[event.onset]
            end = event.onset + (len(same) if same.all() else int(np.argmin(same)))
            out[event.onset : end] = np.nan
    return out


def _scaled(values: FloatArray, learnt: int) -> FloatArray:
    """Return logs of a series that is well above zero while it is learnt, else the values."""
    early = values[:learnt][np.isfinite(values[:learnt])]
    if not len(early):
        return values
    middle = float(np.median(early))
    if middle <= 0 or float(np.mean(early > _LOG_ABOVE * middle)) < 0.999:
        return values
    return np.asarray(np.log(np.maximum(values, 0.5 * _LOG_ABOVE * middle)))


def _grouped(found: list[Finding], per_day: int) -> list[Finding]:
    """Return one event for what belongs together: the first, of those within a week."""
    out: list[Finding] = []
    for event in sorted(found, key=lambda f: (f.detected, f.onset)):
        related = [
            f
            for f in out
            if f.kind != "outlier" and event.onset - f.detected < _HOLD_DAYS * per_day
        ]
        if event.kind in ("outlier", "new") or not related:
            out.append(event)
    return out
