"""Checkpoints in a compacted topic, where whoever takes a partition over finds them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from records.log import LogRecord, Outgoing, Partition
from storage.checkpoint_record import (
    Checkpoint,
    CheckpointDamagedError,
    CheckpointFormatError,
    check_part,
    read_checkpoint,
    write_checkpoint,
)
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_log_writer import MAX_RECORD_BYTES, KafkaLogWriter

__all__ = ["CheckpointTooLargeError", "KafkaCheckpoints", "checkpoint_topic"]

_NOTHING: Mapping[str, bytes] = {}
_GENERATIONS = 3
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

    A checkpoint and each of its parts have keys of their own. The parts come before it, and are
    erased when neither it nor the one before it names them any more.

    A worker that was taken for dead and wakes up may write an older checkpoint after a younger
    one. That is harmless: a checkpoint is a state and its offsets, so whoever starts from it
    only does more work again. If parts of it are gone by then, the one before it counts.

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
        self._named: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        """Parts that the last two checkpoints of each name, loaded or saved here, name."""

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
        content = write_checkpoint(data, parts)
        for body in (content, *new.values()):
            if len(body) > MAX_RECORD_BYTES - _MARGIN_BYTES:
                raise CheckpointTooLargeError(
                    f"checkpoint {name!r} has {len(body)} bytes, a record holds "
                    f"{MAX_RECORD_BYTES - _MARGIN_BYTES}; keep checkpoints in files"
                )
        topic = self._place.topic
        # One partition keeps their order, so the checkpoint is never there without its parts.
        self._writer.append(
            Outgoing(topic, 0, body, _part_key(name, part)) for part, body in new.items()
        )
        self._writer.append([Outgoing(topic, 0, content, name.encode())])
        self._writer.flush()
        past, before = self._named.get(name, (frozenset(), frozenset()))
        self._named[name] = before, frozenset(parts)
        for part in past - before - frozenset(parts):
            self._writer.erase(self._place, _part_key(name, part))

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
        shelves = {name: _Shelf() for name in names}
        for record in self._records():
            name, _, part = record.key.decode("utf-8", "replace").partition("/")
            if name not in shelves:
                continue
            if part:
                shelves[name].put(part, record.value)
            else:
                shelves[name].generations.append(record.value)
        loaded = {}
        for name, shelf in shelves.items():
            if shelf.generations:
                where = f"checkpoint {name} in {self._place.topic}"
                loaded[name], named = shelf.newest(where)
                # What nobody names was left behind by a killed worker.
                self._named[name] = frozenset(shelf.parts), named
        return loaded

    def names(self) -> list[str]:
        """Names under which something is kept, in order."""
        keys = {record.key.decode("utf-8", "replace") for record in self._records()}
        return sorted(key for key in keys if "/" not in key)

    def close(self) -> None:
        """Let go of all resources."""
        self._writer.close()
        self._reader.close()

    def _records(self) -> Iterator[LogRecord]:
        """All records that compaction has left, in order."""
        start, end = self._reader.begin_offset(self._place), self._reader.end_offset(self._place)
        while start < end:
            got = self._reader.read(self._place, start, _AT_A_TIME)
            if not got:
                return
            yield from got
            start = got[-1].offset + 1


@dataclass(slots=True)
class _Shelf:
    """What the topic holds of one checkpoint."""

    parts: dict[str, bytes] = field(default_factory=dict)
    generations: deque[bytes] = field(default_factory=lambda: deque(maxlen=_GENERATIONS))

    def put(self, part: str, body: bytes) -> None:
        """Take a part, or its end, which has no bytes."""
        if body:
            self.parts[part] = body
        else:
            self.parts.pop(part, None)

    def newest(self, where: str) -> tuple[Checkpoint, frozenset[str]]:
        """Return the youngest that is whole, and the names of its parts."""
        problems = []
        for content in reversed(self.generations):
            try:
                data, named = read_checkpoint(content, where)
                parts = {part: check_part(part, self.parts.get(part), where) for part in named}
            except CheckpointFormatError:
                raise
            except CheckpointDamagedError as error:
                problems.append(str(error))
                continue
            problem = "; ".join(problems)
            return Checkpoint(data, parts, bool(problems), problem), frozenset(named)
        raise CheckpointDamagedError(
            f"{'; '.join(problems)}; nothing whole is left: use a new namespace, or delete the "
            "topic to start again from what the log holds"
        )


def checkpoint_topic(namespace: str) -> str:
    """Topic of a run's checkpoints.

    >>> checkpoint_topic("demo")
    'gridcast.demo.checkpoint.v1'
    """
    return f"gridcast.{namespace}.checkpoint.v1"


def _part_key(name: str, part: str) -> bytes:
    return f"{name}/{part}".encode()


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
