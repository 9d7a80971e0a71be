"""The bytes of an Arrow stream of numbers and texts, laid out once and filled in.

Between two records of one schema only the metadata, the number of rows and the columns differ.
What stands around them is taken from Arrow's own writer, once for each length of the metadata,
each number of rows and each length of their texts, so that a record costs a few copies. A value
laid out in any other way, as another writer of Arrow may do, is not for here:
`ColumnLayout.take_apart` leaves it to Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import ipc

from records.text_columns import read_texts, text_bytes

__all__ = ["META", "NUMBERS", "ColumnLayout"]

META = b"gridcast"
"""Key of the metadata in the schema."""

NUMBERS = {
    kind: np.dtype(kind.to_pandas_dtype())
    for kind in (pa.uint16(), pa.uint32(), pa.int32(), pa.int64(), pa.float32(), pa.float64())
}
"""numpy's type for each of Arrow's that a column of numbers may have."""

_TEXT = pa.string()
_BEGIN = np.dtype(np.int32)
_OPTIONS = ipc.IpcWriteOptions()
_END = b"\xff\xff\xff\xff\0\0\0\0"
_MARK = b"\xfe"
_LONGEST_META = 4096
_MOST_KNOWN = 8192


Sizes: TypeAlias = tuple[int, ...]
"""Number of rows, then the length in bytes of each column of texts."""


@dataclass(frozen=True, slots=True)
class _Head:
    """The schema's message, before and after its metadata."""

    before: bytes
    after: bytes
    size: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """The batch's message up to its columns, and the pieces of these after it, in order.

    A column of numbers is one piece; one of texts is two, where each text begins and the texts.
    """

    header: bytes
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    padding: tuple[bytes, ...]
    size: int


class ColumnLayout:
    """Layout of the records of one schema of numbers and texts.

    Parameters
    ----------
    schema
        Its fields, all of them numbers or texts.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns = [(field.name, NUMBERS.get(field.type)) for field in schema]
        self._texts = [field.name for field in schema if field.type == _TEXT]
        self._head = lru_cache(maxsize=_LONGEST_META)(self._made_head)
        self._batch = lru_cache(maxsize=_MOST_KNOWN)(self._made_batch)
        self._sizes: dict[bytes, Sizes] = {}
        empty = (0,) * (1 + len(self._texts))
        self._at = self._written(_MARK * 64, empty)[0].index(_MARK * 64)

    @staticmethod
    def fits(schema: pa.Schema) -> bool:
        """Whether all of the schema's fields are numbers or texts."""
        return all(field.type in NUMBERS or field.type == _TEXT for field in schema)

    def put_together(self, columns: Mapping[str, Any], metadata: bytes) -> bytes | None:
        """Return the very bytes that Arrow writes, or None where a column needs converting."""
        n_rows = len(columns[self._columns[0][0]])
        if len(metadata) > _LONGEST_META or not metadata:
            return None
        pieces: list[bytes] = []
        sizes = [n_rows]
        for name, dtype in self._columns:
            column = columns[name]
            if len(column) != n_rows:
                return None
            if dtype is None:
                begins, texts = text_bytes(column)
                sizes.append(len(texts))
                pieces += begins, texts
                continue
            if not isinstance(column, np.ndarray) or column.dtype != dtype or column.ndim != 1:
                return None
            pieces.append(column.tobytes())
        head, batch = self._head(len(metadata)), self._batch(tuple(sizes))
        parts = [head.before, metadata, head.after, batch.header]
        for piece, padding in zip(pieces, batch.padding, strict=True):
            parts += piece, padding
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
        sizes = self._sizes.get(value[head.size : start])
        if sizes is None:
            return None
        batch = self._batch(sizes)
        if len(value) != start + batch.size + len(_END) or not value.endswith(_END):
            return None
        columns: dict[str, npt.NDArray[Any]] = {}
        piece = 0
        for name, dtype in self._columns:
            if dtype is not None:
                columns[name] = np.frombuffer(value, dtype, sizes[0], start + batch.starts[piece])
                piece += 1
                continue
            begins, texts = (
                value[start + batch.starts[part] : start + batch.ends[part]]
                for part in (piece, piece + 1)
            )
            found = read_texts(sizes[0], begins, texts)
            if found is None:
                return None
            columns[name] = found
            piece += 2
        return columns, value[at:end]

    def learn(self, columns: Mapping[str, Any]) -> None:
        """Note that records of these sizes occur; from then on they are taken apart here."""
        if len(self._sizes) < _MOST_KNOWN:
            n_rows = len(columns[self._columns[0][0]])
            sizes = (n_rows, *(len(text_bytes(columns[name])[1]) for name in self._texts))
            self._sizes[self._batch(sizes).header] = sizes

    def _made_head(self, length: int) -> _Head:
        # Arrow does not look into the metadata, so that any bytes of the length will do.
        stream, size = self._written(_MARK * length, (0,) * (1 + len(self._texts)))
        at = self._at
        assert stream[at : at + length] == _MARK * length
        return _Head(stream[:at], stream[at + length : size], size)

    def _made_batch(self, sizes: Sizes) -> _Batch:
        stream, size = self._written(_MARK, sizes)
        start = size + 8 + int.from_bytes(stream[size + 4 : size + 8], "little")
        n_rows, *text_sizes = sizes
        lengths: list[int] = []
        for _, dtype in self._columns:
            if dtype is not None:
                lengths.append(n_rows * dtype.itemsize)
            else:
                lengths += (n_rows + 1) * _BEGIN.itemsize, text_sizes.pop(0)
        spare = [-length % 8 for length in lengths]
        whole = [length + more for length, more in zip(lengths, spare, strict=True)]
        starts = tuple(accumulate(whole[:-1], initial=0))
        return _Batch(
            stream[size:start],
            starts,
            tuple(begin + length for begin, length in zip(starts, lengths, strict=True)),
            tuple(bytes(more) for more in spare),
            sum(whole),
        )

    def _written(self, metadata: bytes, sizes: Sizes) -> tuple[bytes, int]:
        """Arrow's bytes for columns of these sizes, and how many are the schema's message."""
        n_rows, *text_sizes = sizes
        arrays = []
        for _, dtype in self._columns:
            if dtype is not None:
                arrays.append(pa.array(np.zeros(n_rows, dtype)))
            else:
                texts = ["x" * text_sizes.pop(0)] + [""] * (n_rows - 1)
                arrays.append(pa.array(texts[:n_rows], _TEXT))
        schema = self._schema.with_metadata({META: metadata})
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
        stream = bytes(sink.getvalue())
        return stream, 8 + int.from_bytes(stream[4:8], "little")
