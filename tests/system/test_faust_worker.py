"""The Faust shell against a real broker: nothing lost, nothing counted twice, whatever happens."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from console.services.local_kafka import LocalKafka
from records.log import Outgoing, Partition
from records.topics import topic_name
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_log_writer import KafkaLogWriter
from storage.kafka_topics import create_topics

pytestmark = pytest.mark.broker

AREAS = 3
PATIENCE_S = 60.0


@dataclass
class Bench:
    """Topics of one namespace, the workers over them, and what they have put out."""

    kafka: LocalKafka
    namespace: str
    directory: Path
    sent: dict[int, list[int]] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    outputs: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = KafkaConnection(self.kafka.bootstrap_servers)
        create_topics(self.connection, self.namespace, areas=AREAS)
        self.frames = topic_name(self.namespace, "scada.frame.v1")
        self.views = topic_name(self.namespace, "scada.view.v1")
        self.writer = KafkaLogWriter(self.connection)
        self.reader = KafkaLogReader(self.connection)
        self._positions = {Partition(self.views, number): 0 for number in range(AREAS)}

    def start(self, instance: str = "", scope: str = "partition") -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("counting_worker.py")
        arguments = [self.kafka.bootstrap_servers, self.namespace, str(self.directory)]
        log = (self.directory.parent / f"worker-{len(self.workers)}.log").open("wb")
        worker = subprocess.Popen(
            [sys.executable, str(script), *arguments, scope, instance],
            stderr=log,
            stdout=log,
            cwd=Path(__file__).parents[2],
        )
        log.close()
        self.workers.append(worker)
        return worker

    def send(self, count: int) -> None:
        """Put `count` numbers into every area."""
        for number in range(AREAS):
            known = self.sent.setdefault(number, [])
            values = range(len(known), len(known) + count)
            self.writer.append(
                Outgoing(self.frames, number, b"%d" % v, headers={"ce_id": f"é{v}"}) for v in values
            )
            known += values
        self.writer.flush()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Read outputs until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            logs = sorted(self.directory.parent.glob("worker-*.log"))
            assert time.monotonic() < deadline, "\n".join(p.read_text()[-3000:] for p in logs)
            self.reader.wait_for_data(self._positions, timeout=0.5)
            for place, position in self._positions.items():
                for record in self.reader.read(place, position, 5000):
                    where, offset, total, event = record.value.decode().split(" ")
                    self.outputs.setdefault(f"{where} {offset}", set()).add(f"{total} {event}")
                    self._positions[place] = record.offset + 1

    def is_complete(self) -> bool:
        return len(self.outputs) >= sum(map(len, self.sent.values()))

    def assert_every_output_is_as_if_undisturbed(self) -> None:
        """Repeats are equal, and totals are those of a run that nothing happened to."""
        expected = {
            f"{self.frames}/{number} {value}": {f"{value * (value + 1) // 2} é{value}"}
            for number, values in self.sent.items()
            for value in values
        }
        assert self.outputs == expected

    def committed(self) -> dict[int, int]:
        admin = KafkaAdminClient(**self.connection.options("test"))
        group = f"counting-{self.namespace}"
        offsets = admin.list_group_offsets([group])[group]
        admin.close()
        return {p.partition: at.offset for p, at in offsets.items() if p.topic == self.frames}

    def commit_ahead(self, by: int) -> None:
        """Commit offsets that no worker has reached, as a misbehaving tool would."""
        from kafka import KafkaConsumer, TopicPartition
        from kafka.structs import OffsetAndMetadata

        consumer = KafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap_servers, group_id=f"counting-{self.namespace}"
        )
        offsets = {
            TopicPartition(self.frames, n): OffsetAndMetadata(len(v) - by, "", -1)
            for n, v in self.sent.items()
        }
        consumer.assign(list(offsets))
        consumer.commit(offsets)
        consumer.close(autocommit=False)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.writer.close()
        self.reader.close()


@pytest.fixture
def bench(kafka: LocalKafka, namespace: str, tmp_path: Path) -> Iterator[Bench]:
    each = Bench(kafka, namespace, tmp_path / "checkpoints")
    yield each
    each.close()


def test_sigterm_ends_a_worker_in_order_with_its_offsets_committed(bench: Bench) -> None:
    bench.send(500)
    worker = bench.start("a")
    bench.wait_until(bench.is_complete)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0
    bench.assert_every_output_is_as_if_undisturbed()
    assert bench.committed() == {0: 500, 1: 500, 2: 500}


def test_killed_again_and_again_it_puts_out_what_an_undisturbed_run_would(bench: Bench) -> None:
    moments = random.Random(7)
    bench.send(2000)
    for _ in range(3):
        worker = bench.start("a")
        goal = len(bench.outputs) + moments.randrange(1, 800)
        bench.wait_until(lambda goal=goal: len(bench.outputs) >= goal)  # type: ignore[misc]
        worker.kill()
        worker.wait()
        bench.send(300)
    bench.start("a")
    bench.wait_until(bench.is_complete)
    bench.assert_every_output_is_as_if_undisturbed()


def test_an_exception_stops_the_worker_and_acknowledges_nothing_from_there_on(
    bench: Bench,
) -> None:
    bench.send(100)
    bench.writer.append([Outgoing(bench.frames, 1, b"poison"), Outgoing(bench.frames, 1, b"1")])
    bench.writer.flush()
    worker = bench.start("a")
    assert worker.wait(PATIENCE_S) == 1
    assert bench.committed().get(1, 0) <= 100
    bench.wait_until(lambda: True)
    assert f"{bench.frames}/1 101" not in bench.outputs


def test_a_commit_ahead_of_the_checkpoint_is_not_trusted(bench: Bench) -> None:
    bench.send(400)
    bench.commit_ahead(by=50)
    bench.start("a")
    bench.wait_until(bench.is_complete)
    bench.assert_every_output_is_as_if_undisturbed()


def test_a_second_worker_shares_the_areas_and_one_left_alone_takes_all(bench: Bench) -> None:
    first, second = bench.start(), bench.start()
    bench.send(1000)
    bench.wait_until(bench.is_complete)
    bench.send(1000)
    bench.wait_until(bench.is_complete)
    first.kill()
    bench.send(500)
    bench.wait_until(bench.is_complete)
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE_S) == 0
    bench.assert_every_output_is_as_if_undisturbed()


def test_a_stage_over_all_has_a_worker_standing_by(bench: Bench) -> None:
    workers = [bench.start(scope="all"), bench.start(scope="all")]
    bench.send(500)
    bench.wait_until(bench.is_complete)
    workers[0].kill()
    bench.send(500)
    bench.wait_until(bench.is_complete)
    workers[1].kill()
    bench.start(scope="all")
    bench.send(500)
    bench.wait_until(bench.is_complete)
    bench.assert_every_output_is_as_if_undisturbed()
