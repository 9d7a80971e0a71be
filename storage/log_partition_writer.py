"""Writing one partition of the embedded log."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import structlog

from storage.log_batch import Row, encode_batch
from storage.log_segment import (
    INDEX_ENTRY,
    Segment,
    data_path,
    index_path,
    load_index,
    segment_bases,
)
from storage.writer_lock import WriterLock

__all__ = ["LogWriteError", "PartitionWriter"]

_INDEX_EVERY = 32 << 10
_log = structlog.get_logger()


class LogWriteError(OSError):
    """The disk refused a write; what was handed over is kept and can be flushed again."""


class PartitionWriter:
    """The one writer of a partition.

    Opening it recovers the partition: a tail that a dying writer or a power cut left torn is
    cut off, and the last index is made anew.

    Parameters
    ----------
    directory
        Of the partition; created when absent.
    durable
        Whether `flush` waits for the disk.
    segment_bytes
        A segment that has reached this size is followed by a new one.
    batch_bytes
        Records waiting for `flush` are written when their values reach this size.
    patience_s
        How long to wait for another writer to let go.

    Attributes
    ----------
    end : int
        Offset that the next record handed over will get.
    truncated_bytes : int
        What recovery cut off.

    Raises
    ------
    WriterLockedError
        When another process writes the partition.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool,
        segment_bytes: int,
        batch_bytes: int,
        patience_s: float = 0.0,
    ) -> None:
        self._directory = directory
        self._durable = durable
        self._segment_bytes = segment_bytes
        self._batch_bytes = batch_bytes
        self._rows: list[Row] = []
        self._row_bytes = 0
        self._unsynced = False
        self._data = self._index = -1
        self._base = self._written = 0
        self._position = self._indexed = 0
        self._last_time = 0
        self._lock = WriterLock(directory, patience_s=patience_s)
        self.truncated_bytes = 0
        try:
            self._open_last()
        except BaseException:
            self.close_files()
            raise

    @property
    def end(self) -> int:
        """Offset that the next record handed over will get."""
        return self._written + len(self._rows)

    def append(
        self, append_time: int, key: bytes, headers: Mapping[str, str], value: bytes
    ) -> None:
        """Take one record in; it may be written at once when enough have come together."""
        time = max(append_time, self._last_time)
        self._last_time = time
        self._rows.append((time, key, headers, value))
        self._row_bytes += len(value)
        if self._row_bytes >= self._batch_bytes:
            self._write()

    def flush(self) -> None:
        """Write what was taken in, and with `durable` wait until it is on the disk."""
        self._write()
        if self._durable and self._unsynced:
            os.fdatasync(self._data)
            self._unsynced = False

    def delete_before(self, offset: int) -> int:
        """Delete the segments that hold only records before `offset`; return how many.

        The segment being written always stays.
        """
        bases = segment_bases(self._directory)
        doomed = [base for base, end in pairwise(bases) if end <= offset]
        for base in doomed:
            index_path(self._directory, base).unlink(missing_ok=True)
            data_path(self._directory, base).unlink()
        return len(doomed)

    def delete_older(self, append_time: int) -> int:
        """Delete the segments whose records were all appended before `append_time`."""
        bases = segment_bases(self._directory)
        keep = bases[0]
        for base in bases[1:]:
            segment = Segment(self._directory, base)
            header = segment.header()
            segment.close()
            # Append times never fall, so what comes before this segment is at most as young.
            if header is None or header.first_time > append_time:
                break
            keep = base
        return self.delete_before(keep)

    def close(self) -> None:
        """Flush and let another writer in."""
        try:
            self.flush()
        finally:
            self.close_files()

    def close_files(self) -> None:
        """Let go of the files and the lock without writing anything more."""
        for fd in (self._data, self._index):
            if fd >= 0:
                os.close(fd)
        self._data = self._index = -1
        self._lock.close()

    def _write(self) -> None:
        if not self._rows:
            return
        header, data = encode_batch(self._written, self._rows)
        try:
            if self._position >= self._segment_bytes:
                self._roll()
            _write_all(self._data, data)
        except OSError as error:
            # Nothing half-written: take the torn batch back, keep its records for another try.
            os.ftruncate(self._data, self._position)
            raise LogWriteError(
                error.errno,
                f"{error.strerror}; the log could not take {len(data)} bytes and keeps its "
                f"{len(self._rows)} records waiting: make room, then flush again",
                str(data_path(self._directory, self._base)),
            ) from error
        place = (self._written, self._position)
        self._position += header.size
        self._written = header.end
        self._rows = []
        self._row_bytes = 0
        self._unsynced = True
        if place[1] - self._indexed >= _INDEX_EVERY:
            self._indexed = place[1]
            # The index is only a hint: a full disk may leave it short, and no harm is done.
            with contextlib.suppress(OSError):
                _write_all(self._index, np.array([place], INDEX_ENTRY).tobytes())

    def _roll(self) -> None:
        if self._durable and self._unsynced:
            os.fdatasync(self._data)
        old = (self._data, self._index)
        self._create(self._written)
        for fd in old:
            os.close(fd)

    def _create(self, base: int) -> None:
        self._open(base)
        self._position = self._indexed = 0
        if self._durable:
            fd = os.open(self._directory, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)

    def _open(self, base: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        index = os.open(index_path(self._directory, base), flags, 0o644)
        try:
            self._data = os.open(data_path(self._directory, base), flags, 0o644)
        except OSError:
            os.close(index)
            raise
        self._index = index
        self._base = base

    def _open_last(self) -> None:
        bases = segment_bases(self._directory)
        if not bases:
            self._create(0)
            return
        segment = Segment(self._directory, bases[-1])
        entries = []
        indexed = 0
        while (header := segment.header()) is not None and header.matches(segment.body(header)):
            if segment.position - indexed >= _INDEX_EVERY:
                indexed = segment.position
                entries.append((segment.offset, segment.position))
            self._last_time = header.last_time
            segment.advance(header)
        self._written, self._position, self._indexed = segment.offset, segment.position, indexed
        self.truncated_bytes = segment.size - segment.position
        segment.close()
        self._open(bases[-1])
        if self.truncated_bytes:
            _log.warning(
                "log.tail_cut_off",
                segment=str(data_path(self._directory, self._base)),
                bytes=self.truncated_bytes,
                next_offset=self._written,
            )
            os.ftruncate(self._data, self._position)
        if len(load_index(self._directory, self._base)) != len(entries):
            os.ftruncate(self._index, 0)
            os.write(self._index, np.array(entries, INDEX_ENTRY).tobytes())


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
