"""What must be there before a run starts: network, topics, and history to train on."""

from __future__ import annotations

import threading
import time

import numpy as np
import structlog

from console.historian_access import check_same_log, open_keeper
from console.json_file import write_json
from console.log_access import kafka_connection, open_reader
from console.services.history import keep_history
from console.services.run_file import RunFile
from console.services.scenario import HISTORY_START, make_network, twin_of
from ingest.network_files import read_case
from records.topics import CATALOGUE, Partitioning, topic_name
from storage.embedded_log import EmbeddedLogWriter

__all__ = ["create_topics", "prepare"]

_DONE = "prepared.json"

_logger = structlog.get_logger(__name__)


def prepare(run: RunFile, _stop: threading.Event) -> None:
    """Make the network, the topics and the history of a run, unless they are there already."""
    done = run.directory / _DONE
    if done.exists():
        # A version since then may know topics more.
        network = read_case(run.directory / "network")
        create_topics(run, len(np.unique(network.buses.area)))
        _logger.info("prepared_before")
        return
    twin = twin_of(run, make_network(run))
    create_topics(run, len(twin.area_names))
    history = twin.history(HISTORY_START, run.start)
    writer, reader = open_keeper(run.settings), open_reader(run.settings)
    try:
        check_same_log(run.settings, writer, reader)
        kept = keep_history(history, writer, time.time_ns())
    finally:
        writer.close()
        reader.close()
    write_json(done, {"points": len(twin.register.points), "history_values": kept})
    _logger.info("prepared", points=len(twin.register.points), history_values=kept)


def create_topics(run: RunFile, areas: int) -> None:
    """Create the topics of the run's namespace where they are missing."""
    settings = run.settings
    connection = kafka_connection(settings)
    if connection is not None:
        from storage.kafka_topics import create_topics as create_in_kafka

        create_in_kafka(connection, settings.namespace, areas)
        return
    with EmbeddedLogWriter(settings.directory / "log") as writer:
        for topic in CATALOGUE.values():
            count = areas if topic.partitioning is Partitioning.AREA else 1
            writer.claim(topic_name(settings.namespace, topic.name), range(count))
