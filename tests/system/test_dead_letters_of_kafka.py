"""Dead letters over a real broker: listed, shown and sent through again."""

from __future__ import annotations

import pytest

from console.main import run as gridcast
from console.services.local_kafka import LocalKafka
from records.deadletter import dead_letter_record
from records.errors import Reason, RecordError
from records.log import LogRecord, Partition
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_log_writer import KafkaLogWriter
from storage.kafka_topics import create_topics

pytestmark = pytest.mark.broker


def test_a_letter_is_listed_shown_and_sent_back_to_its_partition(
    kafka: LocalKafka,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frames, dead = (f"gridcast.{namespace}.{n}" for n in ("scada.frame.v1", "dead-letter.v1"))
    connection = KafkaConnection(kafka.bootstrap_servers)
    create_topics(connection, namespace, areas=3, names=["scada.frame.v1", "dead-letter.v1"])
    bad = LogRecord(frames, 2, 41, 1_000_000_000, b"\x00raw", b"2", {"ce_type": "x"})
    writer = KafkaLogWriter(connection)
    writer.append(
        [dead_letter_record(dead, bad, RecordError(Reason.UNDECODABLE, "bad"), source="a")]
    )
    writer.close()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("COLUMNS", "200")

    def told(*arguments: str) -> str:
        assert gridcast(("dead-letters", *arguments, "--namespace", namespace)) == 0
        return capsys.readouterr().out

    assert f"{frames} 2:41" in told("list")
    assert "b'\\x00raw'" in told("show", "0:0")
    assert "1 sent through again" in told("resend", "0:0")
    with KafkaLogReader(connection) as reader:
        (record,) = reader.read(Partition(frames, 2), 0, 10)
    assert (record.value, record.key) == (b"\x00raw", b"2")
    assert record.headers == {"ce_type": "x", "gc_resent": "1"}
