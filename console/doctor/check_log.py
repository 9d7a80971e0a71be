"""Checks of the log: does it answer, are its topics there, do checkpoints point into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from kafka.errors import KafkaError

from console.doctor.check import Check, Verdict
from console.doctor.check_checkpoints import NO_CHECKPOINTS, checkpoint_checks
from console.log_access import kafka_connection, open_reader
from console.settings import Settings
from records.log import LogReader
from records.topics import CATALOGUE, topic_name
from storage.checkpoint_store import CheckpointStore

__all__ = ["log_checks", "topic_checks"]

_NO_LOG = "nothing has run here yet; `gridcast demo` or `gridcast up` makes it"
_CREATE = "create them: gridcast topics create --areas N"


def log_checks(settings: Settings) -> Iterator[Check]:
    """Look at the log, its topics and the checkpoints that point into it."""
    try:
        reader = open_reader(settings)
        try:
            yield from topic_checks(settings, reader)
            yield from _checkpoints(settings, reader)
        finally:
            reader.close()
    except (KafkaError, OSError) as error:
        servers = settings.addresses.kafka_bootstrap_servers or settings.directory
        yield Check(
            "log", Verdict.BAD, f"{servers}: {error}",
            "start the broker or correct KAFKA_BOOTSTRAP_SERVERS; unset it for the embedded log",
        )  # fmt: skip


def topic_checks(settings: Settings, reader: LogReader) -> Iterator[Check]:
    """Whether the topics of the catalogue are there."""
    kafka = kafka_connection(settings)
    where = str(settings.directory / "log") if kafka is None else kafka.bootstrap_servers
    names = {name: topic_name(settings.namespace, name) for name in CATALOGUE}
    missing = [name for name, full in names.items() if not reader.partitions(full)]
    if len(missing) == len(names):
        remedy = _NO_LOG if kafka is None else _CREATE
        yield Check(
            "log", Verdict.WARNING, f"{where} has no topics of {settings.namespace}", remedy
        )
        return
    yield Check("log", Verdict.GOOD, f"{where} answers")
    if missing and kafka is not None:
        yield Check("topics", Verdict.BAD, f"missing: {', '.join(missing)}",
                    _CREATE)  # fmt: skip
    else:
        yield Check("topics", Verdict.GOOD, f"{len(names) - len(missing)} of {len(names)} in use")


def _checkpoints(settings: Settings, reader: LogReader) -> Iterator[Check]:
    """Where the checkpoints are, and what the groups have committed."""
    connection = kafka_connection(settings)
    if connection is None:
        directory = settings.directory / "checkpoints"
        if directory.is_dir():
            yield from checkpoint_checks(CheckpointStore(directory), reader)
        return
    from storage.kafka_checkpoints import KafkaCheckpoints, checkpoint_topic
    from storage.kafka_groups import committed_offsets

    committed = committed_offsets(connection, f"gridcast.{settings.namespace}.")
    if settings.checkpoint.place == "files":
        directory = settings.directory / "checkpoints"
        kept = CheckpointStore(directory) if directory.is_dir() else NO_CHECKPOINTS
        yield from checkpoint_checks(kept, reader, committed)
    elif reader.partitions(checkpoint_topic(settings.namespace)):
        with closing(KafkaCheckpoints(connection, settings.namespace)) as in_topic:
            yield from checkpoint_checks(in_topic, reader, committed)
    else:
        yield from checkpoint_checks(NO_CHECKPOINTS, reader, committed)
