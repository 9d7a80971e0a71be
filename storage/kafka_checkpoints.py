"""Checkpoints in a compacted topic, where whoever takes a partition over finds them."""

from __future__ import annotations

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from records.log import LogRecord, Outgoing, Partition
from storage.checkpoint_store import Checkpoint
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_log_writer import MAX_RECORD_BYTES, KafkaLogWriter

__all__ = ["CheckpointTooLargeError", "KafkaCheckpoints"]

_FIRST_WINDOW = 16
_MARGIN_BYTES = 64 << 10

_CONFIG = {
    "cleanup.policy": "compact",
    "max.message.bytes": str(MAX_RECORD_BYTES),
    # Every few seconds a state is superseded; what is superseded should not be kept for days.
    "segment.bytes": str(64 << 20),
    "segment.ms": "600000",
    "min.cleanable.dirty.ratio": "0.1",
}


class CheckpointTooLargeError(ValueError):
    """A state does not fit into one record; keep its checkpoints in files."""


class KafkaCheckpoints:
    """Named checkpoints, the youngest of each in ``gridcast.NAMESPACE.checkpoint.v1``.

    A worker that was taken for dead and wakes up may write an older checkpoint after a younger
    one. That is harmless: a checkpoint is a state and its offsets, so whoever starts from it
    only does more work again.

    Parameters
    ----------
    connection
        The cluster; the topic is created when absent.
    namespace
        Of the run.
    """

    def __init__(self, connection: KafkaConnection, namespace: str) -> None:
        self._place = Partition(f"gridcast.{namespace}.checkpoint.v1", 0)
        _create(connection, self._place.topic)
        self._writer = KafkaLogWriter(connection, linger_ms=0)
        self._reader = KafkaLogReader(connection)

    def save(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`.

        Raises
        ------
        CheckpointTooLargeError
            When a record cannot hold it.
        KafkaWriteError
            When Kafka does not acknowledge it; what was kept before stays.
        """
        if len(data) > MAX_RECORD_BYTES - _MARGIN_BYTES:
            raise CheckpointTooLargeError(
                f"checkpoint {name!r} has {len(data)} bytes, a record holds "
                f"{MAX_RECORD_BYTES - _MARGIN_BYTES}; keep checkpoints in files"
            )
        self._writer.append([Outgoing(self._place.topic, 0, data, name.encode())])
        self._writer.flush()

    def load(self, name: str) -> Checkpoint | None:
        """Return what was kept last under `name`, or None when nothing ever was."""
        begin, end = self._reader.begin_offset(self._place), self._reader.end_offset(self._place)
        key, window, until = name.encode(), _FIRST_WINDOW, end
        # Backwards, in growing steps: the youngest are at the end.
        while until > begin:
            start = max(begin, until - window)
            found = [r.value for r in self._between(start, until) if r.key == key]
            if found:
                return Checkpoint(found[-1])
            window, until = 4 * window, start
        return None

    def close(self) -> None:
        """Let go of all resources."""
        self._writer.close()
        self._reader.close()

    def _between(self, start: int, end: int) -> list[LogRecord]:
        """Records with offsets in ``[start, end)`` that compaction has left."""
        records: list[LogRecord] = []
        while start < end:
            got = self._reader.read(self._place, start, end - start)
            if not got:
                break
            records += [record for record in got if record.offset < end]
            start = got[-1].offset + 1
        return records


def _create(connection: KafkaConnection, topic: str) -> None:
    admin = KafkaAdminClient(**connection.options("gridcast-admin"))
    try:
        if topic in admin.list_topics():
            return
        copies = min(3, len(admin.describe_cluster()["brokers"]))
        config = _CONFIG | {"min.insync.replicas": "2" if copies >= 3 else "1"}
        admin.create_topics(
            {topic: {"num_partitions": 1, "replication_factor": copies, "configs": config}},
            wait_for_metadata=True,
        )
    except TopicAlreadyExistsError:
        admin.wait_for_topics([topic])
    finally:
        admin.close()
