"""The log in memory, for replays and tests: the same contract, one process, nothing kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from records.log import LogRecord, OffsetOutOfRangeError, Outgoing, Partition

__all__ = ["MemoryLog"]


class MemoryLog:
    """Writer and reader at once; what is appended can be read after `flush`.

    Parameters
    ----------
    clock
        Append time, ns UTC; a replay gives the recorded one.

    Examples
    --------
    >>> log = MemoryLog(clock=lambda: 7)
    >>> log.append([Outgoing("t", 0, b"a"), Outgoing("t", 0, b"b")])
    >>> log.flush()
    >>> [(r.offset, r.value) for r in log.read(Partition("t", 0), 1, 10)]
    [(1, b'b')]
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._pending: list[tuple[Partition, int, Outgoing]] = []
        self._records: dict[Partition, list[LogRecord]] = {}
        self._begin: dict[Partition, int] = {}

    def claim(self, topic: str, partitions: Iterable[int]) -> None:
        """Create partitions ahead of their first record."""
        for number in partitions:
            self._records.setdefault(Partition(topic, number), [])

    def append(self, records: Iterable[Outgoing]) -> None:
        """Hand records over, in order within each partition."""
        now = self._clock()
        self._pending.extend((Partition(r.topic, r.partition), now, r) for r in records)

    def flush(self) -> None:
        """Make all that was appended readable."""
        for place, now, record in self._pending:
            kept = self._records.setdefault(place, [])
            offset = self._begin.get(place, 0) + len(kept)
            last = kept[-1].append_time if kept else now
            kept.append(
                LogRecord(
                    place.topic,
                    place.number,
                    offset,
                    max(now, last),
                    record.value,
                    record.key,
                    dict(record.headers),
                )
            )
        self._pending.clear()

    def delete_before(self, partition: Partition, offset: int) -> int:
        """Forget the records before `offset`; return how many."""
        kept = self._records.get(partition, [])
        count = min(max(0, offset - self.begin_offset(partition)), len(kept))
        del kept[:count]
        self._begin[partition] = self.begin_offset(partition) + count
        return count

    def topics(self) -> Sequence[str]:
        """Names of the topics there are, in order."""
        return sorted({partition.topic for partition in self._records})

    def partitions(self, topic: str) -> Sequence[int]:
        """Partition numbers of a topic, ascending; empty when the topic does not exist."""
        return sorted(p.number for p in self._records if p.topic == topic)

    def begin_offset(self, partition: Partition) -> int:
        """Return the smallest offset that can still be read."""
        return self._begin.get(partition, 0)

    def end_offset(self, partition: Partition) -> int:
        """Return the offset the next record will get."""
        return self.begin_offset(partition) + len(self._records.get(partition, []))

    def read(self, partition: Partition, offset: int, max_records: int) -> Sequence[LogRecord]:
        """Records from `offset` on, at most `max_records`; empty at the end.

        Raises
        ------
        OffsetOutOfRangeError
            When the log does not hold `offset`.
        """
        begin, end = self.begin_offset(partition), self.end_offset(partition)
        if not begin <= offset <= end:
            raise OffsetOutOfRangeError(partition, offset, begin, end)
        first = offset - begin
        return self._records.get(partition, [])[first : first + max_records]

    def wait_for_data(self, positions: Mapping[Partition, int], timeout: float) -> bool:
        """Tell whether a partition holds a record at or after its position; never waits.

        `timeout` is there for the contract's sake: nothing can come in from elsewhere.
        """
        del timeout
        return any(self.end_offset(p) > offset for p, offset in positions.items())

    def close(self) -> None:
        """Flush."""
        self.flush()
