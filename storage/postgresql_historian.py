"""The historian on a PostgreSQL server: the same classes, questions and answers.

Rows travel as Arrow columns in both directions (ADBC, binary COPY).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.log import Partition
from records.time import SECOND
from storage.historian_classes import CLASSES, HistoryClass
from storage.interval_means import TimeAxis, interval_means
from storage.postgresql_schema import create_statements, from_server, quoted_schema, to_server
from storage.writer_lock import WriterLockedError

__all__ = ["PostgresqlHistorian", "PostgresqlHistorianWriter"]

_FOREVER = 2**62
_ONE_WRITER = 0x67_72_69_64


def _connect(uri: str) -> Any:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise ImportError(
            "the PostgreSQL historian needs one package more: pip install 'gridcast[postgresql]'"
        ) from error
    return dbapi.connect(uri)


class PostgresqlHistorianWriter:
    """The one writer of a historian in a schema of a database; a context manager.

    Parameters
    ----------
    uri
        Such as ``postgresql://user@host/database``; a password from the environment.
    schema
        Made with its tables where absent.

    Raises
    ------
    WriterLockedError
        When another process writes the same schema.
    """

    def __init__(self, uri: str, schema: str = "gridcast") -> None:
        self._name = schema
        self._schema = quoted_schema(schema)
        self._connection = _connect(uri)
        try:
            self._lock()
            with self._connection.cursor() as cursor:
                for statement in create_statements(self._schema):
                    cursor.execute(statement)
            self._connection.commit()
        except BaseException:
            self._connection.close()
            raise

    def positions(self) -> dict[Partition, int]:
        """Next offset to be recorded, by partition."""
        with self._connection.cursor() as cursor:
            cursor.execute(f'SELECT topic, "partition", next_offset FROM {self._schema}.positions')
            rows = cursor.fetchall()
        self._connection.commit()
        return {Partition(topic, number): offset for topic, number, offset in rows}

    def commit(
        self,
        tables: Mapping[tuple[HistoryClass, str], pa.Table],
        positions: Mapping[Partition, int],
    ) -> None:
        """Add rows and move the positions in one transaction; keys of `tables` are class, date."""
        try:
            with self._connection.cursor() as cursor:
                for (kept_as, _), table in tables.items():
                    cursor.adbc_ingest(
                        kept_as.value,
                        to_server(table),
                        mode="append",
                        db_schema_name=self._name,
                    )
                for place, offset in positions.items():
                    cursor.execute(
                        f"INSERT INTO {self._schema}.positions VALUES ($1, $2, $3) "
                        'ON CONFLICT (topic, "partition") DO UPDATE SET next_offset = $3',
                        (place.topic, place.number, offset),
                    )
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    def delete_old(
        self,
        now: int,
        retention: Mapping[HistoryClass, timedelta] | None = None,
        *,
        recorded_now: int | None = None,
    ) -> int:
        """Delete the rows past their class's retention at `now` (ns UTC); return how many.

        `retention` replaces the classes' own; `recorded_now` is the log's clock, for classes
        that are kept by when they were recorded, where it is not that of the data.
        """
        recorded_now = now if recorded_now is None else recorded_now
        deleted = 0
        with self._connection.cursor() as cursor:
            for kept_as, kept in CLASSES.items():
                limit = (retention or {}).get(kept_as, kept.retention)
                since = now if kept.by_valid_time else recorded_now
                cursor.execute(
                    f"WITH gone AS (DELETE FROM {self._schema}.{kept_as.value} "
                    f"WHERE {kept.bounded_by} < $1 RETURNING 1) SELECT count(*) FROM gone",
                    (since - int(limit.total_seconds()) * SECOND,),
                )
                deleted += cursor.fetchone()[0]
        self._connection.commit()
        return deleted

    def close(self) -> None:
        """Close the connection, and so let another writer in."""
        self._connection.close()

    def __enter__(self) -> PostgresqlHistorianWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lock(self) -> None:
        with self._connection.cursor() as cursor:
            # Held by the session, so a killed writer's lock ends with its connection.
            cursor.execute(
                "SELECT pg_try_advisory_lock($1::INTEGER, hashtext($2))", (_ONE_WRITER, self._name)
            )
            (locked,) = cursor.fetchone()
        self._connection.commit()
        if not locked:
            raise WriterLockedError(
                f"the historian in schema {self._name} already has a writer; stop that one "
                "first, or give this one a schema of its own"
            )


class PostgresqlHistorian:
    """Queries over what has been committed; a context manager.

    Parameters
    ----------
    uri, schema
        As for the writer.
    """

    def __init__(self, uri: str, schema: str = "gridcast") -> None:
        self._schema = quoted_schema(schema)
        self._connection = _connect(uri)

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Run a query in the server's dialect, parameters as ``$1``; times are ns UTC."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f"SET search_path TO {self._schema}")
                cursor.execute(query, tuple(parameters))
                return cursor.fetch_arrow_table()
        finally:
            self._connection.rollback()

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
        chosen = "" if series is None else "AND series = ANY($4)"
        query = f"""
            SELECT * FROM (
              SELECT DISTINCT ON ({key}) * FROM {kept_as.value}
              WHERE valid_time >= $1 AND valid_time < $2 AND available_at <= $3 {chosen}
              ORDER BY {key}, {kept.rank}, available_at DESC, "offset" DESC) AS known
            ORDER BY {kept.key[0]}, valid_time
        """
        parameters: list[Any] = [start, end, _FOREVER if as_of is None else as_of]
        if series is not None:
            parameters.append(pa.scalar(list(series), pa.list_(pa.string())))
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
        chosen = "" if points is None else "AND point = ANY($3)"
        query = f"""
            SELECT * FROM scada WHERE valid_time >= $1 AND valid_time < $2 {chosen}
            ORDER BY point, valid_time, "offset"
        """
        parameters: list[Any] = [start, end]
        if points is not None:
            parameters.append(pa.scalar([int(p) for p in points], pa.list_(pa.int64())))
        return from_server(self.sql(query, parameters), CLASSES[HistoryClass.SCADA])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> PostgresqlHistorian:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
