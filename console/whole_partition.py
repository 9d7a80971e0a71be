"""Everything that a partition holds, from its first record to the last there is."""

from __future__ import annotations

from collections.abc import Iterator

from records.log import LogReader, LogRecord, Partition

__all__ = ["whole_partition"]

_AT_ONCE = 1_000


def whole_partition(reader: LogReader, place: Partition) -> Iterator[LogRecord]:
    """Yield the records of a partition in order, until there is none to be had."""
    offset = reader.begin_offset(place)
    while records := reader.read(place, offset, _AT_ONCE):
        yield from records
        offset = records[-1].offset + 1
