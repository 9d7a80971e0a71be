"""The designs of all weather zones in one go.

Zones share their terms and differ in the ranges of their splines only. Uniform knots make a
spline over one range the same spline over another after a straight-line map of its column, so
the rows of all zones are stacked and evaluated once, whatever the number of zones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.design import Design
from forecasting.predictors import Predictors

__all__ = ["zone_matrices"]


def zone_matrices(
    designs: Sequence[Design], calendar: Predictors, weather: Mapping[str, FloatArray]
) -> list[FloatArray]:
    """Return the design of every zone, each of shape (n_times, n_columns).

    Parameters
    ----------
    designs
        One a zone, all with the same terms.
    calendar
        Columns that all zones share.
    weather
        Columns by name, shape (n_times, n_zones).

    Returns
    -------
    list
        Rows are NaN where a weather column is not known.
    """
    n_times, n_zones = len(calendar), len(designs)
    ranges = [design.ranges for design in designs]
    stacked = {name: np.tile(column, n_zones) for name, column in calendar.columns.items()}
    for name, column in weather.items():
        mapped = column.T
        if name in ranges[0]:
            low, high = (np.array([r[name][i] for r in ranges])[:, None] for i in (0, 1))
            to_low, to_high = ranges[0][name]
            mapped = (mapped - low) / (high - low) * (to_high - to_low) + to_low
        stacked[name] = mapped.reshape(-1)
    rows = Predictors(np.tile(calendar.instant, n_zones), stacked)
    known = rows.known()
    if known.all():
        X = designs[0].matrix(rows)
    else:
        X = np.full((n_times * n_zones, designs[0].n_columns), np.nan)
        if known.any():
            X[known] = designs[0].matrix(rows.rows(np.flatnonzero(known)))
    return list(X.reshape(n_zones, n_times, -1))
