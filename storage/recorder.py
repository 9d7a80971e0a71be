"""The recorder: files what the log carries into the historian, each record exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

import pyarrow as pa

from records.log import LogRecord, Partition
from records.time import DAY
from storage.columnar_buffer import ColumnarBuffer
from storage.filing import file_record
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_writer import date_of

__all__ = ["HistoryKeeper", "HistoryWriter", "Recorder"]


class HistoryWriter(Protocol):
    """What the recorder writes to: the embedded historian or a server's."""

    def positions(self) -> dict[Partition, int]:
        """Next offset to be recorded, by partition."""
        ...

    def commit(
        self,
        tables: Mapping[tuple[HistoryClass, str], pa.Table],
        positions: Mapping[Partition, int],
    ) -> None:
        """Add rows by class and date, and move the positions; both or neither."""
        ...


class HistoryKeeper(HistoryWriter, Protocol):
    """What the recorder service writes to and keeps in order."""

    def tidy(
        self, now: int | None, retention: Mapping[HistoryClass, timedelta], *, recorded_now: int
    ) -> tuple[int, int]:
        """Delete what is past its retention, merge what is small; return how many of each."""
        ...

    def close(self) -> None:
        """Let another writer in."""
        ...


class Recorder:
    """Takes records of any topic, in order within each partition, and commits them in lots.

    Rows and positions are committed in one step: after a restart, read on from `positions`,
    and nothing is lost or doubled.

    Parameters
    ----------
    writer
        Of the historian; closing it stays with the caller.
    max_rows
        Rows waiting in memory before they are committed without a `flush`.
    """

    def __init__(self, writer: HistoryWriter, *, max_rows: int = 1_000_000) -> None:
        self._writer = writer
        self._max_rows = max_rows
        self._positions = writer.positions()
        self._buffers: dict[tuple[HistoryClass, int], ColumnarBuffer] = {}
        self._waiting = 0
        self._taken = False

    @property
    def positions(self) -> dict[Partition, int]:
        """Next offset wanted of each partition seen so far; 0 for the others."""
        return dict(self._positions)

    @property
    def waiting_rows(self) -> int:
        """Rows not committed yet."""
        return self._waiting

    def take(self, records: Sequence[LogRecord]) -> int:
        """Take records in; ones that were taken before are passed over.

        Returns
        -------
        int
            How many were new.
        """
        taken = 0
        for record in records:
            place = Partition(record.topic, record.partition)
            if record.offset < self._positions.get(place, 0):
                continue
            for filed in file_record(record):
                self._put(filed.kept_as, filed.n_rows, filed.columns)
            self._positions[place] = record.offset + 1
            taken += 1
        self._taken = self._taken or taken > 0
        if self._waiting >= self._max_rows:
            self.flush()
        return taken

    def flush(self) -> None:
        """Commit everything taken so far; on an error it stays and can be flushed again."""
        if not self._taken:
            return
        tables = {
            (kept_as, date_of(day * DAY)): buffer.table()
            for (kept_as, day), buffer in self._buffers.items()
        }
        self._writer.commit(tables, self._positions)
        self._buffers.clear()
        self._waiting = 0
        self._taken = False

    def _put(self, kept_as: HistoryClass, n_rows: int, columns: Mapping[str, Any]) -> None:
        if not n_rows:
            return
        kept = CLASSES[kept_as]
        moment = columns[kept.by_time]
        first = moment if isinstance(moment, int) else int(moment[0])
        key = (kept_as, first // DAY)
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = ColumnarBuffer(kept.schema)
        buffer.add(n_rows, columns)
        self._waiting += n_rows
