"""The doctor over a real broker: checkpoints, in files or in their topic, beside the commits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from console.doctor.check import Check, Verdict
from console.doctor.check_log import log_checks
from console.services.local_kafka import LocalKafka
from console.settings import Addresses, Settings
from records.log import Outgoing
from records.snapshot import pack
from records.topics import topic_name
from storage.checkpoint_store import CheckpointStore
from storage.kafka_checkpoints import KafkaCheckpoints
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_writer import KafkaLogWriter
from storage.kafka_topics import create_topics

pytestmark = pytest.mark.broker


@pytest.fixture
def connection(kafka: LocalKafka, namespace: str) -> KafkaConnection:
    """A cluster with three frames of each of two areas."""
    made = KafkaConnection(kafka.bootstrap_servers)
    create_topics(made, namespace, areas=2)
    writer = KafkaLogWriter(made)
    frames = topic_name(namespace, "scada.frame.v1")
    writer.append(Outgoing(frames, area, b"x") for area in (0, 1) for _ in range(3))
    writer.close()
    return made


def commit(connection: KafkaConnection, namespace: str, positions: Mapping[int, int]) -> None:
    """Commit what a worker of `area` would."""
    topic = topic_name(namespace, "scada.frame.v1")
    consumer = KafkaConsumer(
        bootstrap_servers=connection.bootstrap_servers, group_id=f"gridcast.{namespace}.area"
    )
    offsets = {
        TopicPartition(topic, area): OffsetAndMetadata(at, "", -1) for area, at in positions.items()
    }
    consumer.assign(list(offsets))
    consumer.commit(offsets)
    consumer.close(autocommit=False)


def save(kept: Any, namespace: str, area: int, at: int) -> None:
    offsets = [(topic_name(namespace, "scada.frame.v1"), area, at)]
    kept.save(f"area.{area}", pack({"offsets": offsets, "state": {}}))


def told(connection: KafkaConnection, namespace: str, place: str, directory: Path) -> list[Check]:
    """What the doctor says of the stage `area`."""
    settings = Settings.model_validate(
        {
            "namespace": namespace,
            "directory": directory,
            "checkpoint": {"place": place},
            "addresses": Addresses(kafka_bootstrap_servers=connection.bootstrap_servers),
        }
    )
    return [check for check in log_checks(settings) if check.subject.startswith("area, ")]


def test_files_are_told_beside_what_the_group_committed(
    connection: KafkaConnection, namespace: str, tmp_path: Path
) -> None:
    store = CheckpointStore(tmp_path / "checkpoints")
    save(store, namespace, 0, 2)
    save(store, namespace, 1, 1)
    commit(connection, namespace, {0: 2, 1: 3})
    first, second = told(connection, namespace, "files", tmp_path)
    assert first.seen == "checkpoint 2, committed 2, log 0 to 3: 1 records behind the end"
    assert second.verdict is Verdict.WARNING
    assert second.seen.startswith("checkpoint 1, committed 3, log 0 to 3: 2 records were committed")


def test_the_topic_is_told_beside_what_the_group_committed(
    connection: KafkaConnection, namespace: str, tmp_path: Path
) -> None:
    commit(connection, namespace, {0: 2, 1: 3})
    lost = told(connection, namespace, "topic", tmp_path)
    assert [check.verdict for check in lost] == [Verdict.WARNING] * 2
    assert all("a worker starts from 0" in check.seen for check in lost)

    kept = KafkaCheckpoints(connection, namespace)
    save(kept, namespace, 0, 1)
    save(kept, namespace, 0, 2)
    save(kept, namespace, 1, 3)
    kept.close()
    first, second = told(connection, namespace, "topic", tmp_path)
    assert first.seen == "checkpoint 2, committed 2, log 0 to 3: 1 records behind the end"
    assert second.seen == "checkpoint 3, committed 3, log 0 to 3: at the end of the log"
    assert not (tmp_path / "checkpoints").exists()
