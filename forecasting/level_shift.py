"""Finds lasting steps of the level, and tells them from outliers.

A step leaves a signature in the innovations: all of it at once where the series walks, the same
in every step where it is noise about its season, and in between a share ``1 - memory`` after
the first (Chen and Liu, JASA 88, 1993, level shift LS). The signature is matched over several
lengths; whether the step lasts is asked half a day later where it is plain, and else once more the
next day, of the day-ahead picture: the values since, less those of the same instants the day
before, both free of the weekly season. Steps that lasted without counting raise the threshold of
the series.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.innovations import Innovations, floor_at
from forecasting.rupture_finding import Finding

__all__ = ["find_level_shifts"]

_CLIP = 50.0
_PLAIN = 9.0
_LOOK_FROM = 4.5
_FLOOR, _FACTOR, _LAG_DAYS = 7.5, 1.5, 7
_PLAINLY = 1.4
_MOST_CANDIDATES = 4_000
_LASTING, _STILL = (0.5, 1.7), (0.5, 1.8)


def find_level_shifts(told: Innovations, per_day: int, first: int) -> list[Finding]:
    """Return steps that last, and wild readings that do not, in the order of detection.

    Parameters
    ----------
    told
        Innovations of the series.
    per_day
        Steps of a day.
    first
        Nothing is found before this step.
    """
    statistic, size, length = matched(told, per_day)
    share = _share(told)
    calm = np.abs(statistic) / _turbulence(told.standard, share * size, per_day)
    places = np.flatnonzero(np.isfinite(calm) & (calm > _LOOK_FROM))[:_MOST_CANDIDATES]
    floor = floor_at(len(calm), per_day, _FLOOR)
    found: list[Finding] = []
    seen: list[tuple[int, float]] = []
    busy_until = -1
    for candidate in places.tolist():
        place = candidate
        if place <= busy_until:
            continue
        if length[place] > 1:
            place = _onset(told.standard, float(share[place]), place, place + int(length[place]))
        strength = float(calm[place])
        known = [value for at, value in seen if at <= place - _LAG_DAYS * per_day]
        limit = max(float(floor[place]), _FACTOR * max(known, default=0.0))
        end = place + max(per_day // 2, int(length[place]), 8)
        if end > len(calm):
            continue
        step = float(size[place] * told.scale[place])
        lasts = _lasts(told, place, place, end, per_day, step)
        plain = strength > _PLAINLY * limit
        if lasts and not (plain and not _like_another_day(told.values, place, end, per_day, step)):
            # A holiday or a passing front looks like this; it is over the next day.
            since, end = place + per_day, end + per_day
            if end > len(calm):
                continue
            lasts = _lasts(told, place, place, since, per_day, step)
            lasts = lasts and _lasts(told, place, since, end, per_day, step, _STILL)
        back = _return_of(told, place, per_day) if length[place] == 1 else None
        if not lasts and back is None:
            continue
        kind, detected = ("level", end - 1) if back is None else ("outlier", back)
        if strength > limit and place >= first:
            found.append(Finding(place, detected, kind, strength, limit))
            busy_until = detected
        elif kind == "level":
            seen.append((place, strength))
    return found


def matched(told: Innovations, per_day: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the best matched statistic of a step at each place.

    Returns
    -------
    tuple
        Statistic in standard deviations; size of the step in standard deviations of an
        innovation; number of steps matched; each of shape (n_times,).
    """
    z = np.clip(np.where(np.isfinite(told.standard), told.standard, 0.0), -_CLIP, _CLIP)
    share = _share(told)
    best, size, over = z.copy(), z.copy(), np.ones(len(z))
    total = np.r_[0.0, np.cumsum(z)]
    for length in (4, 8, 16, 32):
        if length > max(per_day, 32):
            continue
        after = np.zeros(len(z))
        n = len(z) - length + 1
        if n <= 0:
            continue
        after[:n] = total[length : length + n] - total[1 : n + 1]
        weight = 1.0 + (length - 1) * share**2
        combined = (z + share * after) / np.sqrt(weight)
        better = (np.abs(combined) > 1.15 * np.abs(best)) & (np.abs(best) < _PLAIN)
        best, over = np.where(better, combined, best), np.where(better, float(length), over)
        size = np.where(better, combined / np.sqrt(weight), size)
    best[~np.isfinite(told.standard)] = np.nan
    return best, size, over


def _share(told: Innovations) -> FloatArray:
    """Return what a step leaves in every innovation after its first."""
    return np.clip(1.0 - np.where(np.isfinite(told.memory), told.memory, 1.0), 0.0, 1.0)


def _turbulence(z: FloatArray, echo: FloatArray, per_day: int) -> FloatArray:
    """How restless the innovations are around each place, at least 1.

    What a step at that place would leave in those after it (``echo``) does not count where it is.
    """
    reach = max(3, min(8, per_day // 4))
    known = np.where(np.isfinite(z), z, 0.0)
    padded = np.pad(known, reach)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    before, after = windows[:, :reach], windows[:, reach + 1 :]
    usual = np.minimum(
        np.median(np.abs(np.concatenate([before, after], axis=1)), axis=1),
        np.median(np.abs(np.concatenate([before, after - echo[:, None]], axis=1)), axis=1),
    )
    usual = usual / 0.6745
    return np.asarray(np.sqrt(np.maximum(0.5 + 0.5 * usual**2, 1.0)))


def _onset(z: FloatArray, share: float, first: int, end: int) -> int:
    """Return the most likely place of a step among ``first .. end - 1``."""
    part = np.where(np.isfinite(z[first:end]), z[first:end], 0.0)
    tail = np.cumsum(part[::-1])[::-1] - part
    weight = 1.0 + (len(part) - 1 - np.arange(len(part))) * share**2
    return first + int(np.argmax(np.abs(part + share * tail) / np.sqrt(weight)))


def _lasts(
    told: Innovations,
    place: int,
    since: int,
    end: int,
    per_day: int,
    step: float,
    share: tuple[float, float] = _LASTING,
) -> bool:
    """Whether the values of ``since .. end - 1`` are off by what the step at ``place`` was."""
    back = -(-(end - place) // per_day) * per_day
    after = told.weekly[since:end]
    before = told.weekly[max(0, since - back) : max(0, end - back)]
    if not (np.isfinite(after).any() and np.isfinite(before).any()):
        return False
    shift = float(np.nanmedian(after)) - float(np.nanmedian(before))
    jump = float(np.nanmean(told.raw[place : place + 1]))
    against = step if abs(step) > abs(jump) else jump
    return bool(share[0] <= shift / against <= share[1])


def _like_another_day(values: FloatArray, place: int, end: int, per_day: int, step: float) -> bool:
    """Whether what came after the step is what one of the last six other days looked like."""
    if per_day <= 1:
        return False
    for back in range(2 * per_day, 7 * per_day, per_day):
        if place >= back:
            apart = values[place:end] - values[place - back : end - back]
            if np.isfinite(apart).any() and abs(float(np.nanmedian(apart))) < 0.4 * abs(step):
                return True
    return False


def _return_of(told: Innovations, place: int, per_day: int) -> int | None:
    """Return the step at which an opposite innovation took a jump back, within three steps."""
    z = told.standard
    rest = z[place + 1 : place + 4] * np.sign(z[place])
    if per_day <= 1 or not np.isfinite(rest).any():
        return None
    back = int(np.nanargmin(rest))
    return place + 1 + back if rest[back] < -0.4 * abs(z[place]) else None
