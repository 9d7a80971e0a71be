"""The incumbent's forecasts as they stood at each origin of a backtest."""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.known import KnownLoads
from forecasting.rolling_origin import Origins
from ingest.dataset.incumbent import IncumbentForecasts

__all__ = ["incumbent_forecasts"]


def incumbent_forecasts(
    told: IncumbentForecasts, known: KnownLoads, origins: Origins
) -> FloatArray:
    """Return the newest forecast of each interval issued by each origin, MW.

    Shape (n_origins, n_steps, n_nodes); NaN where none was there.
    """
    n_times, n_nodes = len(known.times), len(known.tree)
    row = (told.valid_time - known.times[0]) // known.step_ns
    # The first origin row that may use it: that at or after the issue.
    since = np.maximum(-(-(told.issue_time - known.times[0]) // known.step_ns), 0)
    inside = np.flatnonzero((row >= 0) & (row < n_times) & (since <= n_times))
    row, since, node = row[inside], since[inside], told.node[inside]
    order = np.lexsort((told.issue_time[inside], since, row, node))
    width = n_times + 1
    key = ((node * n_times + row) * width + since)[order]
    values = told.load_mw[inside][order]
    out = np.full((len(origins.rows), origins.n_steps, n_nodes), np.nan)
    if not len(key):
        return out
    targets = origins.targets()
    asked = np.minimum(origins.rows, n_times)[:, None]
    for number in np.unique(node).tolist():
        about = (number * n_times + targets) * width
        found = np.searchsorted(key, about + asked, side="right") - 1
        good = (found >= 0) & (key[np.maximum(found, 0)] >= about)
        out[..., number] = np.where(good, values[np.maximum(found, 0)], np.nan)
    return out
