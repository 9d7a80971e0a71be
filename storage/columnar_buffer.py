"""Rows gathered in chunks and laid out as one Arrow table; constant columns stay one value.

Most chunks are one record: hundreds of rows that share their origin. Such a column is given as
a scalar and repeated only when the table is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["ColumnarBuffer"]


class ColumnarBuffer:
    """Chunks of rows of one schema.

    Columns of a chunk are scalars (None is null) or sequences of its length; for list columns
    an array of shape (n_rows, length) or a sequence of arrays. NaN becomes null.

    Examples
    --------
    >>> buffer = ColumnarBuffer(pa.schema([("area", pa.int32()), ("value", pa.float64())]))
    >>> buffer.add(2, {"area": 7, "value": np.array([1.0, np.nan])})
    >>> buffer.table().to_pylist()
    [{'area': 7, 'value': 1.0}, {'area': 7, 'value': None}]
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._chunks: list[Mapping[str, Any]] = []
        self._counts: list[int] = []
        self.rows = 0

    def add(self, n_rows: int, columns: Mapping[str, Any]) -> None:
        """Take a chunk of `n_rows` rows with every column of the schema."""
        if n_rows:
            self._chunks.append(columns)
            self._counts.append(n_rows)
            self.rows += n_rows

    def table(self) -> pa.Table:
        """Lay out all chunks, in order."""
        if not self.rows:
            return self._schema.empty_table()
        counts = np.array(self._counts, np.int64)
        arrays = [
            _column(field.type, [chunk[field.name] for chunk in self._chunks], counts)
            for field in self._schema
        ]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def _column(kind: pa.DataType, parts: list[Any], counts: npt.NDArray[np.int64]) -> pa.Array:
    if pa.types.is_list(kind):
        return _lists(kind, parts, counts)
    if all(type(part) is int for part in parts) and not pa.types.is_dictionary(kind):
        return _as(pa.array(np.repeat(np.array(parts, np.int64), counts)), kind)
    if all(_is_scalar(part) for part in parts):
        # One code a chunk: the distinct values are few, or the chunks are single rows.
        codes: dict[Any, int] = {}
        code = [codes.setdefault(part, len(codes)) for part in parts]
        index = pa.array(np.repeat(np.array(code, np.int32), counts))
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        values = _typed(plain, list(codes))
        if pa.types.is_dictionary(kind) and not values.null_count:
            return pa.DictionaryArray.from_arrays(index, values)
        return _as(values.take(index), kind)
    expanded = [
        [part] * count if _is_scalar(part) else part
        for part, count in zip(parts, counts.tolist(), strict=True)
    ]
    if all(isinstance(part, np.ndarray) for part in expanded):
        return _as(pa.array(np.concatenate(expanded), from_pandas=True), kind)
    return _as(_typed(None, [value for part in expanded for value in part]), kind)


def _lists(kind: pa.DataType, parts: list[Any], counts: npt.NDArray[np.int64]) -> pa.Array:
    """Lists are never null; they may be empty."""
    lengths: list[npt.NDArray[np.int64]] = []
    values: list[npt.NDArray[Any]] = []
    for part, count in zip(parts, counts.tolist(), strict=True):
        if isinstance(part, np.ndarray) and part.ndim == 2:
            lengths.append(np.full(count, part.shape[1], np.int64))
            values.append(part.ravel())
        else:
            lengths.append(np.array([len(row) for row in part], np.int64))
            values.extend(np.asarray(row) for row in part)
    ends = np.cumsum(np.concatenate(lengths))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    flat = pa.array(np.concatenate(values) if values else [], from_pandas=True)
    return pa.ListArray.from_arrays(pa.array(offsets), flat.cast(kind.value_type))


def _typed(kind: pa.DataType | None, values: Sequence[Any]) -> pa.Array:
    if kind is not None and pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind, from_pandas=True)


def _as(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return array.cast(kind.value_type).dictionary_encode()
    return array if array.type == kind else array.cast(kind)


def _is_scalar(part: object) -> bool:
    return part is None or isinstance(part, str | bytes | int | float | np.generic)
