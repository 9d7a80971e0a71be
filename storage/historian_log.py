"""The log as the historian kept it: raw records again, for replays of what is long gone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np

from records.log import LogRecord, OffsetOutOfRangeError, Partition
from records.scada import ScadaFrame, frame_value
from records.time import MINUTE
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader

__all__ = ["HistorianLog"]

_AT_ONCE = 1_000
_EVER = (-(2**62), 2**62)
_HEADERS = msgspec.json.Decoder(dict[str, str])


class HistorianLog:
    """Reads recorded raw records under their offsets; satisfies `records.log.LogReader`.

    Who reads a partition on and on has what comes next fetched meanwhile, in a thread of its own.

    Parameters
    ----------
    historian
        Where they were recorded, for nobody else to ask; closing it stays with the caller.
    start, end
        Event times that bound what is read (ns UTC): a partition begins at its first record
        at or after `start` and ends after its last one before `end`.
    """

    def __init__(self, historian: HistoryReader, *, start: int = 0, end: int = 2**62) -> None:
        self._historian = historian
        self._bounds: dict[Partition, tuple[int, int]] = {}
        self._ready: dict[Partition, list[LogRecord]] = {}
        self._coming: dict[Partition, tuple[int, Future[list[LogRecord]]]] = {}
        self._fetching = ThreadPoolExecutor(1, "historian-log")
        table = historian.sql_within(
            HistoryClass.RECORDS,
            *_EVER,
            'SELECT topic, "partition", min("offset") AS first, max("offset") + 1 AS past '
            "FROM records WHERE epoch_ns(event_time) >= $1 AND epoch_ns(event_time) < $2 "
            'GROUP BY topic, "partition"',
            [start, end],
        )
        for row in table.to_pylist():
            place = Partition(row["topic"], row["partition"])
            self._bounds[place] = (row["first"], row["past"])

    def topics(self) -> Sequence[str]:
        """Names of the topics there are, in order."""
        return sorted({place.topic for place in self._bounds})

    def partitions(self, topic: str) -> Sequence[int]:
        """Partition numbers of a topic, ascending; empty when nothing of it was recorded."""
        return sorted(place.number for place in self._bounds if place.topic == topic)

    def begin_offset(self, partition: Partition) -> int:
        """Return the smallest offset within the bounds."""
        return self._bounds.get(partition, (0, 0))[0]

    def end_offset(self, partition: Partition) -> int:
        """Return the offset after the last one within the bounds."""
        return self._bounds.get(partition, (0, 0))[1]

    def read(self, partition: Partition, offset: int, max_records: int) -> Sequence[LogRecord]:
        """Records from `offset` on, at most `max_records`; empty at the end.

        A frame comes back with the same columns, headers, offset and append time.

        Raises
        ------
        OffsetOutOfRangeError
            When `offset` is outside the bounds.
        """
        begin, end = self._bounds.get(partition, (0, 0))
        if not begin <= offset <= end:
            raise OffsetOutOfRangeError(partition, offset, begin, end)
        ready = self._ready.get(partition, [])
        if not ready or not ready[0].offset <= offset <= ready[-1].offset:
            went_on = bool(ready) and offset == ready[-1].offset + 1
            ready = self._ready[partition] = self._fetched(partition, offset, end)
            past = ready[-1].offset + 1 if ready else end
            if went_on and past < end:
                coming = self._fetching.submit(self._fetch, partition, past, end)
                self._coming[partition] = past, coming
        return [record for record in ready if record.offset >= offset][:max_records]

    def close(self) -> None:
        """Forget what was fetched ahead, once the historian is left alone."""
        self._fetching.shutdown(cancel_futures=True)
        self._coming.clear()
        self._ready.clear()

    def _fetched(self, partition: Partition, offset: int, end: int) -> list[LogRecord]:
        """Records from `offset` on, which may be on their way already."""
        first, coming = self._coming.pop(partition, (-1, None))
        if coming is None or first != offset:
            coming = self._fetching.submit(self._fetch, partition, offset, end)
        return coming.result()

    def _fetch(self, partition: Partition, offset: int, end: int) -> list[LogRecord]:
        rows = self._historian.sql_within(
            HistoryClass.RECORDS,
            *_EVER,
            'SELECT "offset", epoch_ns(append_time) AS append_time, "key", headers, "value", '
            "source, sequence, scan_time, version FROM records "
            'WHERE topic = $1 AND "partition" = $2 AND "offset" >= $3 AND "offset" < $4 '
            f'ORDER BY "offset" LIMIT {_AT_ONCE}',
            [partition.topic, partition.number, offset, end],
        ).to_pylist()
        values = self._frame_values(partition, [row for row in rows if row["value"] is None])
        return [
            LogRecord(
                partition.topic,
                partition.number,
                row["offset"],
                row["append_time"],
                values[row["offset"]] if row["value"] is None else row["value"],
                row["key"],
                _HEADERS.decode(row["headers"]),
            )
            for row in rows
        ]

    def _frame_values(self, partition: Partition, rows: list[dict[str, Any]]) -> dict[int, bytes]:
        """Encode frames again from their measurements, by offset."""
        if not rows:
            return {}
        scan_times = [row["scan_time"] for row in rows]
        table = self._historian.measurements(
            partition,
            (rows[0]["offset"], rows[-1]["offset"] + 1),
            (min(scan_times) - MINUTE, max(scan_times) + MINUTE + 1),
        )
        columns = {name: table[name].to_numpy() for name in table.column_names}
        offsets = np.array([row["offset"] for row in rows])
        firsts = np.searchsorted(columns["offset"], offsets).tolist()
        pasts = np.searchsorted(columns["offset"], offsets, side="right").tolist()
        values = {}
        for row, first, past in zip(rows, firsts, pasts, strict=True):
            frame = ScadaFrame(
                partition.number,
                row["source"],
                row["sequence"],
                row["scan_time"],
                row["version"],
                *(columns[c][first:past] for c in ("point", "value", "quality", "offset_ms")),
            )
            values[row["offset"]] = frame_value(frame)
        return values
