"""Hours that sum to days: local days of 23, 24 or 25 hours.

Days are the sums of their hours, so whatever adds up in space over hours does over days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.calendar import Calendar

__all__ = ["DailySums", "daily_sums"]

_NS_PER_HOUR = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class DailySums:
    """Energy of the local days that a horizon touches.

    Attributes
    ----------
    days
        Local days since 1970-01-01, shape (n_days,).
    energy_mwh
        Shape (n_series, n_days): sum of load x hours over the steps of the horizon in that day.
    complete
        Whether the horizon covers the whole local day, shape (n_days,).
    place
        Day of each step, shape (n_steps,).
    """

    days: IntArray
    energy_mwh: FloatArray
    complete: BoolArray
    place: IntArray


def daily_sums(calendar: Calendar, times: IntArray, load: FloatArray) -> DailySums:
    """Sum loads over local days.

    Parameters
    ----------
    times
        Starts of the steps, int64 ns UTC, shape (n_steps,), one step apart.
    load
        MW, shape (n_series, n_steps).
    """
    day = calendar.day(times)
    days, place = np.unique(day, return_inverse=True)
    hours = calendar.step_ns / _NS_PER_HOUR
    energy = np.zeros((len(load), len(days)))
    for k in range(len(days)):
        energy[:, k] = load[:, place == k].sum(axis=1) * hours
    before, after = times[:1] - calendar.step_ns, times[-1:] + calendar.step_ns
    complete = np.ones(len(days), dtype=np.bool_)
    if len(times):
        complete[0] = calendar.day(before)[0] != days[0]
        complete[-1] &= bool(calendar.day(after)[0] != days[-1])
    return DailySums(days, energy, complete, place)
