"""What a historian keeps that readings of one point went into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from records.time import DAY
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader

__all__ = ["findings_about", "meter_readings", "point_readings", "states_within", "windows_of"]

_WINDOWS = """
    SELECT length, start, revision, value, imputed_share, input_offset, "partition", known
    FROM (
      SELECT length_ns AS length, epoch_ns(valid_time) AS start, version AS revision, value,
        imputed_share, input_offset, "partition", epoch_ns(available_at) AS known,
        row_number() OVER (
          PARTITION BY length_ns, valid_time, version ORDER BY "offset" DESC) AS nth
      FROM {name}
      WHERE series = $1 AND epoch_ns(valid_time) + length_ns > $2 AND epoch_ns(valid_time) < $3
    ) AS kept
    WHERE nth = 1
    ORDER BY length, start, revision
"""
_READINGS = """
    SELECT topic::VARCHAR AS topic, "partition", count(*) AS readings, min("offset") AS first,
      max("offset") AS last FROM scada
    WHERE epoch_ns(valid_time) >= $1 AND epoch_ns(valid_time) < $2 AND "offset" <= $3
      AND point IN (SELECT unnest($4::BIGINT[]))
    GROUP BY topic, "partition" ORDER BY topic, "partition"
"""
_METER_READINGS = """
    SELECT "partition", count(*) AS readings, min("offset") AS first, max("offset") AS last
    FROM meter_reads
    WHERE epoch_ns(valid_time) + length_ns > $1 AND epoch_ns(valid_time) < $2 AND "offset" <= $3
      AND series = $4
    GROUP BY "partition" ORDER BY "partition"
"""
_STATES = """
    SELECT count(DISTINCT valid_time) AS n, min(epoch_ns(valid_time)) AS first,
      max(epoch_ns(valid_time)) AS last
    FROM states WHERE epoch_ns(valid_time) >= $1 AND epoch_ns(valid_time) < $2
"""
_FINDINGS = """
    SELECT series::VARCHAR AS series, name::VARCHAR AS name, count(*) AS n,
      min(epoch_ns(valid_time)) AS first, max(epoch_ns(valid_time)) AS last
    FROM events
    WHERE epoch_ns(valid_time) >= $1 AND epoch_ns(valid_time) < $2
      AND series IN (SELECT unnest($3::VARCHAR[]))
    GROUP BY series, name ORDER BY series, name
"""
_ANY_OFFSET = 2**62
_LONGEST_WINDOW = 2 * DAY


def windows_of(
    historian: HistoryReader, kept_as: HistoryClass, series: str, start: int, end: int
) -> list[dict[str, Any]]:
    """Every revision of the windows of a series that overlap ``[start, end)`` (ns UTC).

    Parameters
    ----------
    kept_as
        ``windows``, ``long_windows`` or ``meter_intervals``.
    """
    query = _WINDOWS.format(name=kept_as.value)
    rows = historian.sql_within(kept_as, start - _LONGEST_WINDOW, end, query, [series, start, end])
    return [{"kept_as": kept_as.value, **row} for row in rows.to_pylist()]


def point_readings(
    historian: HistoryReader, points: Sequence[int], start: int, end: int, past: int | None = None
) -> list[dict[str, Any]]:
    """Count SCADA readings of ``[start, end)`` (ns UTC), with their first and last raw offset.

    `past` is the last offset that counts.
    """
    numbers = np.array(points, np.uint32).tolist()
    given = [start, end, _ANY_OFFSET if past is None else past, numbers]
    rows = historian.sql_within(HistoryClass.SCADA, start, end, _READINGS, given)
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def meter_readings(
    historian: HistoryReader, meter: str, topic: str, start: int, end: int, past: int | None = None
) -> list[dict[str, Any]]:
    """Count readings of a meter whose periods overlap ``[start, end)`` (ns UTC), as SCADA's.

    `topic` is the full name of the raw topic; `past` is the last offset that counts.
    """
    given = [start, end, _ANY_OFFSET if past is None else past, meter]
    rows = historian.sql_within(
        HistoryClass.METER_READS, start - _LONGEST_WINDOW, end, _METER_READINGS, given
    )
    return [{"topic": topic, **row} for row in rows.to_pylist()]


def states_within(historian: HistoryReader, start: int, end: int) -> dict[str, Any]:
    """Count estimated states of ``[start, end)`` (ns UTC), with the first and the last time."""
    rows = historian.sql_within(HistoryClass.STATES, start, end, _STATES, [start, end])
    (found,) = rows.to_pylist()
    return dict(found)


def findings_about(
    historian: HistoryReader, series: Sequence[str], start: int, end: int
) -> list[dict[str, Any]]:
    """Findings and ruptures of some series with times in ``[start, end)`` (ns UTC), counted."""
    rows = historian.sql_within(
        HistoryClass.EVENTS, start, end, _FINDINGS, [start, end, list(series)]
    )
    found: list[dict[str, Any]] = rows.to_pylist()
    return found
