"""What the head of an Arrow record batch says, read before any of its numbers.

A batch may be compressed inside: a few kilobytes then become gigabytes as soon as Arrow reads
them. Its head says so, and how many rows it has. Field numbers are those of Arrow's format,
https://github.com/apache/arrow/blob/main/format/Message.fbs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["BatchHead", "read_batch_head"]

_HEADER = 2
_LENGTH, _COMPRESSION = 0, 3


@dataclass(frozen=True, slots=True)
class BatchHead:
    """Number of rows of a batch, and whether its columns are compressed."""

    n_rows: int
    compressed: bool


def read_batch_head(message: bytes) -> BatchHead:
    """Read the head of a record batch.

    Parameters
    ----------
    message
        The metadata of its message, a flatbuffer that Arrow has verified.

    Raises
    ------
    ValueError
        When it has none.
    """
    try:
        header = _field(message, _pointed(message, 0), _HEADER)
        batch = _pointed(message, header)
        length = _field(message, batch, _LENGTH)
        (n_rows,) = struct.unpack_from("<q", message, length) if length else (0,)
    except struct.error as error:
        raise ValueError(f"a message without a head: {error}") from error
    return BatchHead(n_rows, bool(_field(message, batch, _COMPRESSION)))


def _pointed(buffer: bytes, at: int) -> int:
    (offset,) = struct.unpack_from("<I", buffer, at)
    return int(at + offset)


def _field(buffer: bytes, table: int, number: int) -> int:
    """Where a field of a table stands; 0 where it is left out."""
    (back,) = struct.unpack_from("<i", buffer, table)
    fields = table - back
    (size,) = struct.unpack_from("<H", buffer, fields)
    place = 4 + 2 * number
    if place >= size:
        return 0
    (offset,) = struct.unpack_from("<H", buffer, fields + place)
    return int(table + offset) if offset else 0
