"""How good the issued day-ahead forecasts were: 0-24 h from one fixed local hour, on the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from console.doctor.coherence import PublishedLevel
from records.time import DAY, HOUR, SECOND, parse_duration, parse_time

__all__ = ["HourlyValues", "LevelScore", "day_ahead_scores"]

_WEEK = 7 * DAY


@dataclass(frozen=True, slots=True, eq=False)
class HourlyValues:
    """Hourly means of every node from `start` (ns UTC) on.

    Parameters
    ----------
    values
        MW by series, each of shape (n_hours,), NaN where not known.
    """

    start: int
    values: Mapping[str, npt.NDArray[np.float64]]

    def over(self, series: str, start: int, n_hours: int) -> npt.NDArray[np.float64]:
        """Values over `n_hours` from `start`, NaN outside what is known."""
        found = np.full(n_hours, np.nan)
        known = self.values.get(series)
        if known is None:
            return found
        first = (start - self.start) // HOUR
        low, high = max(first, 0), min(first + n_hours, len(known))
        if low < high:
            found[low - first : high - first] = known[low:high]
        return found


@dataclass(frozen=True, slots=True)
class LevelScore:
    """MAPE in percent, the mean over a level's series; `n` pairs of forecast and truth."""

    model: float
    seasonal_naive: float
    n: int


def day_ahead_scores(
    published: Sequence[PublishedLevel],
    truth: HourlyValues,
    known: HourlyValues,
    *,
    timezone: str,
    hour: int = 0,
) -> dict[str, LevelScore]:
    """Score the hours that end in (0 h, 24 h] after each issue at `hour` local time.

    Model and naive are scored on the same pairs; true values of zero are left out.

    Parameters
    ----------
    published
        Hourly forecasts as read back.
    truth
        What really was.
    known
        What the seasonal naive repeats: the value of a week before.
    timezone
        IANA name of the local clock.
    """
    zone = ZoneInfo(timezone)
    errors: dict[tuple[str, str], list[npt.NDArray[np.float64]]] = {}
    for level in published:
        issue_time = parse_time(level.issue_time)
        if _local_hour(issue_time, zone) != hour or parse_duration(level.step) != HOUR:
            continue
        start = parse_time(level.start)
        n_hours = min(24, *(len(mean) for mean in level.means.values()))
        for series, mean in level.means.items():
            actual = truth.over(series, start, n_hours)
            naive = known.over(series, start - _WEEK, n_hours)
            usable = np.isfinite(actual) & np.isfinite(naive) & (actual != 0)
            scale = 100.0 / np.abs(actual[usable])
            pair = np.stack(
                [
                    np.abs(mean[:n_hours][usable] - actual[usable]) * scale,
                    np.abs(naive[usable] - actual[usable]) * scale,
                ]
            )
            errors.setdefault((level.level, series), []).append(pair)
    return _by_level(errors)


def _local_hour(time_ns: int, zone: ZoneInfo) -> float:
    moment = datetime.fromtimestamp(time_ns // SECOND, zone)
    return moment.hour + moment.minute / 60


def _by_level(
    errors: Mapping[tuple[str, str], Sequence[npt.NDArray[np.float64]]],
) -> dict[str, LevelScore]:
    found: dict[str, list[tuple[float, float, int]]] = {}
    for (level, _), parts in errors.items():
        pairs = np.concatenate(parts, axis=1)
        if pairs.shape[1]:
            model, naive = pairs.mean(axis=1)
            found.setdefault(level, []).append((float(model), float(naive), pairs.shape[1]))
    return {
        level: LevelScore(
            float(np.mean([row[0] for row in rows])),
            float(np.mean([row[1] for row in rows])),
            sum(row[2] for row in rows),
        )
        for level, rows in found.items()
    }
