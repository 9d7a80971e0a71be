"""Weather that may come: past years laid over the time ahead, moved by a few days.

What nobody can forecast a month ahead is drawn from what has been (temperature scenarios of past
years: Hong, Wilson and Xie, IEEE Trans. Smart Grid 5(1), 2014; moved by days to make more of few
years: Xie and Hong, IEEE Trans. Smart Grid 9(3), 2018). A spell of weather does not end with the
issue: each scenario sets out from the anomaly of now, which fades within days.
"""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.gam import GamModel
from forecasting.predictors import Predictors
from forecasting.weather import SmoothingState, smooth

__all__ = ["mixture_quantiles", "scenario_loads", "temperature_scenarios"]

_YEAR_DAYS = 365.2425


def temperature_scenarios(
    temperature: FloatArray,
    n_instants: int,
    n_steps: int,
    *,
    shifts: tuple[int, ...] = (-10, -8, -6, -4, -2, 0, 2, 4, 6, 8, 10),
    fade_days: float = 2.5,
) -> FloatArray:
    """Return paths of temperature from the end of a record on.

    Parameters
    ----------
    temperature
        The record, degC, shape (n_times, n_stations), NaN = missing.
    n_instants
        Intervals of a day.
    n_steps
        Intervals ahead.
    shifts
        Days by which a year is moved.
    fade_days
        Time in which the difference between the last day and that before the scenario falls to
        1/e; 0 = scenarios start where they were.

    Returns
    -------
    FloatArray
        Shape (n_scenarios, n_steps, n_stations): every year and shift for which the record holds
        the whole path, with the day before it.

    Raises
    ------
    ValueError
        When the record is too short for any.
    """
    n_times = len(temperature)
    years = np.arange(1, int(n_times / n_instants / _YEAR_DAYS) + 2)
    back = np.rint(years * _YEAR_DAYS).astype(np.int64)[:, None] + np.array(shifts, np.int64)
    rows = n_times - back.ravel() * n_instants
    rows = rows[(rows >= n_instants) & (rows + n_steps <= n_times)]
    if not len(rows):
        msg = f"{n_times / n_instants:.0f} days of record hold no year of {n_steps} steps ahead"
        raise ValueError(msg)
    paths = temperature[rows[:, None] + np.arange(n_steps)]
    if fade_days > 0:
        last = _day_mean(temperature, np.array([n_times]), n_instants)
        gap = last - _day_mean(temperature, rows, n_instants)
        fade = np.exp(-(np.arange(n_steps) + 0.5) / (fade_days * n_instants))
        paths = paths + np.where(np.isfinite(gap), gap, 0.0)[:, None] * fade[:, None]
    return np.asarray(paths)


def scenario_loads(
    model: GamModel,
    calendar: Predictors,
    temperature: FloatArray,
    state: SmoothingState,
    n_instants: int,
) -> FloatArray:
    """Return what the weather of each scenario makes of the loads of one zone.

    All series of a scenario see the same weather, so its sums and its peaks mean something.

    Parameters
    ----------
    model
        Of the series of the zone.
    calendar
        Of the steps ahead.
    temperature
        Of the zone, degC, shape (n_scenarios, n_steps).
    state
        Weather of the zone before the first step.

    Returns
    -------
    FloatArray
        On the standardised link scale, shape (n_scenarios, n_steps, n_series).
    """
    n_scenarios, n_steps = temperature.shape
    before = SmoothingState(
        np.repeat(state.sums, n_scenarios, axis=1),
        np.repeat(state.mass, n_scenarios, axis=1),
        np.repeat(state.last_day, n_scenarios, axis=1),
    )
    weather, _ = smooth(temperature.T, n_instants, before)
    out = np.empty((n_scenarios, n_steps, model.n_series))
    for number in range(n_scenarios):
        out[number] = model.predict_standard(calendar.joined(weather.zone(number)))
    return out


def mixture_quantiles(
    centres: FloatArray, offsets: FloatArray, probabilities: FloatArray
) -> FloatArray:
    """Return quantiles of an equal mixture of one distribution around many centres.

    Parameters
    ----------
    centres
        Shape (n_scenarios, n_steps).
    offsets
        Equally likely distances from a centre, shape (n_offsets, n_steps).
    probabilities
        Shape (n_quantiles,).

    Returns
    -------
    FloatArray
        Shape (n_quantiles, n_steps).

    Examples
    --------
    >>> mixture_quantiles(np.array([[0.0], [10.0]]), np.array([[0.0], [1.0], [2.0]]),
    ...     np.array([0.5])).ravel().tolist()
    [6.0]
    """
    every = (centres[:, None] + offsets[None]).reshape(-1, centres.shape[1])
    return np.quantile(every, probabilities, axis=0)


def _day_mean(temperature: FloatArray, end: IntArray, per_day: int) -> FloatArray:
    """Return the mean of the day before each row, shape (n, n_stations)."""
    rows = end[:, None] + np.arange(-per_day, 0)
    return np.asarray(temperature[rows].mean(axis=1))
