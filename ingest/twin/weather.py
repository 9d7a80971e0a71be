"""Weather of the twin: Melbourne's real temperature, and forecasts of it that are simulated.

Observations are the half-hourly values as shipped. No archive of forecasts as issued comes with
them, so forecasts are the later truth plus an error that grows with the lead: an autoregression
over the leads, its standard deviation 1 degC at 24 hours and growing with the square root.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ingest.twin.victoria import STEP, Victoria
from records.time import HOUR
from records.weather import WeatherQuantity, WeatherRecord

__all__ = ["STATION", "forecast_records", "observation_records"]

STATION = "melbourne"

ISSUED_EVERY = 6 * HOUR
HORIZON_HOURS = 96
LATENCY = 2 * HOUR
"""From a forecast's issue to its arrival."""

_STREAM = 7
_ERROR_AT_A_DAY = 1.0
_PERSISTENCE = 0.95


def observation_records(victoria: Victoria, start: int, end: int) -> Iterator[WeatherRecord]:
    """Yield the observations that become known over ``(start, end]``, each on its own."""
    low, high = np.searchsorted(victoria.times, [start - STEP, end - STEP], side="right")
    for row in range(low, high):
        time = int(victoria.times[row])
        value = round(float(victoria.temperature_degc[row]), 2)
        yield WeatherRecord(
            STATION, WeatherQuantity.TEMPERATURE, None, time + STEP, [time], [value]
        )


def forecast_records(
    victoria: Victoria, start: int, end: int, seed: int
) -> Iterator[WeatherRecord]:
    """Yield the forecasts that arrive over ``(start, end]``, in order; hourly means, 96 hours."""
    first = (start - LATENCY) // ISSUED_EVERY + 1
    last = (end - LATENCY) // ISSUED_EVERY
    hours = np.arange(HORIZON_HOURS)
    spread = _ERROR_AT_A_DAY * np.sqrt((hours + 1) / 24)
    for number in range(first, last + 1):
        issue = number * ISSUED_EVERY
        times = issue + HOUR * hours
        early = np.interp(times, victoria.times, victoria.temperature_degc)
        late = np.interp(times + STEP, victoria.times, victoria.temperature_degc)
        drawn = np.random.default_rng([seed, _STREAM, number]).standard_normal(HORIZON_HOURS)
        told = (early + late) / 2 + spread * _autoregression(drawn)
        yield WeatherRecord(
            STATION,
            WeatherQuantity.TEMPERATURE,
            issue,
            issue + LATENCY,
            times.tolist(),
            np.round(told, 1).tolist(),
        )


def _autoregression(drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turn independent standard normals into a stationary first-order autoregression."""
    out = drawn.copy()
    scale = np.sqrt(1 - _PERSISTENCE**2)
    for k in range(1, len(out)):
        out[k] = _PERSISTENCE * out[k - 1] + scale * drawn[k]
    return out
