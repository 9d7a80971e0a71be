"""Columnar payloads: one Arrow record batch with string metadata, limits checked first.

Arrow IPC streams keep arrays as they are in memory, so a scan of a thousand points decodes
in microseconds without a copy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import ipc

from records.arrow_heads import read_batch_head
from records.column_layout import META, NUMBERS, ColumnLayout
from records.errors import Reason, RecordError

__all__ = ["ARROW_TYPE", "ColumnFormat", "Limits", "whole_numbers"]

ARROW_TYPE = "application/vnd.apache.arrow.stream"

_OPTIONS = ipc.IpcWriteOptions()


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before decoding (`max_bytes`) and after (`max_rows`)."""

    max_bytes: int = 1 << 20
    max_rows: int = 5_000


class ColumnFormat:
    """How records of one kind are written and read.

    Parameters
    ----------
    schema
        Names and types of the columns.
    limits
        What is refused.
    """

    def __init__(self, schema: pa.Schema, limits: Limits) -> None:
        self.schema = schema
        self._limits = limits
        self._layout = ColumnLayout(schema) if ColumnLayout.fits(schema) else None

    def encode(self, columns: Mapping[str, Any], metadata: Mapping[str, object]) -> bytes:
        """Write one record batch; `metadata` is kept as JSON in the schema."""
        raw_meta = msgspec.json.encode(metadata)
        if self._layout is not None:
            value = self._layout.put_together(columns, raw_meta)
            if value is not None:
                return value
        full = self.schema.with_metadata({META: raw_meta})
        arrays = [_array(columns[field.name], field.type) for field in self.schema]
        batch = pa.RecordBatch.from_arrays(arrays, schema=full)
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, full, options=_OPTIONS) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue())

    def decode(self, value: bytes) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Read one record batch back, or raise `RecordError`.

        Returns
        -------
        columns
            Read-only arrays by name, each of shape (n_rows,); numeric ones without a copy.
        metadata
            What was passed at encoding.

        Raises
        ------
        RecordError
            When the value is too large, is not an Arrow stream of exactly one batch, has other
            columns than the schema, or has nulls.
        """
        limits = self._limits
        if len(value) > limits.max_bytes:
            raise RecordError(
                Reason.OVERSIZED, f"{len(value)} bytes, at most {limits.max_bytes} are read"
            )
        taken = None if self._layout is None else self._layout.take_apart(value)
        if taken is not None:
            return taken[0], _object(taken[1])
        batch, raw_meta = self._read(value)
        metadata = _object(raw_meta)
        if any(column.null_count for column in batch.columns):
            raise RecordError(Reason.SCHEMA_MISMATCH, "a column has nulls")
        columns = {
            field.name: _values(column)
            for field, column in zip(self.schema, batch.columns, strict=True)
        }
        if self._layout is not None:
            self._layout.learn(columns)
        return columns, metadata

    def _read(self, value: bytes) -> tuple[pa.RecordBatch, bytes | None]:
        """Read any Arrow stream of the schema, once its head is known to be within the limits."""
        try:
            messages = ipc.MessageReader.open_stream(value)
            schema = ipc.read_schema(_next(messages, "schema"))
            if not schema.equals(self.schema):
                raise RecordError(Reason.SCHEMA_MISMATCH, f"columns are {_described(schema)}")
            message = _next(messages, "record batch")
            self._check_head(message)
            batch = ipc.read_record_batch(message, schema)
            batch.validate(full=True)
            if _more(messages):
                raise RecordError(Reason.SCHEMA_MISMATCH, "more than one batch")
        except (pa.ArrowException, StopIteration, ValueError, OSError) as error:
            if isinstance(error, RecordError):
                raise
            raise _undecodable(error) from error
        return batch, (schema.metadata or {}).get(META)

    def _check_head(self, message: ipc.Message) -> None:
        head = read_batch_head(message.metadata.to_pybytes())
        if head.n_rows > self._limits.max_rows:
            raise RecordError(
                Reason.OVERSIZED,
                f"{head.n_rows} rows, at most {self._limits.max_rows} are read",
            )
        if head.compressed:
            raise RecordError(
                Reason.SCHEMA_MISMATCH,
                "columns are compressed; send them plain, the log compresses",
            )


def whole_numbers(metadata: Mapping[str, Any], *names: str) -> list[int]:
    """Read numbers below 2**63 in size from the metadata, or raise `RecordError`.

    >>> whole_numbers({"area": 1, "start": 60}, "start", "area")
    [60, 1]
    """
    found = []
    for name in names:
        number = metadata.get(name)
        if type(number) is not int or abs(number) >= 2**63:
            raise RecordError(Reason.SCHEMA_MISMATCH, f"metadata {name!r} is {number!r}"[:200])
        found.append(number)
    return found


def _object(raw_meta: bytes | None) -> dict[str, Any]:
    """Read metadata, which must be a JSON object."""
    try:
        metadata = msgspec.json.decode(raw_meta) if raw_meta else {}
    except (msgspec.DecodeError, ValueError, RecursionError):
        metadata = _lenient(raw_meta or b"")
    if not isinstance(metadata, dict):
        raise RecordError(Reason.UNDECODABLE, "metadata is not an object")
    return metadata


def _lenient(raw_meta: bytes) -> Any:
    """Read what Python's own reader takes beyond the letter of JSON, which is slower."""
    try:
        tree = json.loads(raw_meta)
        # Half a surrogate pair, escaped, is read into a text that no one can write again.
        json.dumps(tree, ensure_ascii=False).encode()
        return tree
    except (ValueError, OverflowError, RecursionError) as error:
        raise _undecodable(error) from error


def _undecodable(error: Exception) -> RecordError:
    return RecordError(Reason.UNDECODABLE, f"{type(error).__name__}: {error}"[:200])


def _next(messages: ipc.MessageReader, due: str) -> ipc.Message:
    # Arrow does not look whether a message is what it is taken for.
    message = messages.read_next_message()
    if message.type != due:
        raise RecordError(Reason.UNDECODABLE, f"a {message.type} where a {due} was due")
    return message


def _more(messages: ipc.MessageReader) -> bool:
    try:
        messages.read_next_message()
    except StopIteration:
        return False
    return True


def _values(column: pa.Array) -> npt.NDArray[Any]:
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    """Arrow array of a column; one of numbers of the very type is not copied."""
    if (
        kind in NUMBERS
        and isinstance(values, np.ndarray)
        and values.dtype == NUMBERS[kind]
        and values.flags.c_contiguous
    ):
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    return pa.array(values, type=kind)


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}:{field.type}" for field in schema)[:200]
