"""Weather as the models see it: temperature now, smoothed over several memories, and its extremes.

Everything is causal and carries its own state, so the columns computed over years in one call are
the columns computed one interval at a time (online equals offline).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d
from scipy.signal import lfilter

from forecasting.arrays import Artefact, BoolArray, FloatArray

__all__ = ["MEMORIES_DAYS", "SmoothingState", "WeatherColumns", "blend_stations", "smooth"]

MEMORIES_DAYS = {"6h": 0.25, "1d": 1.0, "4d": 4.0, "10d": 10.0, "21d": 21.0}
"""Time constants of the exponential smoothing, by the suffix of their column."""


@dataclass(frozen=True, slots=True)
class SmoothingState:
    """What the smoothing needs to go on.

    Attributes
    ----------
    sums, mass
        Weighted sum of past temperatures and sum of the weights, shape (n_memories, n_zones).
    last_day
        The filled temperatures of the last day, oldest first, shape (n_instants, n_zones); NaN
        where there was none yet.
    """

    sums: FloatArray
    mass: FloatArray
    last_day: FloatArray

    @classmethod
    def empty(cls, n_instants: int, n_zones: int) -> SmoothingState:
        """Return the state before the first reading."""
        zeros = np.zeros((len(MEMORIES_DAYS), n_zones))
        return cls(zeros, zeros.copy(), np.full((n_instants, n_zones), np.nan))

    def to_arrays(self) -> Artefact:
        """Return the state as plain arrays."""
        return Artefact({"sums": self.sums, "mass": self.mass, "last_day": self.last_day}, {})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> SmoothingState:
        """Return the state that ``to_arrays`` wrote."""
        return cls(**{name: stored.arrays[name] for name in ("sums", "mass", "last_day")})


@dataclass(frozen=True, slots=True)
class WeatherColumns:
    """Temperature columns of several weather zones.

    Attributes
    ----------
    columns
        By name, shape (n_times, n_zones). NaN only before the very first known temperature.
    filled
        Where the temperature was missing and yesterday's (or the last known) stands in.
    """

    columns: dict[str, FloatArray]
    filled: BoolArray

    def zone(self, index: int) -> dict[str, FloatArray]:
        """Return the columns of one zone, each of shape (n_times,)."""
        return {name: column[:, index] for name, column in self.columns.items()}


def blend_stations(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the temperature of zones from stations, by weight.

    Parameters
    ----------
    values
        Station readings, shape (n_times, n_stations); NaN = missing. The weights of the stations
        that did report are scaled up to make good for those that did not.
    weights
        Shape (n_zones, n_stations), not negative, each row with a positive sum.

    Returns
    -------
    FloatArray
        Shape (n_times, n_zones); NaN where no station of the zone reported.

    Examples
    --------
    >>> blend_stations(np.array([[10.0, 20.0], [np.nan, 20.0]]), np.array([[1.0, 3.0]])).tolist()
    [[17.5], [20.0]]
    """
    known = np.isfinite(values)
    total = np.where(known, values, 0.0) @ weights.T
    mass = known.astype(np.float64) @ weights.T
    return np.where(mass > 0, total / np.where(mass > 0, mass, 1.0), np.nan)


def smooth(
    temperature: FloatArray, n_instants: int, state: SmoothingState | None = None
) -> tuple[WeatherColumns, SmoothingState]:
    """Return temperature columns and the state after the last interval.

    Exponential smoothing with the start-up corrected: a weighted mean of what has been seen, with
    weights a^k for a value k intervals old, a = exp(-1 / (memory in intervals)).

    Parameters
    ----------
    temperature
        Shape (n_times, n_zones), degC; NaN = missing, filled as ``WeatherColumns.filled`` says.
    n_instants
        Intervals of a day.
    state
        State after the interval before the first; None at the very start.
    """
    n_times, n_zones = temperature.shape
    state = state or SmoothingState.empty(n_instants, n_zones)
    padded, filled = _fill(temperature, state.last_day)
    current = padded[n_instants:]
    known = np.isfinite(current)
    columns = {"temperature": current}
    sums, mass = np.empty_like(state.sums), np.empty_like(state.mass)
    for k, (name, days) in enumerate(MEMORIES_DAYS.items()):
        decay = np.exp(-1.0 / (days * n_instants))
        total = _decayed(np.where(known, current, 0.0), decay, state.sums[k])
        weight = _decayed(known.astype(np.float64), decay, state.mass[k])
        columns[f"temperature_{name}"] = np.where(
            weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan
        )
        sums[k], mass[k] = (total[-1], weight[-1]) if n_times else (state.sums[k], state.mass[k])
    high = np.where(np.isfinite(padded), padded, -np.inf)
    low = np.where(np.isfinite(padded), padded, np.inf)
    shift = n_instants - 1 - n_instants // 2  # the window ends at the present interval
    peak = maximum_filter1d(high, n_instants, axis=0, origin=shift)[n_instants:]
    trough = minimum_filter1d(low, n_instants, axis=0, origin=shift)[n_instants:]
    columns["temperature_max_1d"] = np.where(np.isfinite(peak), peak, np.nan)
    columns["temperature_min_1d"] = np.where(np.isfinite(trough), trough, np.nan)
    after = SmoothingState(sums, mass, padded[len(padded) - n_instants :].copy())
    return WeatherColumns(columns, filled), after


def _fill(temperature: FloatArray, last_day: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return last day + temperatures with gaps taken from a day before, else the last known."""
    n_instants = len(last_day)
    padded = np.concatenate([last_day, temperature])
    missing = ~np.isfinite(temperature)
    if missing.any():
        for start in range(n_instants, len(padded), n_instants):
            block = padded[start : start + n_instants]
            before = padded[start - n_instants : start - n_instants + len(block)]
            np.copyto(block, before, where=~np.isfinite(block))
            if not np.isfinite(block).all():
                _hold(padded[start - 1 : start + len(block)])
    return padded, missing


def _hold(block: FloatArray) -> None:
    """Fill gaps with the last known value above them, in place; the first row is context."""
    row = np.where(np.isfinite(block), np.arange(len(block))[:, None], 0)
    block[:] = np.take_along_axis(block, np.maximum.accumulate(row, axis=0), axis=0)


def _decayed(values: FloatArray, decay: float, before: FloatArray) -> FloatArray:
    """Return s_t = decay * s_{t-1} + x_t along the first axis."""
    if not len(values):
        return values
    out, _ = lfilter([1.0], [1.0, -decay], values, axis=0, zi=decay * before[None, :])
    return np.asarray(out, dtype=np.float64)
