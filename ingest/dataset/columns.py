"""Understanding the columns of a table: ids, times, numbers, each bad entry told with its row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ingest.dataset.tables import RawTable

__all__ = ["NO_TIME", "Coded", "Times", "float_column", "int_column", "text_column", "time_column"]

NO_TIME = np.iinfo(np.int64).min
"""Stands for an empty or refused time."""

_NUMERIC = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal)
_ZONED = r"(?:[Zz]|[+-]\d\d:?\d\d)$"
_ZONE_REMEDY = "write it with its zone, such as 2014-01-01T00:00:00Z or 2014-01-01T00:00:00+10:00"


@dataclass(frozen=True, slots=True)
class Coded:
    """A text column: entry i is ``names[code[i]]``, code -1 where it is empty."""

    code: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def at(self, row: int) -> str:
        """Return the text of a row, empty where there is none."""
        return self.names[self.code[row]] if self.code[row] >= 0 else ""


@dataclass(frozen=True, slots=True)
class Times:
    """A time column.

    Parameters
    ----------
    ns
        ns UTC, shape (n_rows,); `NO_TIME` where empty or refused.
    label
        Labels as written, equal ones with equal numbers, shape (n_rows,).
    naive
        Whether the row's label has no zone, shape (n_rows,).
    """

    ns: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    naive: npt.NDArray[np.bool_]


def text_column(table: RawTable, name: str, *, required: bool = True) -> Coded:
    """Read a column of ids or words; empty entries of a required one are problems."""
    column = table.columns[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    if not _is_text(column.type):
        if column.null_count < len(column):
            table.complain(None, f"column {name!r} holds {column.type}", "write text")
        return Coded(np.full(table.n_rows, -1, np.int64), ())
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    names = column.dictionary.to_pylist()
    code = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    empty = np.array([not entry for entry in names], dtype=bool)
    if empty.any():
        code = np.where((code >= 0) & empty[code], -1, code)
    if required:
        rows = np.flatnonzero(code < 0)
        table.complain_rows(rows, lambda _: f"{name} is empty", f"write the {name}")
    return Coded(code, tuple(str(entry or "") for entry in names))


def time_column(table: RawTable, name: str, *, required: bool = True) -> Times:
    """Read a column of times with a zone; naive, empty or unreadable ones are problems."""
    column = table.columns[name]
    if pa.types.is_timestamp(column.type):
        return _timestamps(table, name, column, required)
    if not _is_text(column.type) and column.null_count < len(column):
        table.complain(None, f"column {name!r} holds {column.type}", f"write times; {_ZONE_REMEDY}")
        nothing = np.full(table.n_rows, NO_TIME)
        return Times(nothing, nothing, np.zeros(table.n_rows, bool))
    coded = text_column(table, name, required=required)
    if not len(coded.names):
        nothing = np.full(table.n_rows, NO_TIME)
        return Times(nothing, nothing, np.zeros(table.n_rows, bool))
    labels = pd.Series(coded.names, dtype=object)
    zoned = labels.str.contains(_ZONED, regex=True).to_numpy(bool)
    parsed = pd.to_datetime(labels.where(zoned), utc=True, format="ISO8601", errors="coerce")
    ns = parsed.dt.as_unit("ns").astype("int64").to_numpy()
    bad_label = pd.isna(parsed).to_numpy(bool)
    looks_naive = ~zoned & pd.notna(
        pd.to_datetime(labels.where(~zoned), format="ISO8601", errors="coerce")
    ).to_numpy(bool)
    known = coded.code >= 0
    naive = known & looks_naive[coded.code]
    unreadable = known & (bad_label & ~looks_naive)[coded.code]
    table.complain_rows(
        np.flatnonzero(naive), lambda row: f"{name} {coded.at(row)!r} has no zone", _ZONE_REMEDY
    )
    table.complain_rows(
        np.flatnonzero(unreadable),
        lambda row: f"{name} {coded.at(row)!r} is not a time (RFC 3339)",
        _ZONE_REMEDY,
    )
    good = known & ~bad_label[coded.code]
    return Times(np.where(good, ns[coded.code], NO_TIME), coded.code, naive)


def _timestamps(table: RawTable, name: str, column: pa.ChunkedArray, required: bool) -> Times:
    whole = pc.cast(column, pa.timestamp("ns", column.type.tz), safe=False)
    ns = pc.fill_null(pc.cast(whole, pa.int64()), NO_TIME).to_numpy()
    naive = np.zeros(len(ns), bool)
    if column.type.tz is None and column.null_count < len(column):
        naive = ns != NO_TIME
        table.complain(None, f"column {name!r} holds times without a zone", _ZONE_REMEDY)
        return Times(np.full(len(ns), NO_TIME), ns, naive)
    if required:
        rows = np.flatnonzero(ns == NO_TIME)
        table.complain_rows(rows, lambda _: f"{name} is empty", f"write the {name}")
    return Times(ns, ns, naive)


def float_column(table: RawTable, name: str) -> npt.NDArray[np.float64]:
    """Read a column of numbers; empty is NaN, infinite or unreadable ones are problems."""
    column = table.columns[name]
    remedy = "write a finite number, or leave the entry empty where the value is missing"
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        values, bad = _numbers(column)
        table.complain_rows(
            np.flatnonzero(bad),
            lambda row: f"{name} {column[row].as_py()!r} is not a number",
            remedy,
        )
    elif pa.types.is_null(column.type):
        values = np.full(table.n_rows, np.nan)
    elif any(test(column.type) for test in _NUMERIC):
        values = column.cast(pa.float64(), safe=False).to_numpy()
    else:
        table.complain(None, f"column {name!r} holds {column.type}", "write numbers")
        return np.full(table.n_rows, np.nan)
    infinite = np.isinf(values)
    table.complain_rows(
        np.flatnonzero(infinite), lambda row: f"{name} {values[row]} is not finite", remedy
    )
    return values


def int_column(table: RawTable, name: str, default: int) -> npt.NDArray[np.int64]:
    """Read a column of whole numbers from 1 up; empty is `default`."""
    values = float_column(table, name)
    whole = np.where(np.isnan(values), float(default), values)
    bad = ~((whole >= 1) & (whole < 2**53) & (whole == np.floor(whole)))
    table.complain_rows(
        np.flatnonzero(bad & np.isfinite(whole)),
        lambda row: f"{name} is {values[row]:g}",
        f"write {name} as a whole number from 1 up",
    )
    return np.where(bad, default, whole).astype(np.int64)


def _numbers(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Numbers of a text column, NaN where empty, and where an entry is not a number."""
    present = pc.fill_null(pc.not_equal(column, ""), False).to_numpy()
    try:
        parsed = pc.cast(pc.if_else(pc.equal(column, ""), None, column), pa.float64())
        values = parsed.to_numpy()
    except pa.ArrowInvalid:
        values = pd.to_numeric(pd.Series(column.to_pandas()), errors="coerce").to_numpy(np.float64)
    return values, present & np.isnan(values)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
