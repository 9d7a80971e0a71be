"""The service that holds a run's own Apache Kafka, so that it ends with the run."""

from __future__ import annotations

import threading

from console.services.local_kafka import LocalKafka
from console.services.run_file import RunFile

__all__ = ["ADDRESS_FILE", "hold_kafka"]

ADDRESS_FILE = "kafka.address"
_LOOK_EVERY_S = 0.5


def hold_kafka(run: RunFile, stop: threading.Event) -> None:
    """Keep a broker running until asked to stop; its address is in the run's directory.

    Raises
    ------
    KafkaUnavailableError
        When it does not start, or ends by itself.
    """
    address = run.directory / ADDRESS_FILE
    with LocalKafka(run.directory / "kafka") as broker:
        address.write_text(broker.bootstrap_servers)
        try:
            while not stop.wait(_LOOK_EVERY_S):
                broker.check()
        finally:
            address.unlink(missing_ok=True)
