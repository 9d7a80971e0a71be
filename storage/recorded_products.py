"""What a historian keeps of a pipeline's products, one value a row, for comparing two of them."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa

from records.time import DAY
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader

__all__ = ["forecast_values", "interval_values", "model_versions"]

_INTERVALS = """
    SELECT series::VARCHAR AS series, length_ns AS length, epoch_ns(valid_time) AS valid_time,
      0::BIGINT AS issue_time, version AS revision, CAST(-1 AS DOUBLE PRECISION) AS quantile,
      value, "offset"
    FROM {name}
    WHERE epoch_ns(valid_time) >= $1 AND epoch_ns(valid_time) < $2
      AND epoch_ns(available_at) <= $3
"""
# A stage that does its work again after a crash appends the same record again: the last counts.
_FORECASTS = """
    SELECT series, length, start AS valid_time, issue_time, revision,
      unnest(ARRAY[CAST(-1 AS DOUBLE PRECISION)] || numbers(probabilities)) AS quantile,
      unnest(ARRAY[value] || quantiles) AS value
    FROM (
      SELECT series::VARCHAR AS series, length_ns AS length, epoch_ns(valid_time) AS start,
        epoch_ns(available_at) AS issue_time, version AS revision, value, quantiles,
        probabilities, row_number() OVER (
          PARTITION BY series, "level", valid_time, available_at ORDER BY "offset" DESC) AS nth
      FROM forecasts
      WHERE epoch_ns(available_at) >= $1 AND epoch_ns(available_at) < $2
    ) AS kept
    WHERE nth = 1
"""


def interval_values(
    historian: HistoryReader, kept_as: HistoryClass, start: int, end: int, known_by: int
) -> pa.Table:
    """Means of windows or metered intervals, every revision a row.

    Parameters
    ----------
    kept_as
        ``windows`` or ``meter_intervals``.
    start, end
        Starts of the intervals, ns UTC.
    known_by
        Only what was known then, ns UTC.

    Returns
    -------
    pyarrow.Table
        Columns series, length (ns), valid_time, issue_time (0), revision, quantile (-1), value,
        in the order of the log: a stage that does its work again after a crash appends the same
        record again, and the last row of a revision counts.
    """
    query = _INTERVALS.format(name=kept_as.value)
    table = historian.sql_within(kept_as, start, end, query, [start, end, known_by])
    order = np.argsort(table["offset"].to_numpy(), kind="stable")
    return table.drop_columns("offset").take(order)


def forecast_values(historian: HistoryReader, start: int, end: int, horizon: int) -> pa.Table:
    """Means and quantiles of the forecasts issued in ``[start, end)`` (ns UTC).

    Parameters
    ----------
    horizon
        Longest lead, ns.

    Returns
    -------
    pyarrow.Table
        Columns as of `interval_values`; quantile is -1 for the mean.
    """
    until = end + horizon + DAY
    return historian.sql_within(
        HistoryClass.FORECASTS, start - DAY, until, _FORECASTS, [start, end]
    )


def model_versions(historian: HistoryReader, start: int, end: int) -> frozenset[str]:
    """Versions of the models behind the forecasts issued in ``[start, end)`` (ns UTC)."""
    found = historian.sql_within(
        HistoryClass.FORECASTS,
        start,
        2**62,
        "SELECT DISTINCT model_versions::VARCHAR AS versions FROM forecasts "
        "WHERE epoch_ns(available_at) >= $1 AND epoch_ns(available_at) < $2",
        [start, end],
    )
    return frozenset(
        version
        for text in found["versions"].to_pylist()
        for version in msgspec.json.decode(text, type=dict[str, str]).values()
    )
