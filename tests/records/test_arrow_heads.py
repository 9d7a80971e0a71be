"""Arrow streams are looked at before they are decoded: rows, compression, number of batches."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc

from records.columns import ColumnFormat, Limits
from records.errors import Reason, RecordError

SCHEMA = pa.schema([pa.field("value", pa.float64())])
FORMAT = ColumnFormat(SCHEMA, Limits(max_rows=5))


def stream(n_rows: int, *, batches: int = 1, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = ipc.IpcWriteOptions(compression=compression)
    batch = pa.RecordBatch.from_arrays([pa.array(np.zeros(n_rows))], schema=SCHEMA)
    with ipc.new_stream(sink, SCHEMA, options=options) as writer:
        for _ in range(batches):
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def test_a_stream_of_one_plain_batch_is_read() -> None:
    columns, _ = FORMAT.decode(stream(3))
    assert columns["value"].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_compressed_batch_is_refused_and_never_unpacked(compression: str) -> None:
    with pytest.raises(RecordError, match="columns are compressed; send them plain"):
        FORMAT.decode(stream(5, compression=compression))
    before = pa.total_allocated_bytes()
    with pytest.raises(RecordError) as refused:
        FORMAT.decode(stream(1_000_000, compression="zstd"))
    assert refused.value.reason is Reason.OVERSIZED
    assert pa.total_allocated_bytes() - before < 1 << 20


def test_rows_are_counted_before_they_are_read() -> None:
    with pytest.raises(RecordError, match="6 rows, at most 5"):
        FORMAT.decode(stream(6))


@pytest.mark.parametrize("batches", [0, 2])
def test_a_stream_of_none_or_of_several_batches_is_refused(batches: int) -> None:
    with pytest.raises(RecordError):
        FORMAT.decode(stream(3, batches=batches))


@pytest.mark.parametrize("damage", [b"", b"\xff\xff\xff\xff\x00\x00\x00\x00", b"\x10\0\0\0" * 9])
def test_what_is_no_stream_is_undecodable(damage: bytes) -> None:
    with pytest.raises(RecordError):
        FORMAT.decode(damage)
