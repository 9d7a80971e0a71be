"""Checks of the log: does it answer, are its topics there, do checkpoints point into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kafka.errors import KafkaError

from console.doctor.check import Check, Verdict
from console.log_access import kafka_connection, open_reader
from console.settings import Settings
from records.log import LogReader, Partition
from records.snapshot import unpack
from records.topics import CATALOGUE, topic_name
from storage.checkpoint_record import CheckpointDamagedError
from storage.checkpoint_store import CheckpointStore

__all__ = ["checkpoint_checks", "log_checks", "topic_checks"]

_NO_LOG = "nothing has run here yet; `gridcast demo` or `gridcast up` makes it"
_CREATE = "create them: gridcast topics create --areas N"


def log_checks(settings: Settings) -> Iterator[Check]:
    """Look at the log, its topics and the checkpoints that point into it."""
    try:
        reader = open_reader(settings)
        try:
            yield from topic_checks(settings, reader)
            yield from checkpoint_checks(settings.directory / "checkpoints", reader)
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


def checkpoint_checks(directory: Path, reader: LogReader) -> Iterator[Check]:
    """Whether each checkpoint points into the log, and how far it is behind its end."""
    if not directory.is_dir():
        return
    store = CheckpointStore(directory)
    for name in store.names():
        subject = f"checkpoint {name}"
        try:
            kept = store.load(name)
        except CheckpointDamagedError as error:
            yield Check(subject, Verdict.BAD, str(error), "restore it, or delete it to start anew")
            continue
        if kept is None:
            continue
        if kept.previous:
            yield Check(subject, Verdict.WARNING, kept.problem,
                        "the one before will be used; more of the log is read again")  # fmt: skip
        yield _against_log(subject, unpack(kept.data)["offsets"], reader)


def _against_log(subject: str, offsets: list[list[object]], reader: LogReader) -> Check:
    behind = 0
    for topic, number, position in offsets:
        where, offset = Partition(str(topic), int(str(number))), int(str(position))
        begin, end = reader.begin_offset(where), reader.end_offset(where)
        place = f"{where.topic} {where.number}"
        if offset > end:
            return Check(
                subject, Verdict.BAD, f"stands at {offset} of {place}, which ends at {end}",
                "the log was replaced or cut: restore it, or delete the checkpoint to start anew",
            )  # fmt: skip
        if offset < begin:
            return Check(
                subject, Verdict.BAD, f"stands at {offset} of {place}, which begins at {begin}",
                "retention has passed it: rebuild from the historian with gridcast replay",
            )  # fmt: skip
        behind += end - offset
    if behind:
        return Check(subject, Verdict.GOOD, f"{behind} records behind the end of the log")
    return Check(subject, Verdict.GOOD, "at the end of the log")
