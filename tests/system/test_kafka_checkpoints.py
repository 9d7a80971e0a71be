"""Checkpoints that travel with a partition."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.services.local_kafka import LocalKafka
from records.log import Partition
from records.snapshot import part_name
from storage.kafka_checkpoints import CheckpointTooLargeError, KafkaCheckpoints
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_log_writer import MAX_RECORD_BYTES

pytestmark = pytest.mark.broker


@pytest.fixture
def connection(kafka: LocalKafka) -> KafkaConnection:
    return KafkaConnection(kafka.bootstrap_servers)


@pytest.fixture
def kept(connection: KafkaConnection, namespace: str) -> Iterator[KafkaCheckpoints]:
    each = KafkaCheckpoints(connection, namespace)
    yield each
    each.close()


def test_nothing_was_ever_kept(kept: KafkaCheckpoints) -> None:
    assert kept.load("area.0") is None


def test_the_youngest_of_each_name_is_found_by_another(
    kept: KafkaCheckpoints, connection: KafkaConnection, namespace: str
) -> None:
    kept.save("area.0", b"old")
    kept.save("area.1", b"of another")
    kept.save("area.0", b"young")
    other = KafkaCheckpoints(connection, namespace)
    found = [other.load("area.0"), other.load("area.1"), other.load("area.2")]
    other.close()
    assert [each.data if each else None for each in found] == [b"young", b"of another", None]


def test_one_that_was_kept_long_ago_is_found_behind_many_of_others(
    kept: KafkaCheckpoints,
) -> None:
    kept.save("area.0", b"long ago")
    for number in range(200):
        kept.save("area.1", b"%d" % number)
    found, youngest = kept.load("area.0"), kept.load("area.1")
    assert found is not None
    assert youngest is not None
    assert (found.data, youngest.data) == (b"long ago", b"199")


def test_a_state_of_megabytes_fits(kept: KafkaCheckpoints) -> None:
    data = bytes(range(256)) * (12 << 12)
    kept.save("forecast", data)
    found = kept.load("forecast")
    assert found is not None
    assert found.data == data


def test_one_that_does_not_fit_is_refused_and_leaves_the_last(kept: KafkaCheckpoints) -> None:
    kept.save("forecast", b"fits")
    with pytest.raises(CheckpointTooLargeError, match="in files"):
        kept.save("forecast", bytes(MAX_RECORD_BYTES))
    found = kept.load("forecast")
    assert found is not None
    assert found.data == b"fits"


def test_parts_are_found_by_another_and_go_when_two_checkpoints_do_not_name_them(
    kept: KafkaCheckpoints, connection: KafkaConnection, namespace: str
) -> None:
    bodies = [b"first", b"second", b"third", b"fourth"]
    names = [part_name(body) for body in bodies]
    kept.save("area.0", b"one", names[:1], {names[0]: bodies[0]})
    kept.save("area.0", b"two", names[:2], {names[1]: bodies[1]})
    for number in (2, 3):
        kept.save("area.0", b"later", [names[number]], {names[number]: bodies[number]})
    other = KafkaCheckpoints(connection, namespace)
    found = other.load_all(["area.0", "area.1"])
    other.close()
    assert list(found) == ["area.0"]
    assert (found["area.0"].data, found["area.0"].parts) == (b"later", {names[3]: bodies[3]})
    with KafkaLogReader(connection) as reader:
        place = Partition(f"gridcast.{namespace}.checkpoint.v1", 0)
        ended = [r.key.decode() for r in reader.read(place, 0, 100) if not r.value]
    assert sorted(key.rpartition("/")[2] for key in ended) == sorted(names[:2])


def test_a_checkpoint_whose_parts_are_gone_gives_way_to_the_one_before(
    kept: KafkaCheckpoints, connection: KafkaConnection, namespace: str
) -> None:
    kept.save("area.0", b"whole", [], {})
    kept.save("area.0", b"of a worker taken for dead", [part_name(b"gone")], {})
    other = KafkaCheckpoints(connection, namespace)
    found = other.load("area.0")
    other.close()
    assert found is not None
    assert (found.data, found.previous) == (b"whole", True)
    assert "is missing" in found.problem
