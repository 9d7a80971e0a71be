"""What a historian keeps of a pipeline's products, one value a row, for comparing two of them."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa

from records.time import DAY
from records.window import WindowBatch
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader

__all__ = ["forecast_values", "interval_values", "made_again_after", "model_versions"]

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

_FOREVER = 2**62
_MADE_AGAIN = """
    SELECT min("offset") AS place FROM {name}
    WHERE "partition" = $1 AND length_ns = $2 AND epoch_ns(valid_time) = $3 AND input_offset = $4
"""
_BEFORE = """
    SELECT max(input_offset) AS newest FROM {name}
    WHERE "partition" = $1 AND length_ns = $2 AND "offset" < $3
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


def made_again_after(
    historian: HistoryReader, kept_as: HistoryClass, batch: WindowBatch, known: int
) -> int | None:
    """Return the newest raw offset behind what lay in the topic before a window made again.

    When a window is made again is a matter of the wall clock, of when the historian held what it
    took; to those who read the topic it is an input like any other.

    Parameters
    ----------
    kept_as
        The class of the window.
    batch
        What was made of it again.
    known
        When it was asked for, ns UTC.

    Returns
    -------
    None where the window was not made again.
    """
    place, length = [batch.area, batch.length], batch.length
    rows = historian.sql_within(
        kept_as,
        batch.start,
        batch.start + length,
        _MADE_AGAIN.format(name=kept_as.value),
        [*place, batch.start, batch.input_offset],
    )
    (offset,) = rows["place"].to_pylist()
    if offset is None:
        return None
    before = historian.sql_within(
        kept_as, known - DAY, _FOREVER, _BEFORE.format(name=kept_as.value), [*place, offset]
    )
    (newest,) = before["newest"].to_pylist()
    return -1 if newest is None else int(newest)
