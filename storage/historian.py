"""Reading the embedded historian with DuckDB, by any process, while another writes it.

Every query reads the files of one manifest: what was committed, whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.log import Partition
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_manifest import FileEntry, Manifest, read_manifest
from storage.interval_means import TimeAxis, interval_means

__all__ = ["Historian"]

_FOREVER = 2**62
_ATTEMPTS = 5
_WIDENED = (
    HistoryClass.WINDOWS,
    HistoryClass.LONG_WINDOWS,
    HistoryClass.METER_INTERVALS,
    HistoryClass.METER_ESTIMATES,
    HistoryClass.STATES,
)
"""Classes with a column that files written before it lack; it is null there."""


class Historian:
    """Queries over what has been committed.

    Parameters
    ----------
    directory
        Of the historian; it need not exist yet.
    threads
        DuckDB's.
    """

    as_received = ""

    def __init__(self, directory: Path, *, threads: int = 2) -> None:
        self._directory = directory
        # Nothing is ever fetched from the network, and times print in UTC.
        self._db = duckdb.connect(
            config={"threads": threads, "autoinstall_known_extensions": False}
        )
        self._db.execute("SET TimeZone = 'UTC'")
        self._db.execute("SET preserve_insertion_order = true")
        self._db.execute("CREATE TEMP MACRO numbers(text) AS text::VARCHAR::DOUBLE[]")

    def manifest(self) -> Manifest:
        """Return what counts now."""
        return read_manifest(self._directory)

    def next_offsets(self) -> dict[Partition, int]:
        """Next offset to be recorded, by partition."""
        return self.manifest().next_offsets()

    def dates(self, kept_as: HistoryClass, start: int, end: int) -> list[str]:
        """Dates (``YYYY-MM-DD``) of the files with valid times in ``[start, end)``, ns UTC."""
        return sorted({entry.date for entry in self.manifest().of_class(kept_as, start, end)})

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Run a query over one view a class, named after it (``windows``, ``scada``, ...).

        The views hold every version of every value, with times in UTC.

        Raises
        ------
        duckdb.Error
            When the query is wrong.
        """
        return self._run(None, 0, _FOREVER, query, parameters)

    def sql_within(
        self, kept_as: HistoryClass, start: int, end: int, query: str, parameters: Sequence[Any]
    ) -> pa.Table:
        """Run a query over the view of one class, reading what may be of a period only.

        Parameters
        ----------
        start, end
            ns UTC: files without valid times in ``[start, end)`` are left out. Rows before and
            after are in the view still.

        Raises
        ------
        duckdb.Error
            When the query is wrong.
        """
        return self._run([kept_as], start, end, query, parameters)

    def as_of(
        self,
        kept_as: HistoryClass,
        start: int,
        end: int,
        *,
        series: Sequence[str] | None = None,
        as_of: int | None = None,
    ) -> pa.Table:
        """Rows with valid times in ``[start, end)``, each as best known at `as_of`.

        Of all versions with ``available_at <= as_of`` the highest counts, and the last known
        among equals; so of a forecast the last issue.

        Parameters
        ----------
        kept_as
            Any class with versions (not ``records``, ``scada``, ``dead_letters``).
        start, end
            ns UTC.
        series
            Series to return; all by default.
        as_of
            ns UTC; now and for ever by default.

        Returns
        -------
        pyarrow.Table
            Columns of the class, by series and valid time.
        """
        kept = CLASSES[kept_as]
        if not kept.versioned:
            raise ValueError(f"{kept_as} has no versions: use sql, or its own method")
        key = ", ".join(f'"{name}"' for name in kept.key)
        chosen = "" if series is None else f"AND series IN ({_marks(series)})"
        query = f"""
            SELECT * FROM {kept_as.value}
            WHERE epoch_ns(valid_time) >= ? AND epoch_ns(valid_time) < ?
              AND epoch_ns(available_at) <= ? {chosen}
            QUALIFY row_number() OVER (
              PARTITION BY {key} ORDER BY {kept.rank}, available_at DESC, "offset" DESC) = 1
            ORDER BY {kept.key[0]}, valid_time
        """
        parameters: list[Any] = [start, end, _FOREVER if as_of is None else as_of]
        if series is not None:
            parameters.extend(series)
        return self._run([kept_as], start, end, query, parameters)

    def matrix(
        self,
        series: Sequence[str],
        start: int,
        end: int,
        step: int,
        *,
        as_of: int | None = None,
        source: HistoryClass = HistoryClass.WINDOWS,
        least_share: float = 0.5,
        most_imputed: float = 1.0,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Interval means of several series on one time axis, for training and scores.

        Parameters
        ----------
        series
            Ids, in the order of the rows returned.
        start, end, step
            The axis: ns UTC, and a length in ns that divides ``end - start``.
        as_of
            What was known then (ns UTC); everything by default.
        source
            ``windows`` or ``meter_intervals``.
        least_share
            A step covered by known values for less than this share is NaN.
        most_imputed
            An interval of which a greater share was replaced counts as not known.

        Returns
        -------
        times
            Interval starts, ns UTC, shape (n_steps,).
        values
            Means weighted by time, in the series' unit, shape (n_series, n_steps); NaN where
            too little is known.

        Raises
        ------
        ValueError
            When the axis is not whole steps, or a kept interval does not fit in a step.
        """
        axis = TimeAxis(start, end, step)
        rows = self.as_of(source, start, end, series=series, as_of=as_of)
        return axis.times, interval_means(rows, series, axis, least_share, most_imputed)

    def scada(self, start: int, end: int, *, points: Sequence[int] | None = None) -> pa.Table:
        """Measurements as received with times in ``[start, end)``, by point and time.

        Parameters
        ----------
        start, end
            ns UTC, of the measurements' own times.
        points
            Point numbers; all by default.
        """
        chosen = "" if points is None else f"AND point IN ({_marks(points)})"
        query = f"""
            SELECT * FROM scada
            WHERE epoch_ns(valid_time) >= ? AND epoch_ns(valid_time) < ? {chosen}
            ORDER BY point, valid_time, "offset"
        """
        parameters: list[Any] = [start, end]
        if points is not None:
            parameters.extend(int(point) for point in points)
        return self._run([HistoryClass.SCADA], start, end, query, parameters)

    def measurements(
        self, partition: Partition, offsets: tuple[int, int], times: tuple[int, int]
    ) -> pa.Table:
        """Measurements of the raw records ``[first, past)``, in the order they were received.

        `times` bounds their own times, ns UTC, and so the files that are read.

        Returns
        -------
        pyarrow.Table
            Columns `offset`, `point`, `value`, `quality` and `offset_ms`.
        """
        query = """
            SELECT "offset", point, value, quality, offset_ms FROM scada
            WHERE topic = ? AND "partition" = ? AND "offset" >= ? AND "offset" < ?
        """
        parameters = [partition.topic, partition.number, *offsets]
        table = self._run([HistoryClass.SCADA], *times, query, parameters)
        # Rows come file by file, in each as they were received, and a record is never split over
        # files: only records can be out of order, where files were merged.
        offset = table["offset"].to_numpy()
        if (offset[1:] < offset[:-1]).any():
            table = table.take(np.argsort(offset, kind="stable"))
        return table

    def close(self) -> None:
        """Close DuckDB."""
        self._db.close()

    def __enter__(self) -> Historian:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(
        self,
        classes: Sequence[HistoryClass] | None,
        start: int,
        end: int,
        query: str,
        parameters: Sequence[Any],
    ) -> pa.Table:
        for attempt in range(1, _ATTEMPTS + 1):
            manifest = self.manifest()
            try:
                for kept_as in classes or CLASSES:
                    self._view(kept_as, manifest.of_class(kept_as, start, end))
                return self._db.sql(query, params=list(parameters)).to_arrow_table()
            except duckdb.IOException:
                # A file was merged away and deleted since: the next manifest has another.
                if attempt == _ATTEMPTS or self.manifest() == manifest:
                    raise
        raise AssertionError

    def _view(self, kept_as: HistoryClass, files: Sequence[FileEntry]) -> None:
        name = kept_as.value
        if files:
            paths = ", ".join(_quoted(str(self._directory / entry.path)) for entry in files)
            body = f"SELECT * FROM read_parquet([{paths}])"
            if kept_as in _WIDENED:
                self._db.register(f"_no_{name}", CLASSES[kept_as].schema.empty_table())
                body = (
                    f"SELECT * FROM read_parquet([{paths}], union_by_name=true) "
                    f"UNION ALL BY NAME SELECT * FROM _no_{name}"
                )
        else:
            schema = CLASSES[kept_as].schema
            self._db.register(f"_no_{name}", schema.empty_table())
            body = f"SELECT * FROM _no_{name}"
        self._db.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {body}")


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values)) or "NULL"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
