"""The local calendar of a series: instants of the day, day types, holidays and their neighbours.

Times are int64 nanoseconds since 1970 in UTC, the start of each interval; everything here is read
off the local clock, so 08:00 stays 08:00 through a clock change and a local day has 23, 24 or 25
hours. The instant of the day is the local wall time divided by the step: on the short day some
instants do not occur, on the long day some occur twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.predictors import Predictors

__all__ = ["HOLIDAY", "NS_PER_DAY", "Calendar"]

NS_PER_DAY = 86_400_000_000_000
NS_PER_YEAR = 365.25 * NS_PER_DAY
HOLIDAY = 7
"""The level of ``day_class`` that a public holiday takes, after Monday 0 to Sunday 6."""

_THURSDAY = 3  # 1970-01-01 was one.
_TREND_ORIGIN_NS = 946_684_800_000_000_000  # 2000-01-01 UTC, so trends of all models compare.


def _no_days() -> IntArray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Calendar:
    """A timezone, a step and the special days, from which calendar predictors follow.

    Parameters
    ----------
    timezone
        IANA name; a fixed offset such as ``Etc/GMT+5`` is one (five hours BEHIND Greenwich).
    step_ns
        Length of an interval in nanoseconds; must divide a day.
    holidays, vacations
        Local days as integers, days since 1970-01-01, in any order (``datetime64[D]`` also works).

    Raises
    ------
    ValueError
        If the step does not divide a day.

    Examples
    --------
    >>> hour = 3_600_000_000_000
    >>> calendar = Calendar("Europe/Paris", hour)
    >>> new_year = np.datetime64("2024-01-01T00", "ns").astype(np.int64)
    >>> calendar.instant(np.array([new_year])).tolist()
    [1]
    """

    timezone: str
    step_ns: int
    holidays: IntArray = field(default_factory=_no_days)
    vacations: IntArray = field(default_factory=_no_days)

    def __post_init__(self) -> None:
        if self.step_ns <= 0 or NS_PER_DAY % self.step_ns:
            msg = f"a step of {self.step_ns} ns does not divide a day; use e.g. 30 or 60 minutes"
            raise ValueError(msg)
        for name in ("holidays", "vacations"):
            days = np.asarray(getattr(self, name))
            if days.dtype.kind == "M":
                days = days.astype("datetime64[D]")
            object.__setattr__(self, name, np.unique(days.astype(np.int64)))

    @property
    def n_instants(self) -> int:
        """Number of instants of a 24-hour day."""
        return NS_PER_DAY // self.step_ns

    def local(self, times: IntArray) -> IntArray:
        """Return the local wall time of UTC times, ns since 1970 as if local were UTC."""
        index = pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC")
        wall = index.tz_convert(self.timezone).tz_localize(None)
        return wall.to_numpy().astype("datetime64[ns]").astype(np.int64)

    def day(self, times: IntArray) -> IntArray:
        """Return the local day of UTC times, days since 1970-01-01."""
        return self.local(times) // NS_PER_DAY

    def instant(self, times: IntArray) -> IntArray:
        """Return the local instant of day of UTC times, 0 to n_instants - 1."""
        return (self.local(times) % NS_PER_DAY) // self.step_ns

    def predictors(self, times: IntArray) -> Predictors:
        """Return the calendar columns of the intervals that start at ``times``.

        ``day_class`` is 0 (Monday) to 6, or 7 on a holiday. ``eve``, ``after_holiday`` and
        ``bridge`` (the single working day between a holiday and a weekend) never mark a holiday
        itself; ``christmas`` marks working days from 22 December to 3 January and
        ``christmas_week`` all days from 26 December. ``vacation`` marks working days of the
        given school vacations, ``dst`` summer time. ``time_of_year`` runs from 0 to 1,
        ``years`` since 2000 without a limit.
        """
        local = self.local(times)
        day = local // NS_PER_DAY
        instant = (local % NS_PER_DAY) // self.step_ns
        weekday = (day + _THURSDAY) % 7
        holiday = _within(day, self.holidays)
        working = (weekday < 5) & ~holiday
        after = _within(day - 1, self.holidays)
        before = _within(day + 1, self.holidays)
        bridge = ((weekday == 0) & before) | ((weekday == 4) & after)
        year_start, year_days, month_day = _year_position(day)
        year_end = (month_day >= 1222) | (month_day <= 103)
        columns = {
            "day_class": np.where(holiday, HOLIDAY, weekday).astype(np.float64),
            "holiday": holiday.astype(np.float64),
            "eve": (before & ~holiday).astype(np.float64),
            "after_holiday": (after & ~holiday).astype(np.float64),
            "bridge": (bridge & ~holiday).astype(np.float64),
            "christmas": (year_end & working).astype(np.float64),
            "christmas_week": ((month_day >= 1226) | (month_day <= 103)).astype(np.float64),
            "vacation": (_within(day, self.vacations) & working).astype(np.float64),
            "dst": self._summer_time(times, local),
            "time_of_year": (day - year_start + (local % NS_PER_DAY) / NS_PER_DAY) / year_days,
            "years": (times - _TREND_ORIGIN_NS) / NS_PER_YEAR,
        }
        return Predictors(instant, columns)

    def _summer_time(self, times: IntArray, local: IntArray) -> FloatArray:
        years = times.astype("datetime64[ns]").astype("datetime64[Y]")
        distinct, place = np.unique(years, return_inverse=True)
        january = distinct.astype("datetime64[ns]").astype(np.int64)
        july = (distinct.astype("datetime64[M]") + 6).astype("datetime64[ns]").astype(np.int64)
        standard = np.minimum(self.local(january) - january, self.local(july) - july)
        return np.asarray((local - times) > standard[place], dtype=np.float64)


def _within(days: IntArray, special: IntArray) -> BoolArray:
    return np.isin(days, special)


def _year_position(day: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return first day of the year, days in the year and month * 100 + day of month."""
    date = day.astype("datetime64[D]")
    year, month = date.astype("datetime64[Y]"), date.astype("datetime64[M]")
    start = year.astype("datetime64[D]").astype(np.int64)
    length = (year + 1).astype("datetime64[D]").astype(np.int64) - start
    month_of_year = month.astype(np.int64) % 12 + 1
    of_month = day - month.astype("datetime64[D]").astype(np.int64) + 1
    return start, length, month_of_year * 100 + of_month
