"""What a single figure hides: bias by month and hour, and whether quantiles are what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.arrays import BoolArray, FloatArray, IntArray

__all__ = ["NO_DETAILS", "Details"]

NO_DETAILS: dict[str, Any] = {
    "bias_by_month_hour": None,
    "over_share_by_month_hour": None,
    "below": None,
}
"""Of a row that has none."""


@dataclass(frozen=True, slots=True)
class Details:
    """Of several series.

    Attributes
    ----------
    bias, over_share
        Mean of forecast - actual, MW, and percent of forecasts above the actual, shape
        (12, 24, n_series); NaN where there was none.
    below
        Percent of actuals at or below each quantile, shape (n_quantiles, n_series); None without
        quantiles.
    """

    bias: FloatArray
    over_share: FloatArray
    below: FloatArray | None

    @classmethod
    def of(
        cls,
        month: IntArray,
        hour: IntArray,
        actual: FloatArray,
        error: FloatArray,
        known: BoolArray,
        fan: FloatArray | None,
    ) -> Details:
        """Return the details of targets.

        Parameters
        ----------
        month, hour
            Local, of each target, shape (n_targets,).
        actual, error, known
            MW and MW, 0 where not known, shape (n_targets, n_series).
        fan
            Quantiles, MW, shape (n_quantiles, n_targets, n_series).
        """
        n_series = error.shape[1]
        cell = month * 24 + hour
        sums = np.zeros((3, 288, n_series))
        for total, values in zip(sums, (known, error, known & (error > 0)), strict=True):
            np.add.at(total, cell, np.asarray(values, np.float64))
        count = np.where(sums[0] > 0, sums[0], np.nan).reshape(12, 24, n_series)
        bias, over = (sums[k].reshape(12, 24, n_series) / count for k in (1, 2))
        below = None
        if fan is not None:
            n = known.sum(axis=0)
            hits = np.stack([(known & (actual <= quantile)).sum(axis=0) for quantile in fan])
            below = 100.0 * hits / np.where(n > 0, n, np.nan)
        return cls(bias, 100.0 * over, below)

    def told(self, series: int) -> dict[str, Any]:
        """Return the details of one series, None for what is not known."""
        return {
            "bias_by_month_hour": _lists(self.bias[..., series]),
            "over_share_by_month_hour": _lists(self.over_share[..., series]),
            "below": None if self.below is None else _numbers(self.below[:, series]),
        }


def _lists(table: FloatArray) -> list[list[float | None]]:
    return [_numbers(row) for row in table]


def _numbers(row: FloatArray) -> list[float | None]:
    return [round(value, 6) if np.isfinite(value) else None for value in row.tolist()]
