"""The historian's classes as PostgreSQL tables.

Times are BIGINT nanoseconds since the epoch: PostgreSQL's own timestamps hold microseconds,
and an append time must come back exactly. For a person ``to_timestamp(valid_time / 1e9)``.
"""

from __future__ import annotations

import re

import pyarrow as pa

from storage.historian_classes import CLASSES, HistoryClass, Kept

__all__ = [
    "FOUND",
    "RECEIVED",
    "create_statements",
    "from_server",
    "quoted_schema",
    "to_server",
    "wanted",
]

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
_FUNCTIONS = {
    "epoch_ns": ("BIGINT", "BIGINT", "$1"),
    "numbers": ("TEXT", "DOUBLE PRECISION[]", "translate($1, '[]', '{}')::DOUBLE PRECISION[]"),
}
"""Argument, result and body of what queries for both historians call; the server inlines them."""
RECEIVED = "received"
"""Column of ``scada`` alone, and not of the class: where a row stood among those of its record."""
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
    """Statements that make schema, tables, indexes and functions where they are absent."""
    statements = [
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        f"CREATE TABLE IF NOT EXISTS {schema}.positions (topic TEXT, partition INTEGER, "
        'next_offset BIGINT NOT NULL, PRIMARY KEY (topic, "partition"))',
        *(_function(schema, name) for name in _FUNCTIONS),
    ]
    for name, kept in CLASSES.items():
        columns = [f'"{field.name}" {_TYPES[field.type]}' for field in kept.schema]
        if name is HistoryClass.SCADA:
            columns.append(f'"{RECEIVED}" BIGINT GENERATED ALWAYS AS IDENTITY')
        statements.append(
            f"CREATE TABLE IF NOT EXISTS {schema}.{name.value} ({', '.join(columns)})"
        )
        wider = ", ".join(f"ADD COLUMN IF NOT EXISTS {column}" for column in columns)
        statements.append(f"ALTER TABLE {schema}.{name.value} {wider}")
        statements += [
            f"CREATE INDEX IF NOT EXISTS {index} ON {schema}.{name.value} USING {how}"
            for index, how in _indexes(name, kept).items()
        ]
    return statements


def wanted() -> frozenset[tuple[str, str]]:
    """What a schema must have: columns by table or index, and functions under their own name.

    Examples
    --------
    >>> ("windows", "value") in wanted(), ("epoch_ns", "") in wanted()
    (True, True)
    """
    found = {("positions", "next_offset"), (HistoryClass.SCADA.value, RECEIVED)}
    found |= {(function, "") for function in _FUNCTIONS}
    for kept_as, kept in CLASSES.items():
        found |= {(kept_as.value, field.name) for field in kept.schema}
        found |= {(index, "") for index in _indexes(kept_as, kept)}
    return frozenset(found)


FOUND = """
    SELECT c.relname AS name, a.attname AS part
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT c.relname, '' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('i', 'I')
    UNION ALL
    SELECT p.proname, '' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = $1
"""
"""What a schema (its name the parameter) has, as `wanted` names it."""


def to_server(table: pa.Table) -> pa.Table:
    """Columns in types that PostgreSQL has."""
    fields = [pa.field(f.name, _WIDER.get(f.type, f.type)) for f in table.schema]
    return table.cast(pa.schema(fields))


def from_server(table: pa.Table, kept: Kept) -> pa.Table:
    """Columns as the class has them."""
    return table.select(kept.schema.names).cast(kept.schema)


def _indexes(name: HistoryClass, kept: Kept) -> dict[str, str]:
    """Method and columns of a table's indexes, by their names.

    Rows come roughly in the order of time: a BRIN index of that is small, and finds periods.
    """
    order = ("point", "valid_time") if name is HistoryClass.SCADA else kept.order
    columns = ", ".join(f'"{column}"' for column in order)
    times = dict.fromkeys((kept.bounded_by, kept.by_time))
    return {f"{name.value}_lookup": f"btree ({columns})"} | {
        f"{name.value}_{column}": f'brin ("{column}")' for column in times
    }


def _function(schema: str, name: str) -> str:
    argument, result, body = _FUNCTIONS[name]
    return (
        f"CREATE OR REPLACE FUNCTION {schema}.{name}({argument}) RETURNS {result} "
        f"LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$SELECT {body}$body$"
    )
