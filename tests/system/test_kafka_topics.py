"""Topics come into being as the catalogue says."""

from __future__ import annotations

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from console.services.local_kafka import LocalKafka
from records.topics import CATALOGUE
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_topics import create_topics

pytestmark = pytest.mark.broker


@pytest.fixture
def connection(kafka: LocalKafka) -> KafkaConnection:
    return KafkaConnection(kafka.bootstrap_servers)


def test_all_topics_are_created_once(connection: KafkaConnection, namespace: str) -> None:
    first = create_topics(connection, namespace, areas=3)
    assert [report.topic for report in first] == [f"gridcast.{namespace}.{n}" for n in CATALOGUE]
    assert all(report.created and not report.differences for report in first)
    again = create_topics(connection, namespace, areas=3)
    assert not any(r.created or r.partitions_added or r.differences for r in again)
    with KafkaLogReader(connection) as reader:
        assert list(reader.partitions(f"gridcast.{namespace}.scada.frame.v1")) == [0, 1, 2]
        assert list(reader.partitions(f"gridcast.{namespace}.forecast.v1")) == [0]


def test_new_areas_add_partitions(connection: KafkaConnection, namespace: str) -> None:
    create_topics(connection, namespace, areas=2, names=["scada.frame.v1", "weather.v1"])
    grown = create_topics(connection, namespace, areas=5, names=["scada.frame.v1", "weather.v1"])
    assert [report.partitions_added for report in grown] == [3, 0]
    with KafkaLogReader(connection) as reader:
        assert len(reader.partitions(f"gridcast.{namespace}.scada.frame.v1")) == 5


def test_an_existing_topic_is_left_as_it_is_and_its_differences_are_told(
    connection: KafkaConnection, namespace: str
) -> None:
    name = f"gridcast.{namespace}.weather.v1"
    create_topics(connection, namespace, areas=1, names=["weather.v1"])
    admin = KafkaAdminClient(**connection.options("test"))
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1000"})])
    admin.close()
    (report,) = create_topics(connection, namespace, areas=1, names=["weather.v1"])
    assert report.differences == ("retention.ms is 1000, the catalogue says 2592000000",)
