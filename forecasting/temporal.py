"""Hours that sum to days: local days of 23, 24 or 25 hours, reconciled together with space.

The covariance over nodes and times is taken as a product, so the projection in space and the one
in time commute: doing one after the other gives sets that hold in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.calendar import Calendar

__all__ = ["DailySums", "daily_sums", "reconcile_days"]

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


def reconcile_days(
    steps: FloatArray,
    days: FloatArray,
    place: IntArray,
    hours: float,
    step_variance: FloatArray,
    day_variance: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return steps and days that agree: sum over a day of load x hours = its energy.

    Weighted least squares in time with one profile of variances for all series, so that sums in
    space that hold before hold after.

    Parameters
    ----------
    steps
        MW, shape (n_series, n_steps).
    days
        Energy forecast for each day on its own, MWh, shape (n_series, n_days); NaN in a day
        without one, whose energy is then the sum of its steps.
    place
        Day of each step, shape (n_steps,).
    hours
        Length of a step.
    step_variance, day_variance
        Shapes (n_steps,), (n_days,): MW^2 and MWh^2, up to one common factor.

    Examples
    --------
    >>> steps, days = reconcile_days(np.array([[1.0, 1.0]]), np.array([[4.0]]),
    ...     np.array([0, 0]), 1.0, np.array([1.0, 1.0]), np.array([2.0]))
    >>> steps.tolist(), days.tolist()
    ([[1.5, 1.5]], [[3.0]])
    """
    n_days = days.shape[1]
    member = (place[:, None] == np.arange(n_days)).astype(np.float64) * hours
    summed = steps @ member
    gap = np.where(np.isfinite(days), days - summed, 0.0)
    spread = step_variance @ member**2 + day_variance
    share = gap / np.where(spread > 0, spread, 1.0)
    adjusted = steps + (share @ member.T) * step_variance
    return adjusted, np.asarray(adjusted @ member)
