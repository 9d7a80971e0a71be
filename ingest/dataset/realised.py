"""Realised weather dressed as forecasts, for datasets that bring none.

Scores with realised weather flatter a short-term model: whoever uses this must say so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest.dataset.folder import Dataset
from ingest.dataset.weather import WeatherForecasts
from records.time import DAY
from records.weather import WeatherQuantity

__all__ = ["with_realised_forecasts"]


def with_realised_forecasts(
    dataset: Dataset, start: int, end: int, *, horizon: int = 4 * DAY, every: int = DAY
) -> Dataset:
    """Return the dataset with one perfect temperature forecast each `every` of ``[start, end)``.

    Parameters
    ----------
    start, end
        Period of issue times, ns UTC.
    horizon
        How far each forecast reaches, ns.
    """
    grid = dataset.observations.grids.get(WeatherQuantity.TEMPERATURE)
    if grid is None:
        return dataset
    issues = np.arange(start, end, every, dtype=np.int64)
    first = np.searchsorted(grid.times, issues)
    last = np.searchsorted(grid.times, issues + horizon)
    n_stations = len(grid.stations)
    rows = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
    station = [np.repeat(np.arange(n_stations), len(row)) for row in rows]
    times = [np.tile(grid.times[row], n_stations) for row in rows]
    values = [grid.values[row].T.ravel() for row in rows]
    issued = [np.full(len(part), issue) for part, issue in zip(times, issues, strict=True)]
    n_values = sum(len(part) for part in times)
    quantity = list(WeatherQuantity).index(WeatherQuantity.TEMPERATURE)
    forecasts = WeatherForecasts(
        grid.stations,
        np.concatenate(station).astype(np.int64),
        np.full(n_values, quantity, np.int64),
        np.concatenate(issued),
        np.concatenate(times),
        np.concatenate(values),
    )
    return replace(dataset, forecasts=forecasts)
