from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc

from records.column_layout import META, ColumnLayout
from records.columns import ColumnFormat, Limits
from records.errors import RecordError

SCHEMA = pa.schema(
    [
        pa.field("a", pa.uint16()),
        pa.field("name", pa.string()),
        pa.field("b", pa.float64()),
        pa.field("c", pa.int32()),
    ]
)
NAMES = ["", "bus:1 p_mw", "trafo \u00e9", "x" * 50]


def columns(n_rows: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "a": rng.integers(0, 2**16, n_rows).astype(np.uint16),
        "name": np.array([NAMES[k] for k in rng.integers(0, len(NAMES), n_rows)], object),
        "b": rng.normal(size=n_rows),
        "c": rng.integers(-(2**31), 2**31, n_rows).astype(np.int32),
    }


def written_by_arrow(content: dict[str, Any], metadata: bytes, **options: Any) -> bytes:
    schema = SCHEMA.with_metadata({META: metadata})
    arrays = [pa.array(content[field.name], type=field.type) for field in SCHEMA]
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return bytes(sink.getvalue())


@given(st.integers(0, 40), st.binary(min_size=1, max_size=200))
def test_a_record_put_together_is_byte_for_byte_what_arrow_writes(
    n_rows: int, metadata: bytes
) -> None:
    content = columns(n_rows)
    made = ColumnLayout(SCHEMA).put_together(content, metadata)
    assert made == written_by_arrow(content, metadata)


@given(st.integers(0, 40), st.binary(min_size=1, max_size=200))
def test_what_was_put_together_is_taken_apart_once_its_rows_are_known(
    n_rows: int, metadata: bytes
) -> None:
    layout, content = ColumnLayout(SCHEMA), columns(n_rows)
    value = layout.put_together(content, metadata)
    assert value is not None
    assert layout.take_apart(value) is None
    layout.learn(content)
    taken = layout.take_apart(value)
    assert taken is not None
    assert taken[1] == metadata
    for name, column in content.items():
        np.testing.assert_array_equal(taken[0][name], column)
        assert taken[0][name].dtype == column.dtype


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(written_by_arrow(columns(9), b"{}", compression="zstd"), id="compressed"),
        pytest.param(
            written_by_arrow(columns(9), b"{}", use_legacy_format=True), id="the format before"
        ),
        pytest.param(written_by_arrow(columns(9), b"{}")[:-8], id="without its end"),
        pytest.param(written_by_arrow(columns(9), b"{}") + b"more", id="with more after it"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_another_layout_is_left_to_arrow(value: bytes) -> None:
    layout = ColumnLayout(SCHEMA)
    layout.learn(columns(9))
    assert layout.take_apart(value) is None


def test_a_column_of_another_type_is_left_to_arrow_which_converts_it() -> None:
    content = columns(3)
    wider = {**content, "c": content["c"].astype(np.int64)}
    assert ColumnLayout(SCHEMA).put_together(wider, b"{}") is None
    shape = ColumnFormat(SCHEMA, Limits())
    assert shape.encode(wider, {}) == shape.encode(content, {})


def test_strided_columns_are_written_as_their_copies_are() -> None:
    content = columns(8)
    strided = {name: column[::2] for name, column in content.items()}
    copied = {name: column.copy() for name, column in strided.items()}
    shape = ColumnFormat(SCHEMA, Limits())
    assert shape.encode(strided, {}) == shape.encode(copied, {})


def outcome(shape: ColumnFormat, value: bytes) -> object:
    try:
        content, metadata = shape.decode(value)
    except RecordError as error:
        return error.reason
    read = {
        name: column.tolist() if column.dtype == object else column.tobytes()
        for name, column in content.items()
    }
    return read, metadata


def test_damaged_records_read_alike_whether_their_layout_is_known_or_not() -> None:
    rng = random.Random(0)
    known = ColumnFormat(SCHEMA, Limits())
    sound = known.encode(columns(6), {"area": 3, "scan_time": 12})
    known.decode(sound)
    for _ in range(2_000):
        damaged = bytearray(sound)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        fresh = ColumnFormat(SCHEMA, Limits())
        assert outcome(known, bytes(damaged)) == outcome(fresh, bytes(damaged))


@pytest.mark.parametrize(
    ("begins", "texts"), [((0, 3, 2), b"abc"), ((0, 2, 9), b"abc"), ((0, 1, 3), b"a\xff\xfe")]
)
def test_texts_that_are_none_are_refused_though_their_layout_is_known(
    begins: tuple[int, ...], texts: bytes
) -> None:
    shape = ColumnFormat(pa.schema([pa.field("name", pa.string())]), Limits())
    sound = shape.encode({"name": ["a", "bc"]}, {})
    shape.decode(sound)
    begin = np.array([0, 1, 3], np.int32).tobytes()
    damaged = sound.replace(begin, np.array(begins, np.int32).tobytes()).replace(b"abc", texts)
    assert damaged != sound
    with pytest.raises(RecordError):
        shape.decode(damaged)


def test_too_many_rows_are_refused_though_their_layout_is_known() -> None:
    wide, narrow = ColumnFormat(SCHEMA, Limits()), ColumnFormat(SCHEMA, Limits(max_rows=5))
    value = wide.encode(columns(6), {})
    for _ in range(2):
        with pytest.raises(RecordError, match="6 rows, at most 5"):
            narrow.decode(value)
