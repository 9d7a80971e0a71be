"""An issue as a table: one row a series and interval."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from console.studies.dataset_models import DatasetModels
from forecasting.arrays import FloatArray
from forecasting.issue import Issue
from records.time import format_duration

__all__ = ["forecast_table", "quantile_name"]

_METHODS = ("gam_ar", "gam", "seasonal_naive_7d")


def forecast_table(issue: Issue, models: DatasetModels) -> pa.Table:
    """Return the coherent forecast, its quantiles and what each method says, MW.

    Null where nothing is known.
    """
    n_series, n_steps = issue.forecasts["reconciled"].shape
    step = models.fleet.calendar.step_ns
    leads = [format_duration(step * k) for k in range(1, n_steps + 1)]
    columns: dict[str, pa.Array] = {
        "series": _texts(issue.series, n_steps),
        "level": _texts(models.tree.levels, n_steps),
        "valid_time": _times(np.tile(issue.times, n_series)),
        "issue_time": _times(np.full(n_series * n_steps, issue.times[0])),
        "lead": pa.array(leads * n_series, pa.string()),
        "forecast_mw": _numbers(issue.forecasts["reconciled"]),
    }
    for place, probability in enumerate(issue.probabilities.tolist()):
        columns[f"{quantile_name(probability)}_mw"] = _numbers(issue.quantiles[:, place])
    for method in _METHODS:
        columns[f"{method}_mw"] = _numbers(issue.forecasts[method])
    columns["method"] = _texts(issue.method, n_steps)
    columns["reason"] = _texts(issue.reason, n_steps)
    rows = n_series * n_steps
    columns["model_version"] = pa.array([models.fleet.digest] * rows, pa.string())
    columns["hierarchy_version"] = pa.array([issue.hierarchy_version] * rows, pa.string())
    return pa.table(columns)


def quantile_name(probability: float) -> str:
    """Return the name of a quantile's column.

    >>> quantile_name(0.05), quantile_name(0.975)
    ('q05', 'q97.5')
    """
    percent = round(100.0 * probability, 6)
    return f"q{percent:02.0f}" if percent.is_integer() else f"q{percent:g}"


def _texts(values: tuple[str, ...], n_steps: int) -> pa.Array:
    return pa.array(np.repeat(np.array(values, object), n_steps), pa.string())


def _times(times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    return pa.array(times, pa.timestamp("ns", "UTC"))


def _numbers(values: FloatArray) -> pa.Array:
    return pa.array(values.ravel(), pa.float64(), from_pandas=True)
