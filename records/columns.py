"""Columnar payloads: one Arrow record batch with string metadata, limits checked first.

Arrow IPC streams keep arrays as they are in memory, so a scan of a thousand points decodes
in tens of microseconds without a copy.
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

from records.errors import Reason, RecordError

__all__ = ["ARROW_TYPE", "Limits", "decode_columns", "encode_columns", "whole_numbers"]

ARROW_TYPE = "application/vnd.apache.arrow.stream"

_META = b"gridcast"
_OPTIONS = ipc.IpcWriteOptions()
_DTYPES = {
    kind: np.dtype(kind.to_pandas_dtype())
    for kind in (pa.uint16(), pa.uint32(), pa.int32(), pa.int64(), pa.float32(), pa.float64())
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before decoding (`max_bytes`) and after (`max_rows`)."""

    max_bytes: int = 1 << 20
    max_rows: int = 5_000


def encode_columns(
    schema: pa.Schema, columns: Mapping[str, Any], metadata: Mapping[str, object]
) -> bytes:
    """Write one record batch; `metadata` is kept as JSON in the schema."""
    full = schema.with_metadata({_META: msgspec.json.encode(metadata)})
    arrays = [_array(columns[field.name], field.type) for field in schema]
    batch = pa.RecordBatch.from_arrays(arrays, schema=full)
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, full, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def decode_columns(
    schema: pa.Schema, value: bytes, limits: Limits
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
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
        columns than `schema`, or has nulls.
    """
    if len(value) > limits.max_bytes:
        raise RecordError(
            Reason.OVERSIZED, f"{len(value)} bytes, at most {limits.max_bytes} are read"
        )
    try:
        with ipc.open_stream(value) as reader:
            if not reader.schema.equals(schema):
                raise RecordError(
                    Reason.SCHEMA_MISMATCH, f"columns are {_described(reader.schema)}"
                )
            raw_meta = (reader.schema.metadata or {}).get(_META)
            batch = reader.read_next_batch()
        if batch.num_rows > limits.max_rows:
            raise RecordError(
                Reason.OVERSIZED, f"{batch.num_rows} rows, at most {limits.max_rows} are read"
            )
        batch.validate(full=True)
        metadata = json.loads(raw_meta) if raw_meta else {}
    except (
        pa.ArrowException,
        StopIteration,
        ValueError,
        OSError,
        OverflowError,
        RecursionError,
    ) as error:
        if isinstance(error, RecordError):
            raise
        detail = f"{type(error).__name__}: {error}"[:200]
        raise RecordError(Reason.UNDECODABLE, detail) from error
    if not isinstance(metadata, dict):
        raise RecordError(Reason.UNDECODABLE, "metadata is not an object")
    if any(column.null_count for column in batch.columns):
        raise RecordError(Reason.SCHEMA_MISMATCH, "a column has nulls")
    columns = {
        field.name: np.asarray(column.to_numpy(zero_copy_only=False))
        for field, column in zip(schema, batch.columns, strict=True)
    }
    return columns, metadata


def whole_numbers(metadata: Mapping[str, Any], *names: str) -> list[int]:
    """Read numbers below 2**63 in size from the metadata, or raise `RecordError`.

    >>> whole_numbers({"area": 1, "start": 60}, "start", "area")
    [60, 1]
    """
    found = []
    for name in names:
        number = metadata.get(name)
        if not isinstance(number, int) or abs(number) >= 2**63:
            raise RecordError(Reason.SCHEMA_MISMATCH, f"metadata {name!r} is {number!r}"[:200])
        found.append(number)
    return found


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    """Arrow array of a column; one of numbers of the very type is not copied."""
    if (
        kind in _DTYPES
        and isinstance(values, np.ndarray)
        and values.dtype == _DTYPES[kind]
        and values.flags.c_contiguous
    ):
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    return pa.array(values, type=kind)


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}:{field.type}" for field in schema)[:200]
