"""Reads records from Apache Kafka by offset, without a consumer group."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.errors import OffsetOutOfRangeError as KafkaOffsetOutOfRangeError

from records.log import LogRecord, LogUnavailableError, OffsetOutOfRangeError, Partition
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_writer import MAX_RECORD_BYTES

__all__ = ["KafkaLogReader", "KafkaReadError", "record_from_kafka"]

_FETCH_BYTES = 4 << 20
_BUFFERED_RECORDS = 5_000
_NS_PER_MS = 1_000_000


class KafkaReadError(LogUnavailableError):
    """Kafka did not answer; the message says what was asked."""


def record_from_kafka(
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]],
) -> LogRecord:
    """Build a record from what any Kafka client hands over."""
    texts = {name: data.decode("utf-8", "replace") for name, data in headers}
    return LogRecord(
        topic, partition, offset, timestamp_ms * _NS_PER_MS, value or b"", key or b"", texts
    )


class KafkaLogReader:
    """Satisfies `records.log.LogReader`.

    Reading on where the last read of a partition ended is served from what was fetched ahead;
    any other offset seeks.

    Parameters
    ----------
    connection
        The cluster.
    timeout_s
        How long an answer may take.
    """

    def __init__(self, connection: KafkaConnection, *, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._consumer = KafkaConsumer(
            **connection.options("gridcast-reader"),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES,
            receive_message_max_bytes=4 * MAX_RECORD_BYTES,
            fetch_max_wait_ms=100,
            # With fetch sessions a partition that was paused may never be fetched again
            # (kafka-python issue 2575).
            enable_incremental_fetch_sessions=False,
            max_poll_records=_BUFFERED_RECORDS,
            allow_auto_create_topics=False,
            request_timeout_ms=int(timeout_s * 1000),
        )
        self._ahead: dict[TopicPartition, deque[LogRecord]] = {}
        self._next: dict[TopicPartition, int] = {}

    def topics(self) -> Sequence[str]:
        """Names of the topics there are, in order."""
        return sorted(self._known())

    def partitions(self, topic: str) -> Sequence[int]:
        """Partition numbers of a topic, ascending; empty when the topic does not exist."""
        # Asking for a topic that does not exist waits for it, so the list is looked at first.
        if topic not in self._known():
            return []
        return sorted(self._consumer.partitions_for_topic(topic) or ())

    def begin_offset(self, partition: Partition) -> int:
        """Return the smallest offset that can still be read."""
        return self._offset(self._consumer.beginning_offsets, partition)

    def end_offset(self, partition: Partition) -> int:
        """Return the offset the next record will get."""
        return self._offset(self._consumer.end_offsets, partition)

    def read(self, partition: Partition, offset: int, max_records: int) -> Sequence[LogRecord]:
        """Records from `offset` on, at most `max_records`; empty at the end.

        Raises
        ------
        OffsetOutOfRangeError
            When the log does not hold `offset`.
        KafkaReadError
            When Kafka does not answer in time.
        """
        where = TopicPartition(partition.topic, partition.number)
        if self._next.get(where) != offset:
            self._seek(where, offset)
        ahead = self._ahead[where]
        if not ahead:
            end = self.end_offset(partition)
            if offset > end:
                raise OffsetOutOfRangeError(partition, offset, self.begin_offset(partition), end)
            if offset < end:
                self._fetch(partition, where, offset, end)
        records = list(islice(ahead, max_records))
        for _ in records:
            ahead.popleft()
        if records:
            self._next[where] = records[-1].offset + 1
        return records

    def wait_for_data(self, positions: Mapping[Partition, int], timeout: float) -> bool:
        """Wait until a partition holds a record at or after its position in `positions`.

        Parameters
        ----------
        positions
            Next offset to read, by partition.
        timeout
            Longest wait, s.

        Returns
        -------
        bool
            False when the time ran out.
        """
        wanted = {TopicPartition(p.topic, p.number): offset for p, offset in positions.items()}
        for where, offset in wanted.items():
            if self._next.get(where) != offset:
                self._seek(where, offset)
        deadline = time.monotonic() + timeout
        while not any(self._ahead[where] for where in wanted):
            left = deadline - time.monotonic()
            if left < 0:
                return False
            self._poll(left)
        return True

    def close(self) -> None:
        """Let go of all resources."""
        self._consumer.close()

    def __enter__(self) -> KafkaLogReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _known(self) -> set[str]:
        try:
            return set(self._consumer.topics())
        except KafkaError as error:
            raise KafkaReadError(f"Kafka does not list its topics: {error!r}") from error

    def _offset(self, ask: Any, partition: Partition) -> int:
        where = TopicPartition(partition.topic, partition.number)
        try:
            return int(ask([where], timeout_ms=int(self._timeout_s * 1000))[where])
        except KafkaError as error:
            raise KafkaReadError(
                f"{partition.topic}/{partition.number}: no offset from Kafka: {error!r}"
            ) from error

    def _seek(self, where: TopicPartition, offset: int) -> None:
        if where not in self._ahead:
            self._consumer.assign([*self._ahead, where])
        self._consumer.seek(where, offset)
        self._ahead[where] = deque()
        self._next[where] = offset

    def _fetch(self, partition: Partition, where: TopicPartition, offset: int, end: int) -> None:
        """Fetch until records of this partition are there, or its position is at `end`."""
        deadline = time.monotonic() + self._timeout_s
        while not self._ahead[where]:
            if time.monotonic() > deadline:
                raise KafkaReadError(
                    f"{partition.topic}/{partition.number}: nothing came from offset {offset} on "
                    f"within {self._timeout_s:g} s, though the log ends at {end}"
                )
            try:
                self._poll(0.5)
            except KafkaOffsetOutOfRangeError:
                begin, end = self.begin_offset(partition), self.end_offset(partition)
                del self._ahead[where], self._next[where]
                self._consumer.assign(list(self._ahead))
                raise OffsetOutOfRangeError(partition, offset, begin, end) from None
            # Markers and compacted records move the position without a record.
            if self._consumer.position(where) >= end:
                return

    def _poll(self, timeout_s: float) -> None:
        full = [p for p, ahead in self._ahead.items() if len(ahead) >= _BUFFERED_RECORDS]
        room = [p for p in self._consumer.paused() if p not in full]
        self._consumer.pause(*full)
        self._consumer.resume(*room)
        for where, fetched in self._consumer.poll(timeout_ms=int(timeout_s * 1000)).items():
            self._ahead[where].extend(
                record_from_kafka(
                    r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers
                )
                for r in fetched
            )
