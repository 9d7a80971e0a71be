"""What an error means to the person at the terminal: a message and an exit code."""

from __future__ import annotations

import contextlib
import os
import traceback

import typer

from storage.disk_full import MAKE_ROOM, is_disk_full

__all__ = ["DEBUG_VARIABLE", "failed", "say"]

DEBUG_VARIABLE = "GRIDCAST_DEBUG"

BAD_INPUT = 2
FAILED = 1


def say(message: str) -> None:
    """Tell something on stderr."""
    # The disk that the log file is on may be the one that is full.
    with contextlib.suppress(OSError):
        typer.echo(f"gridcast: {message}", err=True)


def failed(error: Exception) -> int:
    """Tell an error and return its exit code.

    Bad input gives its message and 2; a server that cannot be had its message and 1; whatever
    else is ours to mend: 1 with a hint.
    """
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    if isinstance(error, _bad_input()):
        say(str(error))
        return BAD_INPUT
    if isinstance(error, _unavailable()):
        say(str(error))
        return FAILED
    if is_disk_full(error):
        say(f"{error}; {MAKE_ROOM} when it is started again")
        return FAILED
    say(f"internal error: {type(error).__name__}: {error}")
    if not os.environ.get(DEBUG_VARIABLE):
        say(f"run it again with {DEBUG_VARIABLE}=1 to see where; `gridcast doctor` checks the rest")
    return FAILED


def _bad_input() -> tuple[type[Exception], ...]:
    # Imported when something has gone wrong, so that good starts stay quick.
    from console.errors import BadInputError
    from ingest.dataset.errors import DatasetError
    from storage.kafka_connection import KafkaConnectionError
    from storage.postgresql_connection import HistorianAddressError, HistorianUnavailableError

    return (
        BadInputError,
        DatasetError,
        HistorianAddressError,
        HistorianUnavailableError,
        KafkaConnectionError,
    )


def _unavailable() -> tuple[type[Exception], ...]:
    from kafka.errors import KafkaError
    from redis import RedisError

    from console.errors import UnavailableError
    from console.services.local_kafka import KafkaUnavailableError
    from console.services.supervisor import ServiceDiedError
    from storage.kafka_log_reader import KafkaReadError
    from storage.kafka_log_writer import KafkaWriteError
    from storage.postgresql_writer import HistorianMovedError
    from storage.redis_server import RedisUnavailableError
    from storage.writer_lock import WriterLockedError

    return (
        HistorianMovedError,
        UnavailableError,
        KafkaError,
        KafkaReadError,
        KafkaUnavailableError,
        KafkaWriteError,
        RedisError,
        RedisUnavailableError,
        ServiceDiedError,
        WriterLockedError,
    )
