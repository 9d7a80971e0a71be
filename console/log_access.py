"""The log of a run: Apache Kafka where an address says so, else the embedded log."""

from __future__ import annotations

import os

from console.errors import BadInputError
from console.settings import Settings
from records.log import LogReader, LogWriter
from records.topics import CATALOGUE, topic_name
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.kafka_connection import KafkaConnection

__all__ = ["full_topic", "kafka_connection", "open_reader", "open_writer"]


def kafka_connection(settings: Settings) -> KafkaConnection | None:
    """Return the Kafka cluster of the run, None where it keeps an embedded log.

    Raises
    ------
    storage.kafka_connection.KafkaConnectionError
        When the environment describes no connection.
    """
    servers = settings.addresses.kafka_bootstrap_servers
    return None if servers is None else KafkaConnection.from_environment(servers, os.environ)


def open_reader(settings: Settings) -> LogReader:
    """Open the log for reading."""
    connection = kafka_connection(settings)
    if connection is None:
        return EmbeddedLogReader(settings.directory / "log")
    from storage.kafka_log_reader import KafkaLogReader

    return KafkaLogReader(connection)


def open_writer(settings: Settings) -> LogWriter:
    """Open the log for appending."""
    connection = kafka_connection(settings)
    if connection is None:
        return EmbeddedLogWriter(settings.directory / "log", durable=settings.checkpoint.durable)
    from storage.kafka_log_writer import KafkaLogWriter

    return KafkaLogWriter(connection)


def full_topic(settings: Settings, name: str) -> str:
    """Full name of a topic given with or without its prefix.

    Raises
    ------
    BadInputError
        When the catalogue has no such topic.
    """
    short = name.removeprefix(f"gridcast.{settings.namespace}.")
    if short not in CATALOGUE:
        known = ", ".join(CATALOGUE)
        raise BadInputError(f"there is no topic {name!r} in {settings.namespace}; known: {known}")
    return topic_name(settings.namespace, short)
