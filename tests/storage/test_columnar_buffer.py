import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.columnar_buffer import ColumnarBuffer
from storage.historian_classes import CLASSES

TIME = pa.timestamp("ns", "UTC")
TEXT = pa.dictionary(pa.int32(), pa.string())


def table_of(kind, *parts):
    buffer = ColumnarBuffer(pa.schema([("x", kind)]))
    for count, part in parts:
        buffer.add(count, {"x": part})
    return buffer.table()["x"]


@pytest.mark.parametrize("kept", CLASSES.values(), ids=CLASSES.keys())
def test_an_empty_buffer_gives_an_empty_table_of_its_schema(kept):
    table = ColumnarBuffer(kept.schema).table()
    assert table.schema.equals(kept.schema)
    assert table.num_rows == 0


def test_scalars_are_repeated_and_none_is_null():
    assert table_of(pa.int32(), (2, 7), (1, None)).to_pylist() == [7, 7, None]
    assert table_of(TEXT, (1, "a"), (2, "b"), (1, "a")).to_pylist() == ["a", "b", "b", "a"]
    assert table_of(TEXT, (1, None), (1, "a")).to_pylist() == [None, "a"]
    assert table_of(pa.binary(), (1, b""), (1, None)).to_pylist() == [b"", None]
    assert table_of(pa.bool_(), (1, True), (2, False)).to_pylist() == [True, False, False]


def test_times_keep_their_nanoseconds():
    column = table_of(TIME, (1, 1_400_000_000_000_000_001), (1, None))
    assert column.cast(pa.int64()).to_pylist() == [1_400_000_000_000_000_001, None]
    column = table_of(TIME, (2, np.array([3, 1_400_000_000_000_000_001])), (1, 5))
    assert column.cast(pa.int64()).to_pylist() == [3, 1_400_000_000_000_000_001, 5]


def test_lists_may_differ_in_length_and_be_empty():
    column = table_of(
        pa.list_(pa.float64()),
        (2, np.array([[1.0, 2.0], [3.0, np.nan]])),
        (2, [np.array([]), np.array([9.0])]),
    )
    assert column.to_pylist() == [[1.0, 2.0], [3.0, None], [], [9.0]]


@given(
    st.lists(
        st.one_of(
            st.lists(st.text(max_size=3), min_size=1, max_size=4),
            st.tuples(st.integers(1, 3), st.text(max_size=3)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_scalars_and_sequences_of_text_may_mix(parts):
    chunks = [(len(p), p) if isinstance(p, list) else p for p in parts]
    expected = [v for p in parts for v in (p if isinstance(p, list) else [p[1]] * p[0])]
    assert table_of(TEXT, *chunks).to_pylist() == expected
