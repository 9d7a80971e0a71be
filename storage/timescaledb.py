"""TimescaleDB, where the historian's server has it: tables in chunks of time, dropped whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from records.time import DAY
from storage.historian_classes import CLASSES, HistoryClass
from storage.postgresql_schema import quoted_schema

__all__ = ["Timescale", "hypertable_statements", "timescale_of"]

_MONTHS = timedelta(days=200)
_EXTENSION = """
    SELECT n.nspname, e.extversion FROM pg_extension e
    JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb'
"""
_OWNED = """
    SELECT h.hypertable_name FROM timescaledb_information.hypertables h
    WHERE h.hypertable_schema = $1 AND pg_has_role(h.owner, 'USAGE')
"""


@dataclass(frozen=True, slots=True)
class Timescale:
    """The extension of a database, as a writer uses it.

    Parameters
    ----------
    functions
        Quoted schema of its functions.
    version
        Such as "2.17.2".
    schema
        Of the historian.
    owned
        Tables that are hypertables of ours: only an owner may drop chunks.
    """

    functions: str
    version: str
    schema: str
    owned: frozenset[str]

    def drop_chunks(self, cursor: Any, kept_as: HistoryClass, before: int) -> None:
        """Drop the chunks of a class that end at or before a time (ns UTC)."""
        if kept_as.value in self.owned:
            cursor.execute(
                f"SELECT count(*) FROM {self.functions}.drop_chunks($1::REGCLASS, $2::BIGINT)",
                (f"{quoted_schema(self.schema)}.{kept_as.value}", before),
            )
            cursor.fetchall()


def hypertable_statements(cursor: Any, schema: str) -> list[str]:
    """Statements that make the tables of a schema hypertables; none without the extension.

    A chunk is a day of what is kept for months, and a week of what is kept for years.
    """
    found = _extension(cursor)
    if found is None:
        return []
    functions, _ = found
    return [
        f"SELECT {functions}.create_hypertable('{quoted_schema(schema)}.{name.value}', "
        f"'{kept.bounded_by}', "
        f"chunk_time_interval => {DAY if kept.retention < _MONTHS else 7 * DAY}::BIGINT, "
        "create_default_indexes => false, if_not_exists => true, migrate_data => true)"
        for name, kept in CLASSES.items()
    ]


def timescale_of(cursor: Any, schema: str) -> Timescale | None:
    """The extension of the database, None without it."""
    found = _extension(cursor)
    if found is None:
        return None
    cursor.execute(_OWNED, (schema,))
    return Timescale(*found, schema, frozenset(name for (name,) in cursor.fetchall()))


def _extension(cursor: Any) -> tuple[str, str] | None:
    cursor.execute(_EXTENSION)
    found = cursor.fetchone()
    if found is None:
        return None
    schema, version = found
    return '"' + schema.replace('"', '""') + '"', version
