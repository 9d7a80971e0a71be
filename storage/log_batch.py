"""The embedded log on disk: batches of records, each with its length and checksums.

A batch is a fixed header and a body; the body is the msgpack list of its records as
``(append_time, key, headers, value)``, compressed with zstandard.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
import zstandard

__all__ = ["HEADER_SIZE", "BatchHeader", "Row", "decode_body", "encode_batch", "parse_header"]

Row: TypeAlias = tuple[int, bytes, Mapping[str, str], bytes]
"""Append time (ns UTC), key, headers, value."""

# magic, body bytes, raw bytes, records, first offset, first and last append time, body CRC-32;
# then the CRC-32 of all that.
_FIELDS = struct.Struct("<4sIIIQqqI")
_CHECK = struct.Struct("<I")
_MAGIC = b"GCB1"
HEADER_SIZE = _FIELDS.size + _CHECK.size

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[tuple[int, bytes, dict[str, str], bytes]])


class _Zstd(threading.local):
    """Contexts are reused, and never by two threads at once."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=1)
        self.decompressor = zstandard.ZstdDecompressor()


_ZSTD = _Zstd()


class BatchHeader(NamedTuple):
    """What stands before a batch's body."""

    body_size: int
    raw_size: int
    records: int
    offset: int
    first_time: int
    last_time: int
    body_crc: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return HEADER_SIZE + self.body_size

    @property
    def end(self) -> int:
        """Offset after the last record."""
        return self.offset + self.records

    def matches(self, body: bytes) -> bool:
        """Tell whether `body` is the whole, undamaged body of this batch."""
        return len(body) == self.body_size and zlib.crc32(body) == self.body_crc


def encode_batch(offset: int, rows: Sequence[Row]) -> tuple[BatchHeader, bytes]:
    """Encode `rows`, the first of which gets `offset`.

    >>> header, data = encode_batch(5, [(1, b"k", {}, b"v"), (2, b"k", {}, b"w")])
    >>> header.offset, header.end, header.size == len(data)
    (5, 7, True)
    """
    raw = _ENCODER.encode(rows)
    body = _ZSTD.compressor.compress(raw)
    header = BatchHeader(
        len(body), len(raw), len(rows), offset, rows[0][0], rows[-1][0], zlib.crc32(body)
    )
    fields = _FIELDS.pack(_MAGIC, *header)
    return header, b"".join((fields, _CHECK.pack(zlib.crc32(fields)), body))


def parse_header(data: bytes) -> BatchHeader | None:
    """Read a header, or None where the bytes are not a whole, undamaged one."""
    if len(data) < HEADER_SIZE:
        return None
    fields = data[: _FIELDS.size]
    if fields[:4] != _MAGIC or _CHECK.unpack_from(data, _FIELDS.size)[0] != zlib.crc32(fields):
        return None
    return BatchHeader(*_FIELDS.unpack(fields)[1:])


def decode_body(header: BatchHeader, body: bytes) -> list[tuple[int, bytes, dict[str, str], bytes]]:
    """Read the rows of a body that `header` matches."""
    raw = _ZSTD.decompressor.decompress(body, max_output_size=header.raw_size)
    return _DECODER.decode(raw)
