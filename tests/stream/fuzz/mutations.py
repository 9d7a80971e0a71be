"""Ways to spoil a record: its bytes, its JSON, its columns, its headers."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from records.column_layout import META

__all__ = ["damaged", "mutated_arrow", "mutated_headers", "mutated_json"]

WEIRD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63,
    -(2**63), -(2**63) - 1, 2**64, 10**30, -0.0, 0.5, -1e308, 1e308, 1e-320, float("nan"),
    float("inf"), float("-inf"), "", "0", "NaN", "2014-11-10T00:00:00Z", "\x00", "\ud800", "é" * 40,
    "x" * 100_000, [], {}, [[]], [None], [0] * 6_000, {"a": {"b": [1]}},
)  # fmt: skip


def damaged(value: bytes, rng: random.Random) -> bytes:
    """Spoil some bytes, cut the end off, put some in, or give a length another value."""
    data = bytearray(value or b"\0")
    kind = rng.random()
    if kind < 0.5:
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind < 0.65:
        del data[rng.randrange(len(data)) :]
    elif kind < 0.75:
        at = rng.randrange(len(data))
        data[at:at] = rng.randbytes(rng.randint(1, 64))
    elif kind < 0.78:
        data = bytearray(rng.randbytes(rng.randrange(400)))
    else:
        at = rng.randrange(max(len(data) - 8, 1))
        some = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", rng.randbytes(4))
        data[at : at + 4] = rng.choice(some)
    return bytes(data)


def mutated_json(value: bytes, rng: random.Random) -> bytes:
    """Change something in a JSON document, which may then hold what JSON cannot, such as NaN."""
    kind = rng.random()
    if kind < 0.03:
        return b"[" * rng.randrange(1, 200_000)
    if kind < 0.05:
        return b'{"a":' * rng.randrange(1, 50_000)
    tree = json.loads(value)
    for _ in range(1 if rng.random() < 0.7 else 3):
        tree = _changed(tree, rng)
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def _changed(tree: Any, rng: random.Random) -> Any:
    if isinstance(tree, dict) and tree and rng.random() < 0.85:
        name = rng.choice(sorted(tree))
        fate = rng.random()
        if fate < 0.12:
            del tree[name]
        elif fate < 0.2:
            tree[rng.choice(["extra", "Point", "", name + " "])] = deepcopy(rng.choice(WEIRD))
        else:
            tree[name] = _changed(tree[name], rng)
        return tree
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        at, fate = rng.randrange(len(tree)), rng.random()
        if fate < 0.15:
            del tree[at]
        elif fate < 0.3:
            tree.append(tree[at])
        elif fate < 0.35:
            tree.extend(tree * rng.choice([1, 10, 600]))
        else:
            tree[at] = _changed(tree[at], rng)
        return tree
    if isinstance(tree, int | float) and not isinstance(tree, bool) and rng.random() < 0.4:
        return rng.choice([-tree, tree + 1, tree * 10**9, tree / 7, tree - 10**12, str(tree)])
    return deepcopy(rng.choice(WEIRD))


KINDS = (
    pa.uint8(), pa.int64(), pa.uint64(), pa.float32(), pa.float16(), pa.string(), pa.bool_(),
    pa.timestamp("ns"), pa.list_(pa.float64()), pa.dictionary(pa.int32(), pa.float64()),
)  # fmt: skip


def mutated_arrow(
    schema: pa.Schema,
    columns: Mapping[str, Any],
    metadata: Mapping[str, Any],
    rng: random.Random,
) -> bytes:
    """Change types, names, lengths, numbers or metadata of a columnar record."""
    arrays = {field.name: pa.array(columns[field.name], field.type) for field in schema}
    name = rng.choice(schema.names)
    options, batches = ipc.IpcWriteOptions(), 1
    told: Any = dict(metadata)
    fate = rng.randrange(14)
    if fate == 0:
        arrays[name] = _retyped(arrays[name], rng.choice(KINDS))
    elif fate == 1:
        del arrays[name]
    elif fate == 2:
        arrays["extra"] = arrays[name]
    elif fate == 3:
        values = arrays[name].to_pylist()
        values[rng.randrange(len(values))] = None
        arrays[name] = pa.array(values, arrays[name].type)
    elif fate in (4, 5):
        arrays = {each: _altered(array, rng) for each, array in arrays.items()}
    elif fate == 6:
        take = rng.choices(range(len(arrays[name])), k=rng.choice([0, 1, 30, 5_000, 5_001, 9_000]))
        arrays = {each: array.take(pa.array(take, pa.int64())) for each, array in arrays.items()}
    elif fate == 7:
        arrays[name] = arrays[name].dictionary_encode()
    elif fate == 8:
        options = ipc.IpcWriteOptions(compression=rng.choice(["zstd", "lz4"]))
        zeros = np.zeros(rng.choice([3, 5_000, 200_000]))
        arrays = {e: pa.array(zeros.astype(a.type.to_pandas_dtype()), a.type)
                  if not pa.types.is_string(a.type) else pa.array([""] * len(zeros))
                  for e, a in arrays.items()}  # fmt: skip
    elif fate == 9:
        batches = rng.choice([0, 2, 3])
    elif fate == 10:
        arrays = dict(sorted(arrays.items(), reverse=True))
    else:
        told = _changed(told, rng)
    written = pa.schema(
        [pa.field(each, array.type) for each, array in arrays.items()],
        {META: json.dumps(told).encode("utf-8", "surrogatepass")},
    )
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, written, options=options) as writer:
        for _ in range(batches):
            writer.write_batch(pa.RecordBatch.from_arrays(list(arrays.values()), schema=written))
    value = bytes(sink.getvalue())
    return damaged(value, rng) if rng.random() < 0.1 else value


def _retyped(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind):
        return pa.array([[1.0]] * len(array), kind)
    if pa.types.is_dictionary(kind):
        return pa.array([1.0] * len(array)).dictionary_encode()
    return pa.array([0] * len(array), pa.int64()).cast(kind)


def _altered(array: pa.Array, rng: random.Random) -> pa.Array:
    """Numbers at the edges of their type, repeats of others, and what is no number."""
    if pa.types.is_string(array.type):
        return pa.array([rng.choice(["", "x" * 70_000, v]) for v in array.to_pylist()])
    values = array.to_numpy(zero_copy_only=False).copy()
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(values))
        if values.dtype.kind == "f":
            edge = np.finfo(values.dtype)
            some = (np.nan, np.inf, -np.inf, edge.max, edge.min, edge.tiny, -0.0, 1e9, values[0])
            values[at] = rng.choice(some)
        else:
            whole = np.iinfo(values.dtype)
            values[at] = rng.choice([whole.min, whole.max, 0, values[0], values[at - 1]])
    return pa.array(values, array.type)


def mutated_headers(headers: Mapping[str, str], rng: random.Random) -> dict[str, str]:
    """Leave a header out, or give it another value."""
    told = dict(headers)
    name = rng.choice([*sorted(told), "gc_watermark", "extra"])
    values = ("", "x", "-1", "12", "1" * 5_000, "1e9", "\x00", "application/json", "text/plain",
              "application/vnd.apache.arrow.stream", "gridcast.tick.v1", "gridcast.meter.read.v1",
              "gridcast.scada.frame.v1", "gridcast.window.v1", "٣" * 9)  # fmt: skip
    if rng.random() < 0.3:
        told.pop(name, None)
    else:
        told[name] = rng.choice(values)
    return told
