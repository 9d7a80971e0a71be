"""The log of a replay: recorded raw records under the replay's names, derived ones of its own.

Raw topics are read where they were recorded, each record with the offset and the append time it
had; every other topic is read from the replay's own log. So stages of the replay's namespace
take in what those of the recorded one took in, and nothing is ever written beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from records.errors import RecordError
from records.log import LogReader, LogRecord, Partition
from records.tick import TICK_TYPE, decode_tick
from records.topics import CATALOGUE, topic_name

__all__ = ["ReplayLog", "first_tick_time", "last_tick_time", "offset_at"]

_AT_ONCE = 50


class ReplayLog:
    """Satisfies `records.log.LogReader` for the stages of a replay.

    What the recorded log holds when this is made is what will be read, also where it grows.

    Parameters
    ----------
    recorded
        The log that was recorded, or the historian's.
    recorded_namespace
        Namespace of its topics.
    own
        The log that the replay writes.
    namespace
        Namespace of the replay's topics.
    partitions
        Raw partitions to replay, under the recorded names.
    begins
        Offsets at which raw partitions begin, by their recorded names; all others begin with
        the first record there is.
    until
        Event time, ns UTC: a raw partition ends with its first tick at or after it; None reads
        everything.
    """

    def __init__(
        self,
        recorded: LogReader,
        recorded_namespace: str,
        own: LogReader,
        namespace: str,
        partitions: Iterable[Partition],
        *,
        begins: Mapping[Partition, int] | None = None,
        until: int | None = None,
    ) -> None:
        self._recorded = recorded
        self._own = own
        self._until = until
        self._begins = begins or {}
        self._source = {
            topic_name(namespace, name): topic_name(recorded_namespace, name)
            for name, topic in CATALOGUE.items()
            if topic.raw
        }
        self._ends = {place: recorded.end_offset(place) for place in partitions}
        self.consumed: dict[Partition, int] = {}
        """Offset last asked for, of each partition of the own log: where one stage reads it, all
        records before were taken in."""
        self.records_in = 0
        """Raw records read so far."""

    def partitions(self, topic: str) -> Sequence[int]:
        """Partition numbers of a topic, ascending."""
        source = self._source.get(topic)
        if source is None:
            return self._own.partitions(topic)
        return sorted(place.number for place in self._ends if place.topic == source)

    def begin_offset(self, partition: Partition) -> int:
        """Return the smallest offset that can be read."""
        place = self._place(partition)
        if place is None:
            return self._own.begin_offset(partition)
        return self._begins.get(place, self._recorded.begin_offset(place))

    def end_offset(self, partition: Partition) -> int:
        """Return the offset after the last record; of raw ones that known so far."""
        place = self._place(partition)
        if place is None:
            return self._own.end_offset(partition)
        return self._ends.get(place, 0)

    def read(self, partition: Partition, offset: int, max_records: int) -> Sequence[LogRecord]:
        """Records from `offset` on, at most `max_records`; empty at the end.

        Raises
        ------
        OffsetOutOfRangeError
            When the log does not hold `offset`.
        """
        place = self._place(partition)
        if place is None:
            self.consumed[partition] = offset
            return self._own.read(partition, offset, max_records)
        left = self._ends.get(place, 0) - offset
        if left <= 0:
            return []
        found = []
        for record in self._recorded.read(place, offset, min(left, max_records)):
            found.append(_renamed(record, partition.topic))
            if self._until is not None and (_tick_time(record) or 0) >= self._until:
                self._ends[place] = record.offset + 1
                break
        self.records_in += len(found)
        return found

    def close(self) -> None:
        """Close both logs."""
        self._recorded.close()
        self._own.close()

    def _place(self, partition: Partition) -> Partition | None:
        """Where a raw partition was recorded; None for one of the own log."""
        source = self._source.get(partition.topic)
        return None if source is None else Partition(source, partition.number)


def _renamed(record: LogRecord, topic: str) -> LogRecord:
    return LogRecord(
        topic,
        record.partition,
        record.offset,
        record.append_time,
        record.value,
        record.key,
        record.headers,
    )


def first_tick_time(log: LogReader, partition: Partition, offset: int) -> int | None:
    """Event time (ns UTC) of the first tick at or after `offset`, None where there is none."""
    past = log.end_offset(partition)
    while offset < past:
        for record in log.read(partition, offset, _AT_ONCE):
            time = _tick_time(record)
            if time is not None:
                return time
            offset = record.offset + 1
    return None


def offset_at(log: LogReader, partition: Partition, time_ns: int) -> int:
    """Return the offset behind the last tick before `time_ns` (ns UTC): where reading begins."""
    low, high = log.begin_offset(partition), log.end_offset(partition)
    while low < high:
        middle = (low + high) // 2
        tick = first_tick_time(log, partition, middle)
        if tick is not None and tick < time_ns:
            low = middle + 1
        else:
            high = middle
    return low


def last_tick_time(log: LogReader, partition: Partition) -> int | None:
    """Event time (ns UTC) of the last tick of a partition, None where there is none."""
    begin, past = log.begin_offset(partition), log.end_offset(partition)
    while past > begin:
        first = max(begin, past - _AT_ONCE)
        for record in reversed(log.read(partition, first, past - first)):
            time = _tick_time(record)
            if time is not None:
                return time
        past = first
    return None


def _tick_time(record: LogRecord) -> int | None:
    if record.headers.get("ce_type") != TICK_TYPE:
        return None
    try:
        return decode_tick(record.value).time
    except RecordError:
        return None
