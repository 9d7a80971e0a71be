"""The servers that the other broker tests stand on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import redis
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from console.services.local_kafka import KafkaUnavailableError, LocalKafka

pytestmark = pytest.mark.broker


def _all_values(bootstrap: str, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    values: list[bytes] = []
    while len(values) < end:
        for records in consumer.poll(timeout_ms=1000).values():
            values += [record.value for record in records]
    consumer.close()
    return values


def test_acknowledged_records_outlive_a_killed_broker(kafka_of_its_own: LocalKafka) -> None:
    broker = kafka_of_its_own
    address = broker.bootstrap_servers
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=address, acks="all")
    for number in range(10):
        producer.send("kept", str(number).encode(), partition=0).get(timeout=10)
    producer.close()

    broker.kill()
    broker.start()

    assert broker.bootstrap_servers == address
    assert _all_values(address, "kept") == [str(number).encode() for number in range(10)]


def test_a_broker_that_was_killed_is_told_from_one_that_runs(kafka_of_its_own: LocalKafka) -> None:
    kafka_of_its_own.check()
    pid = kafka_of_its_own.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(KafkaUnavailableError, match="ended with code -9"):
        kafka_of_its_own.check()


def test_a_broker_left_by_a_killed_owner_is_reaped(tmp_path: Path) -> None:
    left_behind = LocalKafka(tmp_path / "kafka")
    left_behind.start()
    with LocalKafka(tmp_path / "kafka") as successor:
        assert successor.pid != left_behind.pid
        assert Path(f"/proc/{left_behind.pid}/cmdline").read_bytes() == b""
    left_behind.kill()


def test_redis_answers(redis_server: str) -> None:
    client = redis.Redis.from_url(redis_server)
    client.set("key", b"value")
    assert client.get("key") == b"value"
