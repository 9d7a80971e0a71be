"""What a historian keeps of forecast runs: their lineage, their series, what is part of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from records.forecast import SeriesMeta
from records.lineage import RawRange, RunLineage
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader

__all__ = ["RecordedRun", "parents_of", "recorded_run", "recorded_runs", "windows_used"]

_FOREVER = 2**62
_LINEAGES = """
    SELECT run, issued, lineage
    FROM (
      SELECT run_id::VARCHAR AS run, epoch_ns(valid_time) AS issued, lineage::VARCHAR AS lineage,
        row_number() OVER (PARTITION BY run_id ORDER BY "level", "offset" DESC) AS nth
      FROM runs WHERE epoch_ns(valid_time) >= $1 AND epoch_ns(valid_time) < $2
    ) AS kept
    WHERE nth = 1 ORDER BY issued, run
"""
_PARENTS = """
    SELECT version, parents
    FROM (
      SELECT hierarchy_version::VARCHAR AS version, parents::VARCHAR AS parents, "level",
        row_number() OVER (PARTITION BY "level" ORDER BY "offset" DESC) AS nth
      FROM runs WHERE run_id = $1
    ) AS kept
    WHERE nth = 1 ORDER BY "level"
"""
_SERIES = """
    SELECT series, "level", method, reason, versions, quality, hierarchy
    FROM (
      SELECT series::VARCHAR AS series, "level"::VARCHAR AS "level", method::VARCHAR AS method,
        reason::VARCHAR AS reason, model_versions::VARCHAR AS versions,
        quality::VARCHAR AS quality, hierarchy_version::VARCHAR AS hierarchy,
        row_number() OVER (PARTITION BY series ORDER BY length_ns, "offset" DESC) AS nth
      FROM forecasts WHERE epoch_ns(available_at) = $1 AND run_id = $2
    ) AS kept
    WHERE nth = 1 ORDER BY series
"""
_USED = """
    SELECT "partition", count(*) AS n, min(input_offset) AS first, max(input_offset) AS last
    FROM {name}
    WHERE epoch_ns(valid_time) >= $1 AND epoch_ns(valid_time) < $2
      AND epoch_ns(available_at) <= $3 AND input_offset >= 0
      AND series IN (SELECT unnest($4::VARCHAR[]))
    GROUP BY "partition" ORDER BY "partition"
"""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One forecast run.

    Parameters
    ----------
    run_id, issue_time
        Its name, and when it was issued, ns UTC.
    hierarchy_version
        Of the sums that held.
    levels, series
        Level and provenance by series.
    lineage
        Where it comes from; None of runs that say nothing of it.
    """

    run_id: str
    issue_time: int
    hierarchy_version: str
    levels: Mapping[str, str]
    series: Mapping[str, SeriesMeta]
    lineage: RunLineage | None

    def leaves(self, series: str) -> list[str]:
        """Series without parts of their own below `series`, itself where it has none."""
        parts: dict[str | None, list[str]] = {}
        for name, about in self.series.items():
            parts.setdefault(about.parent, []).append(name)
        found, waiting = [], [series]
        while waiting:
            name = waiting.pop()
            waiting += parts.get(name, ())
            found += [] if name in parts else [name]
        return sorted(found)


def recorded_run(historian: HistoryReader, run_id: str, issue_time: int) -> RecordedRun | None:
    """Return a run by its name, None where none is kept."""
    rows = historian.sql_within(
        HistoryClass.FORECASTS, issue_time, _FOREVER, _SERIES, [issue_time, run_id]
    ).to_pylist()
    if not rows:
        return None
    lineages = recorded_runs(historian, issue_time, issue_time + 1)
    parents = parents_of(historian, run_id, issue_time)
    series = {
        row["series"]: SeriesMeta(
            parents.get(row["series"]),
            msgspec.json.decode(row["versions"], type=dict[str, str]),
            row["method"],
            row["reason"],
            msgspec.json.decode(row["quality"], type=dict[str, float]),
        )
        for row in rows
    }
    levels = {row["series"]: row["level"] for row in rows}
    lineage = {name: found for name, _, found in lineages}.get(run_id)
    return RecordedRun(run_id, issue_time, rows[0]["hierarchy"], levels, series, lineage)


def recorded_runs(
    historian: HistoryReader, start: int, end: int = _FOREVER
) -> list[tuple[str, int, RunLineage]]:
    """Name, issue time (ns UTC) and lineage of the runs issued in ``[start, end)``, by time."""
    rows = historian.sql_within(HistoryClass.RUNS, start, end, _LINEAGES, [start, end])
    return [
        (run, issued, msgspec.json.decode(text, type=RunLineage))
        for run, issued, text in zip(*(column.to_pylist() for column in rows.columns), strict=True)
    ]


def parents_of(historian: HistoryReader, run_id: str, issue_time: int) -> dict[str, str | None]:
    """Parent of each series of a run; None for the root, nothing where none is kept."""
    rows = historian.sql_within(HistoryClass.RUNS, issue_time, issue_time + 1, _PARENTS, [run_id])
    parents: dict[str, str | None] = {}
    for text in rows["parents"].to_pylist():
        parents |= msgspec.json.decode(text, type=dict[str, str | None])
    return parents


def windows_used(
    historian: HistoryReader,
    kept_as: HistoryClass,
    series: Sequence[str],
    period: tuple[int, int],
    known_by: int,
    topic: str,
) -> tuple[int, list[RawRange]]:
    """Count the windows of some series, and tell the raw records that closed or corrected them.

    Parameters
    ----------
    kept_as
        ``windows`` or ``meter_intervals``.
    period
        Starts of the windows, ``[first, end)``, ns UTC.
    known_by
        Only what was known then, ns UTC.
    topic
        Full name of the raw topic.
    """
    rows = historian.sql_within(
        kept_as, *period, _USED.format(name=kept_as.value), [*period, known_by, list(series)]
    ).to_pylist()
    ranges = [RawRange(topic, row["partition"], row["first"], row["last"]) for row in rows]
    return sum(row["n"] for row in rows), ranges
