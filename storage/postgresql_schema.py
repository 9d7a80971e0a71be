"""The historian's classes as PostgreSQL tables.

Times are BIGINT nanoseconds since the epoch: PostgreSQL's own timestamps hold microseconds,
and an append time must come back exactly. For a person ``to_timestamp(valid_time / 1e9)``.
"""

from __future__ import annotations

import re

import pyarrow as pa

from storage.historian_classes import CLASSES, HistoryClass, Kept

__all__ = ["create_statements", "from_server", "quoted_schema", "to_server"]

_TYPES = {
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint16(): "INTEGER",
    pa.uint32(): "BIGINT",
    pa.float64(): "DOUBLE PRECISION",
    pa.bool_(): "BOOLEAN",
    pa.string(): "TEXT",
    pa.binary(): "BYTEA",
    pa.timestamp("ns", "UTC"): "BIGINT",
    pa.dictionary(pa.int32(), pa.string()): "TEXT",
    pa.list_(pa.float64()): "DOUBLE PRECISION[]",
    pa.list_(pa.int64()): "BIGINT[]",
}
_WIDER = {
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.timestamp("ns", "UTC"): pa.int64(),
    pa.dictionary(pa.int32(), pa.string()): pa.string(),
}
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def quoted_schema(name: str) -> str:
    """Schema name ready for SQL.

    Raises
    ------
    ValueError
        When it is not a plain lower-case identifier.

    Examples
    --------
    >>> quoted_schema("gridcast")
    '"gridcast"'
    """
    if not _SCHEMA_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a schema: lower-case letters, digits and '_'")
    return f'"{name}"'


def create_statements(schema: str) -> list[str]:
    """Statements that make schema, tables and indexes where they are absent."""
    statements = [
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        f"CREATE TABLE IF NOT EXISTS {schema}.positions (topic TEXT, partition INTEGER, "
        'next_offset BIGINT NOT NULL, PRIMARY KEY (topic, "partition"))',
    ]
    for name, kept in CLASSES.items():
        columns = ", ".join(f'"{field.name}" {_TYPES[field.type]}' for field in kept.schema)
        statements.append(f"CREATE TABLE IF NOT EXISTS {schema}.{name.value} ({columns})")
        wider = ", ".join(
            f'ADD COLUMN IF NOT EXISTS "{field.name}" {_TYPES[field.type]}' for field in kept.schema
        )
        statements.append(f"ALTER TABLE {schema}.{name.value} {wider}")
        statements.append(
            f"CREATE INDEX IF NOT EXISTS {name.value}_lookup ON {schema}.{name.value} "
            f"({_lookup(name, kept)})"
        )
    return statements


def to_server(table: pa.Table) -> pa.Table:
    """Columns in types that PostgreSQL has."""
    fields = [pa.field(f.name, _WIDER.get(f.type, f.type)) for f in table.schema]
    return table.cast(pa.schema(fields))


def from_server(table: pa.Table, kept: Kept) -> pa.Table:
    """Columns as the class has them."""
    return table.select(kept.schema.names).cast(kept.schema)


def _lookup(name: HistoryClass, kept: Kept) -> str:
    columns = ("point", "valid_time") if name is HistoryClass.SCADA else kept.order
    return ", ".join(f'"{column}"' for column in columns)
