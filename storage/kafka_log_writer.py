"""Appends records to Apache Kafka, acknowledged by all replicas in step and never twice."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from records.log import Outgoing, Partition
from storage.kafka_connection import KafkaConnection

__all__ = ["MAX_RECORD_BYTES", "KafkaLogWriter", "KafkaWriteError"]

MAX_RECORD_BYTES = 16 << 20
"""Largest record that is taken, and that topics are created for."""

_UNFLUSHED_BYTES = 64 << 20


class KafkaWriteError(OSError):
    """Kafka did not acknowledge what was appended; go back to the last checkpoint."""


class KafkaLogWriter:
    """Satisfies `records.log.LogWriter`.

    The producer is idempotent with acks=all, so a retry neither repeats nor reorders records.
    Batches are compressed with zstd.

    Parameters
    ----------
    connection
        The cluster.
    linger_ms
        How long a batch may wait to be filled; `flush` sends at once.
    batch_bytes
        Size at which a batch is sent without waiting.
    delivery_timeout_s
        How long the producer retries before it gives a record up.
    topic_timeout_s
        How long a broker that is there may take to tell of a topic.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        linger_ms: int = 20,
        batch_bytes: int = 512 << 10,
        delivery_timeout_s: float = 120.0,
        topic_timeout_s: float = 15.0,
    ) -> None:
        self._producer = KafkaProducer(
            **connection.options("gridcast-writer"),
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            linger_ms=linger_ms,
            batch_size=batch_bytes,
            max_request_size=MAX_RECORD_BYTES,
            delivery_timeout_ms=int(delivery_timeout_s * 1000),
            # Only a topic that is not known yet blocks.
            max_block_ms=int(min(topic_timeout_s, delivery_timeout_s) * 1000),
            request_timeout_ms=min(30_000, int(delivery_timeout_s * 1000) - linger_ms),
            allow_auto_create_topics=False,
        )
        self._connection = connection
        self._delivery_timeout_s = delivery_timeout_s
        self._unflushed_bytes = 0
        self._failure: BaseException | None = None
        self._given_up = False

    def append(self, records: Iterable[Outgoing]) -> None:
        """Hand records over, in order within each partition.

        Raises
        ------
        KafkaWriteError
            When a topic or partition does not exist, a record is too large, or an earlier
            record was given up.
        """
        for record in records:
            headers = [(name, text.encode()) for name, text in record.headers.items()]
            try:
                self._send(record, headers).add_errback(self._failed)
            except (KafkaError, AssertionError, ValueError) as error:
                raise KafkaWriteError(
                    f"{record.topic}/{record.partition}: {error!r}; does the topic exist? "
                    "`gridcast topics create` makes it"
                ) from error
            self._unflushed_bytes += len(record.value)
            # The producer's own buffer knows no bound.
            if self._unflushed_bytes > _UNFLUSHED_BYTES:
                self.flush()

    def _send(self, record: Outgoing, headers: list[tuple[str, bytes]]) -> Any:
        """Hand a record over; where its topic is not known yet, wait for a broker that is away."""
        deadline = time.monotonic() + self._delivery_timeout_s
        while True:
            try:
                return self._producer.send(
                    record.topic, record.value, record.key, headers, record.partition
                )
            except KafkaTimeoutError:
                if time.monotonic() > deadline or _is_absent(self._connection, record.topic):
                    raise

    def erase(self, partition: Partition, key: bytes) -> None:
        """Let a compacted topic forget what was kept under `key`.

        Raises
        ------
        KafkaWriteError
            As `append`.
        """
        try:
            sent = self._producer.send(partition.topic, None, key, partition=partition.number)
        except (KafkaError, AssertionError, ValueError) as error:
            raise KafkaWriteError(f"{partition.topic}/{partition.number}: {error!r}") from error
        sent.add_errback(self._failed)

    def flush(self) -> None:
        """Return once every record is acknowledged.

        Raises
        ------
        KafkaWriteError
            When one was not.
        """
        try:
            self._producer.flush(self._delivery_timeout_s + 10.0)
        except KafkaError as error:
            self._given_up = True
            raise KafkaWriteError(f"Kafka did not acknowledge in time: {error!r}") from error
        self._unflushed_bytes = 0
        if self._failure is not None:
            self._given_up = True
            raise KafkaWriteError(f"Kafka refused a record: {self._failure!r}")

    def close(self) -> None:
        """Flush and let go of all resources; what `flush` has given up is not waited for again."""
        try:
            if not self._given_up:
                self.flush()
        finally:
            # It waits for what is in its buffer, and says that it was not sent.
            with contextlib.suppress(KafkaError):
                self._producer.close(timeout=0.0 if self._given_up else 5.0)

    def _failed(self, error: BaseException) -> None:
        self._failure = self._failure or error


def _is_absent(connection: KafkaConnection, topic: str) -> bool:
    """Whether a broker says so; while none answers nobody knows."""
    try:
        admin = KafkaAdminClient(**connection.options("gridcast-writer"), bootstrap_timeout_ms=2000)
    except KafkaError:
        return False
    try:
        return topic not in admin.list_topics()
    except KafkaError:
        return False
    finally:
        admin.close()
