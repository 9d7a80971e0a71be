"""The bytes of an Arrow stream of plain numbers, laid out once and filled in.

Between two records of one schema only the metadata, the number of rows and the numbers differ.
What stands around them is taken from Arrow's own writer, once for each length of the metadata
and each number of rows, so that a record costs a few copies. A value laid out in any other way,
as another writer of Arrow may do, is not for here: `ColumnLayout.take_apart` leaves it to Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import ipc

__all__ = ["META", "NUMBERS", "ColumnLayout"]

META = b"gridcast"
"""Key of the metadata in the schema."""

NUMBERS = {
    kind: np.dtype(kind.to_pandas_dtype())
    for kind in (pa.uint16(), pa.uint32(), pa.int32(), pa.int64(), pa.float32(), pa.float64())
}
"""numpy's type for each of Arrow's that a column of numbers may have."""

_OPTIONS = ipc.IpcWriteOptions()
_END = b"\xff\xff\xff\xff\0\0\0\0"
_MARK = b"\xfe"
_LONGEST_META = 4096
_MOST_KNOWN = 8192


@dataclass(frozen=True, slots=True)
class _Head:
    """The schema's message, before and after its metadata."""

    before: bytes
    after: bytes
    size: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """The batch's message up to its numbers, and where each column's begin after it."""

    header: bytes
    starts: tuple[int, ...]
    padding: tuple[bytes, ...]
    size: int


class ColumnLayout:
    """Layout of the records of one schema of numbers.

    Parameters
    ----------
    schema
        Its fields, all of them numbers.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns = [(field.name, NUMBERS[field.type]) for field in schema]
        self._head = lru_cache(maxsize=_LONGEST_META)(self._made_head)
        self._batch = lru_cache(maxsize=_MOST_KNOWN)(self._made_batch)
        self._rows: dict[bytes, int] = {}
        self._at = self._written(_MARK * 64, 0)[0].index(_MARK * 64)

    @staticmethod
    def fits(schema: pa.Schema) -> bool:
        """Whether all of the schema's fields are numbers."""
        return all(field.type in NUMBERS for field in schema)

    def put_together(self, columns: Mapping[str, Any], metadata: bytes) -> bytes | None:
        """Return the very bytes that Arrow writes, or None where a column needs converting."""
        n_rows = len(columns[self._columns[0][0]])
        if len(metadata) > _LONGEST_META or not metadata:
            return None
        head, batch = self._head(len(metadata)), self._batch(n_rows)
        parts = [head.before, metadata, head.after, batch.header]
        for (name, dtype), padding in zip(self._columns, batch.padding, strict=True):
            column = columns[name]
            if not isinstance(column, np.ndarray) or column.dtype != dtype:
                return None
            if column.shape != (n_rows,):
                return None
            parts += column.tobytes(), padding
        parts.append(_END)
        return b"".join(parts)

    def take_apart(self, value: bytes) -> tuple[dict[str, npt.NDArray[Any]], bytes] | None:
        """Return columns, without a copy, and metadata of a record laid out so; None for others."""
        at = self._at
        length = int.from_bytes(value[at - 4 : at], "little")
        if not 0 < length <= _LONGEST_META:
            return None
        head, end = self._head(length), at + length
        if value[:at] != head.before or value[end : head.size] != head.after:
            return None
        start = head.size + 8 + int.from_bytes(value[head.size + 4 : head.size + 8], "little")
        n_rows = self._rows.get(value[head.size : start])
        if n_rows is None:
            return None
        batch = self._batch(n_rows)
        if len(value) != start + batch.size + len(_END) or not value.endswith(_END):
            return None
        columns = {
            name: np.frombuffer(value, dtype, n_rows, start + offset)
            for (name, dtype), offset in zip(self._columns, batch.starts, strict=True)
        }
        return columns, value[at:end]

    def learn(self, n_rows: int) -> None:
        """Note that records of so many rows occur; from then on they are taken apart here."""
        if len(self._rows) < _MOST_KNOWN:
            self._rows[self._batch(n_rows).header] = n_rows

    def _made_head(self, length: int) -> _Head:
        # Arrow does not look into the metadata, so that any bytes of the length will do.
        stream, size = self._written(_MARK * length, 0)
        at = self._at
        assert stream[at : at + length] == _MARK * length
        return _Head(stream[:at], stream[at + length : size], size)

    def _made_batch(self, n_rows: int) -> _Batch:
        stream, size = self._written(_MARK, n_rows)
        start = size + 8 + int.from_bytes(stream[size + 4 : size + 8], "little")
        sizes = [n_rows * dtype.itemsize for _, dtype in self._columns]
        spare = [-size % 8 for size in sizes]
        whole = [size + more for size, more in zip(sizes, spare, strict=True)]
        return _Batch(
            stream[size:start],
            tuple(accumulate(whole[:-1], initial=0)),
            tuple(bytes(more) for more in spare),
            sum(whole),
        )

    def _written(self, metadata: bytes, n_rows: int) -> tuple[bytes, int]:
        """Arrow's bytes for rows of zeros, and how many of them are the schema's message."""
        arrays = [pa.array(np.zeros(n_rows, dtype)) for _, dtype in self._columns]
        schema = self._schema.with_metadata({META: metadata})
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
        stream = bytes(sink.getvalue())
        return stream, 8 + int.from_bytes(stream[4:8], "little")
