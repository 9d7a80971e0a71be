"""Reading one partition of the embedded log, by any process, while another writes it."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from pathlib import Path

from records.log import LogRecord, OffsetOutOfRangeError, Partition
from storage.log_batch import decode_body
from storage.log_segment import Segment, data_path, segment_bases

__all__ = ["LogDamagedError", "PartitionReader"]


class LogDamagedError(OSError):
    """A batch inside the log does not match its checksum; what follows it cannot be trusted."""


class PartitionReader:
    """Reads one partition from any offset; reading on where the last read ended is cheapest.

    A batch that is not whole is not there yet: a writer is still writing it, or died and the
    next writer will cut it off.

    Parameters
    ----------
    directory
        Of the partition.
    partition
        Its name, given to the records.
    """

    def __init__(self, directory: Path, partition: Partition) -> None:
        self._directory = directory
        self._partition = partition
        self._place: Segment | None = None
        self._tail: Segment | None = None
        self._ready: deque[LogRecord] = deque()
        self._next = -1

    def begin_offset(self) -> int:
        """Smallest offset there is; 0 for an empty partition."""
        return next(iter(segment_bases(self._directory)), 0)

    def end_offset(self) -> int:
        """Offset the next record will get."""
        tail = self._tail
        if tail is not None and tail.deleted:
            tail.close()
            tail = self._tail = None
        if tail is None:
            tail = self._tail = self._open(None)
            if tail is None:
                return 0
            tail.jump(2**62)
        tail.skip_complete()
        while (following := self._follow(tail)) is not None:
            tail.close()
            tail = self._tail = following
            tail.skip_complete()
        return tail.offset

    def read(self, offset: int, max_records: int) -> list[LogRecord]:
        """Records from `offset` on, at most `max_records`.

        Raises
        ------
        OffsetOutOfRangeError
            When `offset` is before the begin or beyond the end.
        LogDamagedError
            When a batch that is not the last one fails its checksum.
        """
        if offset != self._next:
            self._seek(offset)
        ready = self._ready
        while len(ready) < max_records and self._fill():
            pass
        records = [ready.popleft() for _ in range(min(max_records, len(ready)))]
        self._next = offset + len(records)
        return records

    def has_data(self, offset: int) -> bool:
        """Tell cheaply whether a record at or after `offset` has probably come in."""
        if offset == self._next and self._place is not None:
            place = self._place
            return (
                bool(self._ready)
                or place.holds_batch
                or data_path(self._directory, place.offset).exists()
                or place.deleted
            )
        return self.end_offset() > offset

    def close(self) -> None:
        """Close the files."""
        for segment in (self._place, self._tail):
            if segment is not None:
                segment.close()
        self._place = self._tail = None
        self._ready.clear()
        self._next = -1

    def _seek(self, offset: int) -> None:
        self._ready.clear()
        self._next = -1
        if self._place is not None:
            self._place.close()
            self._place = None
        end = self.end_offset()
        place = self._open(offset)
        if place is None or not place.base <= offset <= end:
            if place is not None:
                place.close()
            elif offset == 0:
                return
            raise OffsetOutOfRangeError(self._partition, offset, self.begin_offset(), end)
        place.jump(offset)
        place.skip_complete(until=offset)
        self._place = place
        self._next = offset
        if place.offset < offset and self._fill():
            for _ in range(offset - self._ready[0].offset):
                self._ready.popleft()

    def _fill(self) -> bool:
        """Decode the batch at the place; False where there is none yet."""
        place = self._place
        if place is None:
            place = self._place = self._open(0)
            if place is None:
                return False
        header = place.header()
        if header is None:
            return self._next_segment(place)
        body = place.body(header)
        if not header.matches(body):
            if place.size > place.position + header.size and not _whole_now(place):
                raise LogDamagedError(
                    f"{data_path(self._directory, place.base)}: the batch at byte "
                    f"{place.position} (offset {place.offset}) fails its checksum; restore the "
                    "file, or start the partition's writer, which cuts a torn tail off"
                )
            return False
        topic, number = self._partition.topic, self._partition.number
        self._ready.extend(
            LogRecord(topic, number, offset, time, value, key, headers)
            for offset, (time, key, headers, value) in enumerate(
                decode_body(header, body), start=header.offset
            )
        )
        place.advance(header)
        return True

    def _next_segment(self, place: Segment) -> bool:
        following = self._follow(place)
        if following is not None:
            place.close()
            self._place = following
            return self._fill()
        if place.deleted:
            bases = segment_bases(self._directory)
            if place.offset not in bases:
                raise OffsetOutOfRangeError(
                    self._partition, place.offset, self.begin_offset(), self.end_offset()
                )
        elif place.size > place.position and any(
            base > place.offset for base in segment_bases(self._directory)
        ):
            if place.header() is not None:  # written since we looked, and a segment after it
                return self._fill()
            raise LogDamagedError(
                f"{data_path(self._directory, place.base)}: no batch header at byte "
                f"{place.position} (offset {place.offset}), though later segments follow; "
                "restore the file, or read on from a later offset"
            )
        return False

    def _follow(self, segment: Segment) -> Segment | None:
        """The segment that starts where `segment` has been read to; it is named after that."""
        if segment.offset == segment.base:
            return None
        try:
            return Segment(self._directory, segment.offset)
        except FileNotFoundError:
            return None

    def _open(self, offset: int | None) -> Segment | None:
        """The segment with `offset` in it (the first one at least), or the last."""
        bases = segment_bases(self._directory)
        if not bases:
            return None
        row = len(bases) if offset is None else bisect_right(bases, offset)
        try:
            return Segment(self._directory, bases[max(0, row - 1)])
        except FileNotFoundError:  # retention was quicker: look again
            return self._open(offset)


def _whole_now(place: Segment) -> bool:
    """Look again: the writer may have replaced a torn tail between two looks."""
    header = place.header()
    return header is not None and header.matches(place.body(header))
