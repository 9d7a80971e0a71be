"""A worker for the tests of the Faust shell: sums what it reads, and fails when told to.

python counting_worker.py BOOTSTRAP NAMESPACE DIRECTORY SCOPE INSTANCE
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog

from records.log import LogRecord, Outgoing, Partition
from records.topics import topic_name
from storage.checkpoint_store import CheckpointStore
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_writer import KafkaLogWriter
from stream.faust_worker import FaustOptions, run_faust
from stream.stage import Outcome, Scope


@dataclass
class Sums:
    total: dict[str, int] = field(default_factory=dict)


class CountingStage:
    """Emits, for each record, its place and the running total of its partition."""

    def __init__(self, namespace: str, scope: Scope) -> None:
        self.name = f"counting-{namespace}"
        self.scope = scope
        self.inputs = (topic_name(namespace, "scada.frame.v1"), topic_name(namespace, "weather.v1"))
        self._output = topic_name(namespace, "scada.view.v1")

    def initial(self, partitions: Sequence[Partition]) -> Sums:
        return Sums()

    def step(self, state: Sums, record: LogRecord) -> tuple[Sums, list[Outcome]]:
        if record.value == b"poison":
            raise ValueError("a value that no stage should ever raise on")
        key = f"{record.topic}/{record.partition}"
        state.total[key] = state.total.get(key, 0) + int(record.value)
        text = f"{key} {record.offset} {state.total[key]} {record.headers.get('ce_id', '')}"
        return state, [Outgoing(self._output, record.partition, text.encode())]

    def dump(self, state: Sums) -> dict[str, int]:
        return dict(state.total)

    def load(self, tree: dict[str, int]) -> Sums:
        return Sums(dict(tree))


class TopicOutlet:
    def __init__(self, writer: KafkaLogWriter) -> None:
        self._writer = writer

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        self._writer.append([each for each in outcomes if isinstance(each, Outgoing)])

    def flush(self) -> None:
        self._writer.flush()


def main(bootstrap: str, namespace: str, directory: str, scope: str, instance: str) -> int:
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    connection = KafkaConnection(bootstrap)
    writer = KafkaLogWriter(connection)
    options = FaustOptions(
        connection,
        instance=instance or None,
        checkpoint_every=timedelta(seconds=0.2),
        session_timeout=timedelta(seconds=3),
    )
    stage = CountingStage(namespace, Scope(scope))
    return run_faust(stage, options, TopicOutlet(writer), CheckpointStore(Path(directory)))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
