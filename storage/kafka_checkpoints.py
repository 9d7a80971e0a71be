"""Checkpoints in a compacted topic, where whoever takes a partition over finds them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from records.log import Outgoing, Partition
from storage.checkpoint_ledger import CheckpointLedger
from storage.checkpoint_record import Checkpoint
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_log_writer import MAX_RECORD_BYTES, KafkaLogWriter

__all__ = ["CheckpointTooLargeError", "KafkaCheckpoints", "checkpoint_topic"]

_NOTHING: Mapping[str, bytes] = {}
_AT_A_TIME = 64
_MARGIN_BYTES = 64 << 10

_CONFIG = {
    "cleanup.policy": "compact",
    "max.message.bytes": str(MAX_RECORD_BYTES),
    # Every few seconds a state is superseded; what is superseded should not be kept for days,
    # nor the ends of parts.
    "delete.retention.ms": "600000",
    "segment.bytes": str(64 << 20),
    "segment.ms": "600000",
    "min.cleanable.dirty.ratio": "0.1",
}


class CheckpointTooLargeError(ValueError):
    """A state does not fit into one record; keep its checkpoints in files."""


class KafkaCheckpoints:
    """Named checkpoints, the youngest of each in ``gridcast.NAMESPACE.checkpoint.v1``.

    A checkpoint and each of its parts have keys of their own, and of their writer: see
    `CheckpointLedger`. Parts are erased when neither it nor the one before it names them any more.

    A worker that was taken for dead and wakes up may write an older checkpoint after a younger
    one. That is harmless: a checkpoint is a state and its offsets, so whoever starts from it
    only does more work again. If parts of it are gone by then, the youngest that is whole counts.

    Parameters
    ----------
    connection
        The cluster; the topic is created when absent.
    namespace
        Of the run.
    """

    def __init__(self, connection: KafkaConnection, namespace: str) -> None:
        self._place = Partition(checkpoint_topic(namespace), 0)
        _create(connection, self._place.topic)
        self._writer = KafkaLogWriter(connection, linger_ms=0)
        self._reader = KafkaLogReader(connection)
        self._ledger = CheckpointLedger()

    def save(
        self,
        name: str,
        data: bytes,
        parts: Collection[str] = (),
        new: Mapping[str, bytes] = _NOTHING,
    ) -> None:
        """Keep `data` under `name`.

        Parameters
        ----------
        name
            Of the checkpoint.
        data
            The state.
        parts
            Names of all parts that belong to it.
        new
            Bytes of those that were not kept yet.

        Raises
        ------
        CheckpointTooLargeError
            When a record cannot hold it.
        KafkaWriteError
            When Kafka does not acknowledge it; what was kept before stays.
        """
        records = self._ledger.records(name, data, parts, new)
        for _, body in records:
            if len(body) > MAX_RECORD_BYTES - _MARGIN_BYTES:
                raise CheckpointTooLargeError(
                    f"checkpoint {name!r} has {len(body)} bytes, a record holds "
                    f"{MAX_RECORD_BYTES - _MARGIN_BYTES}; keep checkpoints in files"
                )
        # One partition keeps their order, so the checkpoint is never there without its parts.
        self._writer.append(
            Outgoing(self._place.topic, 0, body, key.encode()) for key, body in records
        )
        self._writer.flush()
        for key in self._ledger.saved(name, parts):
            self._writer.erase(self._place, key.encode())

    def load(self, name: str) -> Checkpoint | None:
        """Return what was kept last under `name`, or None when nothing ever was.

        Raises
        ------
        CheckpointDamagedError
            When there is something, but nothing whole.
        """
        return self.load_all([name]).get(name)

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        """Return what was kept last under these names, reading the topic once.

        Raises
        ------
        CheckpointDamagedError
            When there is something under a name, but nothing whole.
        """
        return self._ledger.loaded(self._records(), names, self._place.topic)

    def names(self) -> list[str]:
        """Names under which something is kept, in order."""
        return self._ledger.names(self._records())

    def close(self) -> None:
        """Let go of all resources."""
        self._writer.close()
        self._reader.close()

    def _records(self) -> Iterator[tuple[str, bytes]]:
        """Keys and bytes of all that compaction has left, in order."""
        start, end = self._reader.begin_offset(self._place), self._reader.end_offset(self._place)
        while start < end:
            got = self._reader.read(self._place, start, _AT_A_TIME)
            if not got:
                return
            yield from ((each.key.decode("utf-8", "replace"), each.value) for each in got)
            start = got[-1].offset + 1


def checkpoint_topic(namespace: str) -> str:
    """Topic of a run's checkpoints.

    >>> checkpoint_topic("demo")
    'gridcast.demo.checkpoint.v1'
    """
    return f"gridcast.{namespace}.checkpoint.v1"


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
