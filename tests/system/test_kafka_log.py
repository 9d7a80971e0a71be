"""Apache Kafka holds to the contract of a log."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import KafkaAdminClient, TopicPartition

from console.services.local_kafka import LocalKafka
from records.log import LogWriter, OffsetOutOfRangeError, Outgoing, Partition
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_log_writer import KafkaLogWriter, KafkaWriteError
from tests.storage.log_contract import LogContract, OpenLog

pytestmark = pytest.mark.broker

_serial = itertools.count()


@pytest.fixture
def connection(kafka: LocalKafka) -> KafkaConnection:
    return KafkaConnection(kafka.bootstrap_servers)


def make_topics(connection: KafkaConnection, count: int, partitions: int = 3) -> list[str]:
    names = [f"log-test-{next(_serial)}" for _ in range(count)]
    admin = KafkaAdminClient(**connection.options("test"))
    admin.create_topics(
        {
            name: {
                "num_partitions": partitions,
                "configs": {"message.timestamp.type": "LogAppendTime"},
            }
            for name in names
        },
        wait_for_metadata=True,
    )
    admin.close()
    return names


class TestKafkaLog(LogContract):
    @pytest.fixture
    def log(self, connection: KafkaConnection) -> Iterator[OpenLog]:
        writer: LogWriter = KafkaLogWriter(connection)
        readers: list[KafkaLogReader] = []
        pool: list[str] = []

        def fresh_topic() -> str:
            if not pool:
                pool.extend(make_topics(connection, 10))
            return pool.pop()

        def open_reader() -> KafkaLogReader:
            readers.append(KafkaLogReader(connection))
            return readers[-1]

        yield OpenLog(writer, open_reader, fresh_topic)
        writer.close()
        for reader in readers:
            reader.close()


def test_a_partition_that_does_not_exist_is_named(connection: KafkaConnection) -> None:
    writer = KafkaLogWriter(connection, delivery_timeout_s=2.0)
    with pytest.raises(KafkaWriteError, match="gridcast topics create"):
        writer.append([Outgoing("nowhere", 0, b"")])
    (topic,) = make_topics(connection, 1, partitions=1)
    with pytest.raises(KafkaWriteError, match=f"{topic}/7"):
        writer.append([Outgoing(topic, 7, b"")])
    writer.close()


def test_a_first_record_of_a_topic_waits_for_a_broker_that_is_away(
    kafka_of_its_own: LocalKafka,
) -> None:
    connection = KafkaConnection(kafka_of_its_own.bootstrap_servers)
    (topic,) = make_topics(connection, 1, partitions=1)
    writer = KafkaLogWriter(connection, topic_timeout_s=0.5)
    kafka_of_its_own.kill()
    with ThreadPoolExecutor(1) as other:
        appended = other.submit(writer.append, [Outgoing(topic, 0, b"a")])
        kafka_of_its_own.start()
        appended.result()
    writer.close()
    with KafkaLogReader(connection) as reader:
        assert [r.value for r in reader.read(Partition(topic, 0), 0, 9)] == [b"a"]


def test_a_writer_that_has_given_records_up_lets_go_without_a_further_word(
    kafka_of_its_own: LocalKafka,
) -> None:
    connection = KafkaConnection(kafka_of_its_own.bootstrap_servers)
    (topic,) = make_topics(connection, 1, partitions=1)
    writer = KafkaLogWriter(connection, linger_ms=0, delivery_timeout_s=1.0)
    writer.append([Outgoing(topic, 0, b"a")])
    writer.flush()
    kafka_of_its_own.kill()
    writer.append([Outgoing(topic, 0, b"b")])
    with pytest.raises(KafkaWriteError):
        writer.flush()
    writer.close()


def test_records_that_retention_deleted_are_refused_and_reading_goes_on_after_them(
    connection: KafkaConnection,
) -> None:
    (topic,) = make_topics(connection, 1)
    place = Partition(topic, 0)
    writer = KafkaLogWriter(connection)
    writer.append([Outgoing(topic, 0, b"%d" % i) for i in range(5)])
    writer.close()
    admin = KafkaAdminClient(**connection.options("test"))
    admin.delete_records({TopicPartition(topic, 0): 3})
    admin.close()
    with KafkaLogReader(connection) as reader:
        with pytest.raises(OffsetOutOfRangeError, match="start again from 3"):
            reader.read(place, 2, 10)
        assert reader.begin_offset(place) == 3
        assert [r.value for r in reader.read(place, 3, 10)] == [b"3", b"4"]


def test_waiting_ends_when_data_are_there_and_when_time_is_up(connection: KafkaConnection) -> None:
    (topic,) = make_topics(connection, 1)
    first, second = Partition(topic, 0), Partition(topic, 1)
    writer = KafkaLogWriter(connection)
    with KafkaLogReader(connection) as reader:
        assert not reader.wait_for_data({first: 0, second: 0}, timeout=0.0)
        writer.append([Outgoing(topic, 1, b"a")])
        writer.flush()
        assert reader.wait_for_data({first: 0, second: 0}, timeout=60)
        assert [r.value for r in reader.read(second, 0, 9)] == [b"a"]
    writer.close()
