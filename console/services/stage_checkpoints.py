"""Where the services of a run keep their checkpoints: files, or a topic of the broker."""

from __future__ import annotations

from console.services.run_file import RunFile
from storage.checkpoint_store import CheckpointStore
from storage.kafka_connection import KafkaConnection
from stream.keeper import Checkpoints

__all__ = ["checkpoints_of"]


def checkpoints_of(run: RunFile, connection: KafkaConnection | None) -> Checkpoints:
    """Where a run keeps its checkpoints."""
    settings = run.settings
    if connection is not None and settings.checkpoint.place == "topic":
        from storage.kafka_checkpoints import KafkaCheckpoints

        return KafkaCheckpoints(connection, settings.namespace)
    return CheckpointStore(run.directory / "checkpoints", durable=settings.checkpoint.durable)
