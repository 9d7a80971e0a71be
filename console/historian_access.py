"""The historian of a run: on the server that the environment names, else in files beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from console.errors import BadInputError
from console.settings import Settings
from records.log import LogReader
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.history_reader import HistoryReader
from storage.recorder import HistoryKeeper, HistoryWriter

__all__ = [
    "check_same_log",
    "historian_kept",
    "historian_schema",
    "historian_url",
    "history_reader",
    "open_historian",
    "open_keeper",
    "open_recorded",
]


def historian_url(settings: Settings) -> str | None:
    """Address of the historian's server, None where it is kept in files."""
    given = settings.addresses.historian_url
    return None if given is None else given.get_secret_value()


def historian_schema(settings: Settings) -> str:
    """Schema of the run in the database.

    >>> historian_schema(Settings(namespace="north-sea"))
    'gridcast_north_sea'
    """
    return settings.historian.server_schema or f"gridcast_{settings.namespace.replace('-', '_')}"


def historian_kept(settings: Settings) -> bool:
    """Whether there may be anything to read."""
    return historian_url(settings) is not None or (settings.directory / "historian").is_dir()


def history_reader(settings: Settings) -> HistoryReader:
    """Open the historian for reading; closing it is for the caller.

    Raises
    ------
    storage.postgresql_connection.HistorianAddressError
        When the address of the server cannot be used. (That it does not answer is told by the
        first question.)
    """
    url = historian_url(settings)
    if url is None:
        return Historian(settings.directory / "historian")
    from storage.postgresql_historian import PostgresqlHistorian

    return PostgresqlHistorian(url, historian_schema(settings))


@contextmanager
def open_historian(settings: Settings) -> Iterator[HistoryReader]:
    """Open the historian for reading, and close it at the end."""
    reader = history_reader(settings)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def open_recorded(settings: Settings) -> Iterator[HistoryReader]:
    """Open the historian for reading, and close it at the end.

    Raises
    ------
    BadInputError
        When there is none.
    """
    if not historian_kept(settings):
        raise BadInputError(
            f"{settings.directory / 'historian'} is not there: no run has recorded anything in "
            "it, and HISTORIAN_URL names no server that has"
        )
    with open_historian(settings) as reader:
        yield reader


def open_keeper(settings: Settings) -> HistoryKeeper:
    """Open the historian for recording.

    Raises
    ------
    storage.writer_lock.WriterLockedError
        When it has a writer already.
    storage.postgresql_connection.HistorianUnavailableError
        When its server does not answer, or not us.
    """
    url = historian_url(settings)
    if url is None:
        return HistorianWriter(
            settings.directory / "historian", durable=settings.checkpoint.durable
        )
    from storage.postgresql_writer import PostgresqlHistorianWriter

    return PostgresqlHistorianWriter(url, historian_schema(settings))


def check_same_log(settings: Settings, writer: HistoryWriter, reader: LogReader) -> None:
    """Refuse a historian on a server that holds records of another log.

    Files lie beside their log; a schema may be left from a run whose log is gone, and what has an
    offset below its positions would be taken for recorded.

    Raises
    ------
    BadInputError
        When it holds more of a partition than the log ever had.
    """
    if historian_url(settings) is None:
        return
    for place, offset in writer.positions().items():
        end = reader.end_offset(place) if place.number in reader.partitions(place.topic) else 0
        if offset > end:
            schema = historian_schema(settings)
            raise BadInputError(
                f"schema {schema} of the historian holds {place.topic} [{place.number}] up to "
                f"offset {offset}, and this run's log only up to {end}: it is of another run; "
                "choose another --namespace or historian.server_schema, or drop the schema if "
                f"it is of no use any more (DROP SCHEMA {schema} CASCADE)"
            )
