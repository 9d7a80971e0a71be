"""Scores of a backtest by series, hour of day and day type, all cells in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.calendar import HOLIDAY, Calendar
from forecasting.score_details import NO_DETAILS, Details

__all__ = ["DAY_TYPES", "Cells", "cells_of", "score_cells"]

DAY_TYPES = ("workday", "saturday", "sunday", "holiday")
_INTERVALS = {"80": (0.1, 0.9), "90": (0.05, 0.95)}


@dataclass(frozen=True, slots=True)
class Cells:
    """Which targets each cell holds: all of them, those of an hour, those of a day type.

    Attributes
    ----------
    labels
        (hour or None, day type or None) of each cell.
    member
        1 where a target belongs to a cell, shape (n_cells, n_targets).
    month, hour
        Local month, 0 to 11, and hour of each target, shape (n_targets,).
    """

    labels: tuple[tuple[int | None, str | None], ...]
    member: FloatArray
    month: IntArray
    hour: IntArray


def cells_of(calendar: Calendar, times: IntArray) -> Cells:
    """Return the cells of targets that start at ``times``, shape (n_targets,)."""
    distinct, place = np.unique(times, return_inverse=True)
    columns = calendar.predictors(distinct)
    hour = (columns.instant * 24 // calendar.n_instants)[place]
    day = columns["day_class"][place]
    kind = np.select([day < 5, day == 5, day == 6, day == HOLIDAY], [0, 1, 2, 3])
    labels: list[tuple[int | None, str | None]] = [(None, None)]
    rows = [np.ones(len(times))]
    for number in range(24):
        labels.append((number, None))
        rows.append((hour == number).astype(np.float64))
    for number, name in enumerate(DAY_TYPES):
        labels.append((None, name))
        rows.append((kind == number).astype(np.float64))
    local_month = calendar.day(distinct).astype("datetime64[D]").astype("datetime64[M]")
    month = (local_month.astype(np.int64) % 12)[place]
    return Cells(tuple(labels), np.stack(rows), month, hour)


def score_cells(
    cells: Cells,
    actual: FloatArray,
    forecast: FloatArray,
    naive: FloatArray,
    fan: FloatArray | None,
    probabilities: FloatArray,
) -> list[list[dict[str, Any]]]:
    """Return the scores of each cell (outer list) and series (inner list).

    Errors in MW; ``mape``, ``wape``, coverage and ``over_share`` (forecasts above the actual) in
    percent; ``crps`` in percent of the mean actual; ``p95_error`` is the 95 % quantile of the
    absolute error, ``peak_error`` its largest; None where nothing could be scored. Zeros are left
    out of ``mape`` only. The first cell also tells ``bias_by_month_hour`` and
    ``over_share_by_month_hour`` (12 lists of 24) and ``below`` (percent of actuals at or below
    each quantile); they are None in the others.

    Parameters
    ----------
    actual, forecast, naive
        Shape (n_targets, n_series), MW; a target counts where actual and forecast are known.
    fan
        Quantiles, MW, shape (n_quantiles, n_targets, n_series); None = none.
    """
    known = np.isfinite(actual) & np.isfinite(forecast)
    y = np.where(known, actual, 0.0)
    error = np.where(known, forecast, 0.0) - y
    size = np.abs(error)
    nonzero = known & (y != 0)
    compared = known & np.isfinite(naive)
    points = {
        "n": known.astype(np.float64),
        "nonzero": nonzero.astype(np.float64),
        "load": y,
        "weight": np.abs(y),
        "size": size,
        "square": size**2,
        "error": error,
        "over": (error > 0).astype(np.float64),
        "share": np.where(nonzero, size / np.where(nonzero, np.abs(y), 1.0), 0.0),
        "own": np.where(compared, size, 0.0),
        "naive": np.where(compared, np.abs(np.where(compared, naive, 0.0) - y), 0.0),
    }
    if fan is not None:
        points |= _fan_points(y, known, fan, probabilities)
    names = list(points)
    totals = cells.member @ np.concatenate([points[name] for name in names], axis=1)
    sums = dict(zip(names, np.split(totals, len(names), axis=1), strict=True))
    means = _means(sums, names) | _tails(cells, np.where(known, size, np.nan))
    details = Details.of(cells.month, cells.hour, y, error, known, fan)
    n_series = actual.shape[1]
    return [
        [
            {
                "n": int(sums["n"][cell, s]),
                "n_zero": int(sums["n"][cell, s] - sums["nonzero"][cell, s]),
                **{name: _or_none(values[cell, s]) for name, values in means.items()},
                **(details.told(s) if cell == 0 else NO_DETAILS),
            }
            for s in range(n_series)
        ]
        for cell in range(len(cells.labels))
    ]


def _tails(cells: Cells, size: FloatArray) -> dict[str, FloatArray]:
    """Return the 95 % quantile and the largest of absolute errors by cell, MW; NaN where none."""
    shape = (len(cells.labels), size.shape[1])
    out = {"p95_error": np.full(shape, np.nan), "peak_error": np.full(shape, np.nan)}
    for cell, member in enumerate(cells.member):
        own = size[member > 0]
        own = np.sort(own, axis=0)  # what is not known comes last
        count = np.isfinite(own).sum(axis=0)
        some = np.flatnonzero(count)
        place = 0.95 * (count[some] - 1)
        low = place.astype(np.int64)
        high = np.minimum(low + 1, count[some] - 1)
        share = place - low
        out["p95_error"][cell, some] = own[low, some] * (1 - share) + own[high, some] * share
        out["peak_error"][cell, some] = own[count[some] - 1, some]
    return out


def _means(sums: dict[str, FloatArray], names: list[str]) -> dict[str, FloatArray]:
    n, blank = sums["n"], np.full_like(sums["n"], np.nan)

    def per_point(name: str, factor: float = 1.0) -> FloatArray:
        return factor * _ratio(sums[name], n) if name in names else blank

    return {
        "mape": 100.0 * _ratio(sums["share"], sums["nonzero"]),
        "wape": 100.0 * _ratio(sums["size"], sums["weight"]),
        "mae": per_point("size"),
        "rmse": np.sqrt(per_point("square")),
        "bias": per_point("error"),
        "pinball": per_point("pinball"),
        "crps": 100.0 * _ratio(sums["crps"], sums["load"]) if "crps" in names else blank,
        "coverage80": per_point("inside80", 100.0),
        "coverage90": per_point("inside90", 100.0),
        "width80": per_point("width80"),
        "width90": per_point("width90"),
        "skill": 1.0 - _ratio(sums["own"], sums["naive"]),
        "over_share": per_point("over", 100.0),
    }


def _fan_points(
    y: FloatArray, known: BoolArray, fan: FloatArray, probabilities: FloatArray
) -> dict[str, FloatArray]:
    """Return pinball loss, CRPS, hits and widths of each target, zero where it is not scored."""
    grid = np.concatenate([[0.0], probabilities, [1.0]])
    # Trapezoids over the probabilities, the loss falling to 0 at 0 and 1.
    weight = (grid[2:] - grid[:-2]) / 2.0
    pinball, crps = np.zeros_like(y), np.zeros_like(y)
    for level, quantile, share in zip(probabilities, fan, weight, strict=True):
        gap = np.where(known, y - np.where(known, quantile, 0.0), 0.0)
        loss = np.maximum(level * gap, (level - 1.0) * gap)
        pinball += loss / len(probabilities)
        crps += 2.0 * share * loss
    out = {"pinball": pinball, "crps": crps}
    for name, (low, high) in _INTERVALS.items():
        edges = [np.flatnonzero(np.isclose(probabilities, p)) for p in (low, high)]
        if all(len(edge) for edge in edges):
            lower, upper = (fan[int(edge[0])] for edge in edges)
            out[f"inside{name}"] = (known & (y >= lower) & (y <= upper)).astype(np.float64)
            out[f"width{name}"] = np.where(known, upper - lower, 0.0)
    return out


def _ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    some = bottom > 0
    return np.where(some, top / np.where(some, bottom, 1.0), np.nan)


def _or_none(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
