"""Reading a historian on a PostgreSQL server: the same classes, questions and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.log import Partition
from records.time import DAY
from storage.historian_classes import CLASSES, HistoryClass
from storage.interval_means import TimeAxis, interval_means
from storage.postgresql_connection import PostgresqlConnection
from storage.postgresql_schema import RECEIVED, from_server, quoted_schema

__all__ = ["PostgresqlHistorian"]

_FOREVER = 2**62


class PostgresqlHistorian:
    """Queries over what has been committed; a context manager.

    Parameters
    ----------
    url, schema
        As for the writer. The role needs no right but to read.

    Raises
    ------
    storage.postgresql_connection.HistorianUnavailableError
        By every question, when the server does not answer, or has no such historian.
    """

    as_received = f'ORDER BY "offset", "{RECEIVED}"'

    def __init__(self, url: str, schema: str) -> None:
        self._schema = quoted_schema(schema)
        self._connection = PostgresqlConnection(url, self._schema, read_only=True)

    def next_offsets(self) -> dict[Partition, int]:
        """Next offset to be recorded, by partition."""
        rows = self.sql('SELECT topic, "partition", next_offset FROM positions').to_pylist()
        return {Partition(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    def dates(self, kept_as: HistoryClass, start: int, end: int) -> list[str]:
        """Dates (``YYYY-MM-DD``, UTC) of the rows with valid times in ``[start, end)`` (ns UTC)."""
        kept = CLASSES[kept_as]
        query = (
            f'SELECT DISTINCT "{kept.by_time}" / {DAY} AS day FROM {kept_as.value} '
            f'WHERE "{kept.bounded_by}" >= $1 AND "{kept.bounded_by}" < $2 ORDER BY day'
        )
        days = self.sql(query, (start, end))["day"].to_pylist()
        return [datetime.fromtimestamp(day * 86_400, UTC).date().isoformat() for day in days]

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Run a query in the server's dialect, parameters as ``$1``; times are ns UTC."""
        given = tuple(_parameter(value) for value in parameters)
        with self._connection.transaction() as cursor:
            cursor.execute(query, given)
            return cursor.fetch_arrow_table()

    def sql_within(
        self, kept_as: HistoryClass, start: int, end: int, query: str, parameters: Sequence[Any]
    ) -> pa.Table:
        """Run a query over one class; its own conditions say which rows it wants."""
        return self.sql(query, parameters)

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

        See `storage.historian.Historian.as_of`.
        """
        kept = CLASSES[kept_as]
        if not kept.versioned:
            raise ValueError(f"{kept_as} has no versions: use sql, or its own method")
        key = ", ".join(f'"{name}"' for name in kept.key)
        chosen = "" if series is None else "AND series = ANY($4::TEXT[])"
        query = f"""
            SELECT * FROM (
              SELECT DISTINCT ON ({key}) * FROM {kept_as.value}
              WHERE valid_time >= $1 AND valid_time < $2 AND available_at <= $3 {chosen}
              ORDER BY {key}, {kept.rank}, available_at DESC, "offset" DESC) AS known
            ORDER BY {kept.key[0]}, valid_time
        """
        parameters: list[Any] = [start, end, _FOREVER if as_of is None else as_of]
        if series is not None:
            parameters.append(list(series))
        return from_server(self.sql(query, parameters), kept)

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
        """Interval means of several series on one time axis.

        See `storage.historian.Historian.matrix`.
        """
        axis = TimeAxis(start, end, step)
        rows = self.as_of(source, start, end, series=series, as_of=as_of)
        return axis.times, interval_means(rows, series, axis, least_share, most_imputed)

    def scada(self, start: int, end: int, *, points: Sequence[int] | None = None) -> pa.Table:
        """Measurements as received with times in ``[start, end)``, by point and time."""
        chosen = "" if points is None else "AND point = ANY($3::BIGINT[])"
        query = f"""
            SELECT * FROM scada WHERE valid_time >= $1 AND valid_time < $2 {chosen}
            ORDER BY point, valid_time, "offset"
        """
        parameters: list[Any] = [start, end]
        if points is not None:
            parameters.append([int(point) for point in points])
        return from_server(self.sql(query, parameters), CLASSES[HistoryClass.SCADA])

    def measurements(
        self, partition: Partition, offsets: tuple[int, int], times: tuple[int, int]
    ) -> pa.Table:
        """Measurements of the raw records ``[first, past)``, in the order they were received.

        See `storage.historian.Historian.measurements`.
        """
        query = f"""
            SELECT "offset", point, value, quality, offset_ms FROM scada
            WHERE topic = $1 AND "partition" = $2 AND "offset" >= $3 AND "offset" < $4
              AND valid_time >= $5 AND valid_time < $6
            {self.as_received}
        """
        table = self.sql(query, [partition.topic, partition.number, *offsets, *times])
        schema = CLASSES[HistoryClass.SCADA].schema
        return table.cast(pa.schema([schema.field(name) for name in table.column_names]))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> PostgresqlHistorian:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _parameter(value: Any) -> Any:
    """A parameter as the driver takes it: it knows no Python lists."""
    if not isinstance(value, list):
        return value
    numbers = bool(value) and isinstance(value[0], int)
    return pa.scalar(value, pa.list_(pa.int64() if numbers else pa.string()))
