"""The one writer of a historian on a PostgreSQL server.

Rows travel as Arrow columns (ADBC, binary COPY), in one transaction with the offsets they reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa

from records.log import Partition
from records.time import SECOND
from storage.historian_classes import CLASSES, HistoryClass
from storage.postgresql_connection import PostgresqlConnection
from storage.postgresql_schema import FOUND, create_statements, quoted_schema, to_server, wanted
from storage.timescaledb import Timescale, hypertable_statements, timescale_of
from storage.writer_lock import WriterLockedError

__all__ = ["HistorianMovedError", "PostgresqlHistorianWriter"]

_ONE_WRITER = 0x67_72_69_64


class HistorianMovedError(RuntimeError):
    """Somebody else recorded meanwhile; the message says what to do."""


class PostgresqlHistorianWriter:
    """The one writer of a historian in a schema of a database; a context manager.

    A schema that lacks nothing is left as it is, so a role that may only add and delete rows will
    do; else what it lacks is made.

    Parameters
    ----------
    url
        Such as ``postgresql://user@host/database``; see `PostgresqlConnection`.
    schema
        Made with its tables where absent.

    Raises
    ------
    WriterLockedError
        When another process writes the same schema.
    storage.postgresql_connection.HistorianUnavailableError
        When the server does not answer, or the role may not do what is needed.
    """

    def __init__(self, url: str, schema: str) -> None:
        self._name = schema
        self._schema = quoted_schema(schema)
        self._connection = PostgresqlConnection(url, self._schema, on_connect=self._lock)
        try:
            with self._connection.transaction() as cursor:
                self.made = self._make(cursor)
                self._timescale = timescale_of(cursor, schema)
            self._known = self.positions()
        except BaseException:
            self._connection.close()
            raise

    @property
    def where(self) -> str:
        """Server, database and schema, for messages."""
        return f"{self._connection.where}, schema {self._name}"

    @property
    def timescale(self) -> Timescale | None:
        """The extension where tables are hypertables; None on plain PostgreSQL."""
        return self._timescale

    def positions(self) -> dict[Partition, int]:
        """Next offset to be recorded, by partition."""
        with self._connection.transaction() as cursor:
            return self._positions(cursor)

    def commit(
        self,
        tables: Mapping[tuple[HistoryClass, str], pa.Table],
        positions: Mapping[Partition, int],
    ) -> None:
        """Add rows and move the positions in one transaction; keys of `tables` are class, date.

        After an error the same rows and positions may be committed again: rows that did get in
        are not added twice.

        Raises
        ------
        HistorianMovedError
            When another writer has recorded since.
        """
        reached = self._known | dict(positions)
        with self._connection.transaction() as cursor:
            found = self._positions(cursor)
            if found != self._known:
                if found != reached:
                    raise HistorianMovedError(
                        f"the historian at {self.where} was written by another recorder while "
                        "this one had lost it; start this one again, and only one of them"
                    )
                # The commit before was made, and the answer to it lost.
                self._known = reached
                return
            for (kept_as, _), table in tables.items():
                cursor.adbc_ingest(
                    kept_as.value, to_server(table), mode="append", db_schema_name=self._name
                )
            for place, offset in positions.items():
                if self._known.get(place) != offset:
                    cursor.execute(
                        f"INSERT INTO {self._schema}.positions VALUES ($1, $2, $3) "
                        'ON CONFLICT (topic, "partition") DO UPDATE SET next_offset = $3',
                        (place.topic, place.number, offset),
                    )
        self._known = reached

    def delete_old(
        self,
        now: int,
        retention: Mapping[HistoryClass, timedelta] | None = None,
        *,
        recorded_now: int | None = None,
    ) -> int:
        """Delete the rows past their class's retention at `now` (ns UTC); return how many.

        `retention` replaces the classes' own; `recorded_now` is the log's clock, for classes
        that are kept by when they were recorded, where it is not that of the data. Chunks of a
        hypertable that are past it go whole, and are not counted.
        """
        recorded_now = now if recorded_now is None else recorded_now
        deleted = 0
        for kept_as, kept in CLASSES.items():
            limit = (retention or {}).get(kept_as, kept.retention)
            since = now if kept.by_valid_time else recorded_now
            before = since - int(limit.total_seconds()) * SECOND
            with self._connection.transaction() as cursor:
                if self._timescale is not None:
                    self._timescale.drop_chunks(cursor, kept_as, before)
                cursor.execute(
                    f"WITH gone AS (DELETE FROM {self._schema}.{kept_as.value} "
                    f'WHERE "{kept.bounded_by}" < $1 RETURNING 1) SELECT count(*) FROM gone',
                    (before,),
                )
                deleted += cursor.fetchone()[0]
        return deleted

    def tidy(
        self,
        now: int | None,
        retention: Mapping[HistoryClass, timedelta],
        *,
        recorded_now: int,
    ) -> tuple[int, int]:
        """Delete what is past its retention; a server puts its files in order by itself.

        `now` is how far the data have come, None where that is not known.

        Returns
        -------
        deleted, merged
            How many rows were deleted, and 0.
        """
        at = -(2**62) if now is None else now
        return self.delete_old(at, retention, recorded_now=recorded_now), 0

    def grant(self, role: str, *, write: bool) -> None:
        """Give a role the rights to read, or to record."""
        named = '"' + role.replace('"', '""') + '"'
        tables = f"ALL TABLES IN SCHEMA {self._schema}"
        with self._connection.transaction() as cursor:
            cursor.execute(f"GRANT USAGE ON SCHEMA {self._schema} TO {named}")
            cursor.execute(f"GRANT SELECT ON {tables} TO {named}")
            if write:
                cursor.execute(f"GRANT INSERT, DELETE ON {tables} TO {named}")
                cursor.execute(f"GRANT UPDATE ON {self._schema}.positions TO {named}")

    def close(self) -> None:
        """Close the connection, and so let another writer in."""
        self._connection.close()

    def __enter__(self) -> PostgresqlHistorianWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _positions(self, cursor: Any) -> dict[Partition, int]:
        cursor.execute(f'SELECT topic, "partition", next_offset FROM {self._schema}.positions')
        return {Partition(topic, number): offset for topic, number, offset in cursor.fetchall()}

    def _make(self, cursor: Any) -> bool:
        """Make what is lacking; return whether anything was."""
        cursor.execute(FOUND, (self._name,))
        if wanted() <= set(cursor.fetchall()):
            return False
        for statement in create_statements(self._schema):
            cursor.execute(statement)
        for statement in hypertable_statements(cursor, self._name):
            cursor.execute(statement)
        return True

    def _lock(self, cursor: Any) -> None:
        # Held by the session, so a killed writer's lock ends with its connection; and whoever
        # gets it knows that what the session before it was about is done or undone.
        cursor.execute(
            "SELECT pg_try_advisory_lock($1::INTEGER, hashtext($2))", (_ONE_WRITER, self._name)
        )
        (locked,) = cursor.fetchone()
        if not locked:
            raise WriterLockedError(
                f"the historian in schema {self._name} already has a writer; stop that one "
                "first, or give this one a schema of its own"
            )
