"""Measurements a second through Apache Kafka and Faust, everything on this machine.

    OPENBLAS_NUM_THREADS=1 python benchmarks/stream_kafka.py --json out.json

A broker, a producer (the gateway's own writer; frames of 1,000, encoded once for all runs) and one
or two `gridcast worker area` run at the same time, each a process. Counted are frames taken in
whose views the broker has acknowledged, over a window that begins when every area has views and
the warm-up is over; then everything is read back, and every frame must have its view, in order,
and every five minutes their windows. `live` is with the producer going on, a bounded number of
frames ahead; `backlog` is with all frames in the broker before. Medians of the repeats.
`cpu_s_per_million` says what a million measurements cost in each process, and so what bounds the
rate. What is run by default takes about 14 minutes on two idle cores; `--cases backlog-1` is to
be asked for.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from _kafka_frames import POINTS, write_frames, write_network
from _report import write_report
from kafka import KafkaAdminClient

from console.services.local_kafka import LocalKafka
from console.services.run_file import RunFile, write_run
from console.services.scenario import DEMO_START
from console.settings import Settings
from records.envelope import watermark_of
from records.log import Partition
from records.time import MINUTE
from records.topics import topic_name
from records.view import decode_view
from records.window import decode_window
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_topics import create_topics
from storage.redis_server import RedisServer

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60.0
SPARE_S = 2.0
"""What may be taken in before every area has views."""
MOST_OF_ALL = 4.0
"""Million measurements/s that two cores will not reach with a broker beside the workers."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Bench:
    """One run: its topics and its processes."""

    def __init__(self, kafka: LocalKafka, redis: RedisServer, name: str, areas: int) -> None:
        directory = kafka.directory.parent / name
        self.settings = Settings(namespace=name, directory=directory)
        self.run = RunFile(settings=self.settings, start=DEMO_START, days=1, seed=0, speed=None)
        self.file = write_run(self.run)
        everywhere = write_network(self.run, areas)
        self.connection = KafkaConnection(kafka.bootstrap_servers)
        create_topics(self.connection, name, everywhere)
        self.reader = KafkaLogReader(self.connection)
        self.areas = areas
        self.pids: dict[str, int] = {"broker": kafka.pid or 0, "redis": redis.pid or 0}
        self._environment = os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "REDIS_URL": redis.url,
            "OPENBLAS_NUM_THREADS": "1",
        }

    @contextmanager
    def process(self, name: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process of this run; it is killed at the end."""
        log = (self.settings.directory / f"{name}.log").open("wb")
        child = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if name == "producer" else log,
            stderr=log,
            env=self._environment,
            cwd=ROOT,
        )
        self.pids[name] = child.pid
        try:
            yield child
        finally:
            child.kill()
            child.wait()
            log.close()
            del self.pids[name]

    def producer(self, frames: Path, count: int, ahead: int) -> Any:
        """Start the producer of the first `count` frames of a file."""
        script = str(ROOT / "benchmarks" / "_kafka_frames.py")
        arguments = (str(self.file), str(frames), str(count), str(ahead))
        return self.process("producer", script, *arguments)

    def worker(self, instance: int) -> Any:
        """Start a worker of the stage."""
        command = ["worker", "area", "--run", str(self.file), "--instance", str(instance)]
        return self.process(f"worker-{instance}", "-P", "-m", "console.main", *command)

    def views(self) -> list[int]:
        """Views of each area that the broker has acknowledged."""
        topic = topic_name(self.settings.namespace, "scada.view.v1")
        return [self.reader.end_offset(Partition(topic, n)) for n in range(self.areas)]

    def wait_for_views(self) -> None:
        """Return once every area has one: all workers are at work then."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(self.views()):
            if time.monotonic() > deadline:
                raise SystemExit(f"an area has no views; see {self.settings.directory}")
            time.sleep(0.05)

    def close(self) -> None:
        """Let go, and give the broker its disk back."""
        self.reader.close()
        admin = KafkaAdminClient(**self.connection.options("benchmark"))
        own = f"gridcast.{self.settings.namespace}."
        admin.delete_topics([name for name in admin.list_topics() if name.startswith(own)])
        admin.close()

    def cpu(self) -> dict[str, float]:
        """Processor time of each process so far, s."""
        return {name: _cpu_s(pid) for name, pid in self.pids.items()}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _line(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    if not process.stdout.readline():
        raise SystemExit("the producer has ended; its log says why")


def _tell(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    process.stdin.flush()


def measure(bench: Bench, options: argparse.Namespace, workers: int, live: bool) -> dict[str, Any]:
    count = frames_for(options, workers)
    with ExitStack() as stack:
        ahead = options.ahead if live else 0
        producer = stack.enter_context(bench.producer(options.frames, count, ahead))
        _line(producer)
        if not live:
            _tell(producer)
            _line(producer)
        counted = [name for name in bench.pids if live or name != "producer"]
        for instance in range(workers):
            stack.enter_context(bench.worker(instance))
            counted.append(f"worker-{instance}")
        if live:
            _tell(producer)
        bench.wait_for_views()
        time.sleep(options.warm_up_s)
        first, began, before = sum(bench.views()), time.monotonic(), bench.cpu()
        time.sleep(options.window_s)
        views, ended, after = bench.views(), time.monotonic(), bench.cpu()
        last = sum(views)
        if max(views) >= count // bench.areas:
            raise SystemExit("the frames of an area ran out before the window ended; raise --most")
    taken, wall = (last - first) * POINTS, ended - began
    spent = {name: after[name] - before[name] for name in counted}
    found = read_back(bench, last)
    return {
        "measurements_per_s": round(taken / wall),
        "cores_used": round(sum(spent.values()) / wall, 2),
        "cpu_s_per_million": {name: round(s / taken * 1e6, 3) for name, s in spent.items()},
        "windows_per_s": round(found["windows"] / last * (last - first) / wall, 1),
        **found,
    }


def frames_for(options: argparse.Namespace, workers: int) -> int:
    """Frames that last for a run, of all areas together, as many of each."""
    seconds = SPARE_S + options.warm_up_s + options.window_s
    each = seconds * min(workers * options.most, MOST_OF_ALL) * 1e6 / POINTS / options.areas
    return int(each) * options.areas


def read_back(bench: Bench, n_views: int) -> dict[str, Any]:
    """Read all views and windows, and check that none is missing and none out of order."""
    space, found = bench.settings.namespace, {"views": 0, "windows": 0}
    for area in range(bench.areas):
        place, offset = Partition(topic_name(space, "scada.view.v1"), area), 0
        while records := bench.reader.read(place, offset, 5000):
            for record in records:
                view = decode_view(record.value)
                assert view.scan_time == bench.run.start + record.offset * 30_000_000_000
                assert len(view.point) == POINTS
            offset = records[-1].offset + 1
        found["views"] += offset
        ends, reached = [], watermark_of(record.headers) or 0
        place, offset = Partition(topic_name(space, "window.5min.v1"), area), 0
        while records := bench.reader.read(place, offset, 5000):
            for each in records:
                batch = decode_window(each.value)
                assert batch.revision.max() == 1
                ends.append(batch.end)
            offset = records[-1].offset + 1
        first = ends[0]
        assert ends == [first + i * 5 * MINUTE for i in range(len(ends))]
        assert ends[-1] + 5 * MINUTE > reached - 5 * MINUTE
        found["windows"] += len(ends)
    assert found["views"] >= n_views
    return found


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    spent: Mapping[str, Any] = runs[0]["cpu_s_per_million"]
    return {
        "measurements_per_s": round(statistics.median(r["measurements_per_s"] for r in runs)),
        "cores_used": statistics.median(r["cores_used"] for r in runs),
        "cpu_s_per_million": {
            name: statistics.median(r["cpu_s_per_million"][name] for r in runs) for name in spent
        },
        "runs": runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warm-up-s", type=float, default=4.0)
    parser.add_argument("--window-s", type=float, default=30.0)
    parser.add_argument("--areas", type=int, default=4)
    parser.add_argument("--ahead", type=int, default=4000, help="frames the producer may be ahead")
    parser.add_argument(
        "--most", type=float, default=1.9, help="million/s of a worker that frames are made for"
    )
    parser.add_argument("--cases", default="live-1,live-2,backlog-2")
    options = parser.parse_args()
    cases: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        kafka = stack.enter_context(LocalKafka(Path(scratch) / "kafka"))
        redis = stack.enter_context(RedisServer(Path(scratch) / "redis"))
        plan = [(case, *case.split("-")) for case in options.cases.split(",")]
        options.frames = Path(scratch) / "frames.msgpack"
        most = max(frames_for(options, int(workers)) for _, _, workers in plan)
        bench = Bench(kafka, redis, "frames", options.areas)
        write_frames(bench.run, most // options.areas, options.frames)
        bench.close()
        for repeat in range(options.repeats):
            for case, kind, workers in plan:
                bench = Bench(kafka, redis, f"{case}-{repeat}", options.areas)
                done = measure(bench, options, int(workers), kind == "live")
                bench.close()
                cases.setdefault(case, []).append(done)
                print(case, repeat, done, file=sys.stderr, flush=True)
    figures = {
        "points": POINTS, "areas": options.areas, "window_s": options.window_s,
        "cases": {case: summary(runs) for case, runs in cases.items()},
    }  # fmt: skip
    write_report(options.json, figures)


if __name__ == "__main__":
    main()
