"""100,000 points every 10 s through Kafka and Faust, for 20 minutes, and then a restart.

    OPENBLAS_NUM_THREADS=1 python benchmarks/stream_cycle.py --json out.json
    OPENBLAS_NUM_THREADS=1 python benchmarks/stream_cycle.py --json out.json --minutes 3   # a try

Apache Kafka, a process that stands for the gateways of 100 areas of 1,000 points, one
`gridcast worker area` and this process, which reads the views, all on this machine. Each area's
scan arrives 1 to 3 s after its time, 2 % of its rows absent; one frame in a hundred is held up for
5 to 60 s. After the minutes the worker is killed with -9, started again after `--down-s`, and must
catch up with what came meanwhile.

A line each minute. The first is to warm up and counts for nothing. Latencies are from the
broker's append time to when this process had the view:
`frame_ms` of each frame that came in time, `cycle_ms` from a cycle's last frame to its last view;
`append_ms` is the part of the first until the broker had the view.
`lag` is in frames behind what the group committed, which trails the checkpoint; `waiting` are
frames without a view yet. Memory is judged from 20 minutes on. Exit code 1 when a limit is missed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from _cycle_frames import ABSENT, HELD_UP, POINTS, SPREAD_S, write_grid
from _cycle_watch import Watch, spread_of
from _report import write_report
from kafka import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError

from console.services.local_kafka import LocalKafka
from console.services.run_file import RunFile, write_run
from console.settings import Settings, nanoseconds
from records.time import MINUTE, SECOND
from storage.kafka_connection import KafkaConnection
from storage.kafka_topics import create_topics
from storage.redis_server import RedisServer

WARM_UP = 1
ROOT = Path(__file__).parents[1]
P99_MS, GROWTH, RESTART_S, LAG_CYCLES = 500.0, 0.05, 30.0, 3
_GROUP = "gridcast.cycle.area"
_TICKS = os.sysconf("SC_CLK_TCK")
_TOPICS = (
    "scada.frame.v1", "scada.view.v1", "window.5min.v1", "window.15min.v1", "window.late.v1",
    "finding.v1", "dead-letter.v1",
)  # fmt: skip


class Grid:
    """The run, its servers and its processes."""

    def __init__(self, options: argparse.Namespace, directory: Path, stack: ExitStack) -> None:
        kafka = stack.enter_context(LocalKafka(directory / "kafka", heap_mb=768))
        redis = stack.enter_context(RedisServer(directory / "redis"))
        self._stack = stack
        self.settings = Settings.model_validate(
            {
                "namespace": "cycle",
                "directory": directory / "run",
                "scada": {"scan_period": "PT10S", "hot_retention": options.hot_retention},
                "checkpoint": {"place": options.checkpoints},
                "logging": {"level": "debug"},
            }
        )
        self.period = nanoseconds(self.settings.scada.scan_period)
        start = (time.time_ns() // self.period + 4) * self.period
        self.run = RunFile(settings=self.settings, start=start, days=1, seed=0, speed=None)
        self.file = write_run(self.run)
        write_grid(self.run, options.areas)
        self.connection = KafkaConnection(kafka.bootstrap_servers)
        create_topics(self.connection, "cycle", options.areas, names=_TOPICS)
        self.pids = {"broker": kafka.pid or 0}
        self._environment = os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "REDIS_URL": redis.url,
            "OPENBLAS_NUM_THREADS": "1",
        }

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process, which is killed at the end."""
        log = self._stack.enter_context((self.settings.directory / f"{name}.log").open("ab"))
        child = subprocess.Popen(
            [sys.executable, *command], stdout=log, stderr=log, env=self._environment, cwd=ROOT
        )
        self._stack.callback(child.wait)
        self._stack.callback(child.kill)
        self.pids[name] = child.pid
        return child

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start the worker of the stage."""
        command = ["worker", "area", "--run", str(self.file), "--instance", "0"]
        return self.start("worker", "-P", "-m", "console.main", *command)

    def told(self, event: str) -> list[dict[str, Any]]:
        """What the worker's log says of an event."""
        lines = (self.settings.directory / "worker.log").read_text().splitlines()
        return [json.loads(line) for line in lines if f'"{event}"' in line]

    def checkpoint_files(self) -> tuple[int, int]:
        """Number and bytes of the files of checkpoints."""
        kept = self.settings.directory / "checkpoints"
        sizes = [file.stat().st_size for file in kept.rglob("*") if file.is_file()]
        return len(sizes), sum(sizes)


def rss_mb(pid: int) -> float:
    """Resident set of a process, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def lag_of(admin: KafkaAdminClient, watch: Watch) -> int:
    """Frames that the group has not committed yet."""
    try:
        (done,) = admin.list_group_offsets(_GROUP).values()
    except CoordinatorNotAvailableError:  # before the first worker came
        done = {}
    committed = {place.partition: found.offset for place, found in done.items()}
    return sum(at - max(committed.get(area, 0), 0) for area, at in watch.positions().items())


def observe(
    grid: Grid, watch: Watch, worker: subprocess.Popen[bytes], minutes: int
) -> list[dict[str, Any]]:
    """Follow the run, and say every minute how it went."""
    admin = KafkaAdminClient(**grid.connection.options("benchmark-admin"))
    rows: list[dict[str, Any]] = []
    scans, used = MINUTE // grid.period, {name: cpu_s(pid) for name, pid in grid.pids.items()}
    saved = 0
    for minute in range(minutes):
        end = grid.run.start + (minute + 1) * MINUTE + 4 * SECOND
        lag = waiting = 0
        look = time.time_ns()
        while time.time_ns() < end:
            watch.poll(0.2)
            if time.time_ns() >= look:
                look += 5 * SECOND
                lag = max(lag, lag_of(admin, watch))
                waiting = max(waiting, len(watch.waiting))
            if worker.poll() is not None:
                raise SystemExit(f"the worker has ended; see {grid.settings.directory}/worker.log")
        took = watch.latencies(range(minute * scans, (minute + 1) * scans))
        checkpoints = grid.told("checkpoint_saved")
        now = {name: cpu_s(pid) for name, pid in grid.pids.items()}
        rows.append(
            {
                "minute": minute + 1 - WARM_UP,
                "views": len(took["frame_ms"]),
                **{name: spread_of(each) for name, each in took.items()},
                "lag": lag,
                "waiting": waiting,
                "rss_mb": round(rss_mb(worker.pid), 1),
                "checkpoint_mb_per_s": round(
                    sum(line["bytes"] for line in checkpoints[saved:]) / 60 / 1e6, 3
                ),
                "checkpoint_pause_ms": max(
                    (line["longest_pause_ms"] for line in checkpoints[saved:]), default=0.0
                ),
                "cores": {name: round((now[name] - used[name]) / 60, 3) for name in now},
            }
        )
        saved, used = len(checkpoints), now
        print(rows[-1], file=sys.stderr, flush=True)
    admin.close()
    return rows


def restart(
    grid: Grid, watch: Watch, worker: subprocess.Popen[bytes], down_s: float
) -> dict[str, Any]:
    """Kill the worker, start it again, and wait until every frame has its view."""
    # Killed when a cycle is done, so that the next ones find nobody.
    while time.time_ns() % grid.period < 7 * SECOND:
        watch.poll(0.1)
    worker.kill()
    worker.wait()
    files, size = grid.checkpoint_files()
    killed, assigned = time.monotonic(), len(grid.told("partitions_assigned"))
    while time.monotonic() < killed + down_s:
        watch.poll(0.1)
    # Kafka tells of a frame at once, so none that came before the start is missed.
    missed, begun, begun_ns = len(watch.waiting), time.monotonic(), time.time_ns()
    again = grid.start_worker()
    while watch.waiting:
        watch.poll(0.05)
        if again.poll() is not None or time.monotonic() > begun + 10 * RESTART_S:
            raise SystemExit(f"it did not catch up; see {grid.settings.directory}/worker.log")
    seconds = time.monotonic() - begun
    loaded = grid.told("partitions_assigned")[assigned:]
    done = {
        "down_s": down_s,
        "frames_missed": missed,
        "caught_up_s": round(seconds, 2),
        "from_the_begin": sum(
            at == 0 for line in loaded for place, at in line["positions"].items()
        ),
        "checkpoint_files": files,
        "checkpoint_mb": round(size / 1e6, 1),
        "rss_mb": round(rss_mb(again.pid), 1),
        "started_at": begun_ns,
    }
    print(done, file=sys.stderr, flush=True)
    return done


def judged(rows: list[dict[str, Any]], figures: dict[str, Any], areas: int) -> dict[str, Any]:
    """Each limit with what was measured; `held` is None where it was not judged."""
    limits: dict[str, Any] = {}

    def limit(name: str, value: float | None, most: float) -> None:
        limits[name] = {
            "value": value,
            "most": most,
            "held": None if value is None else value <= most,
        }

    limit("frame_p99_ms", figures["frame_ms"]["p99"], P99_MS)
    limit("cycle_p99_ms", figures["cycle_ms"]["p99"], P99_MS)
    limit("views_missing", figures["views_missing"], 0)
    limit("lag", max(row["lag"] for row in rows[WARM_UP:]), LAG_CYCLES * areas)
    growth = None
    if len(rows) - WARM_UP >= 20:
        growth = round(rows[-1]["rss_mb"] / rows[-5]["rss_mb"] - 1, 4)
    limit("rss_growth_of_the_last_4_minutes", growth, GROWTH)
    limit("restart_s", figures["restart"]["caught_up_s"], RESTART_S)
    limit("restarted_from_the_begin", figures["restart"]["from_the_begin"], 0)
    return limits


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--areas", type=int, default=100)
    parser.add_argument("--hot-retention", default="PT15M", help="scada.hot_retention")
    parser.add_argument("--checkpoints", choices=["files", "topic"], default="files")
    parser.add_argument("--down-s", type=float, default=15.0)
    options = parser.parse_args()
    # Whoever stops it stops its processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="gridcast-cycle-") as scratch, ExitStack() as stack:
        grid = Grid(options, Path(scratch), stack)
        worker = grid.start_worker()
        spare = int(options.down_s) // 10 + 12
        cycles = (WARM_UP + options.minutes) * MINUTE // grid.period + spare
        script = str(ROOT / "benchmarks" / "_cycle_frames.py")
        grid.start("gateways", script, str(grid.file), str(cycles))
        watch = Watch(grid.connection, "cycle", options.areas, grid.run.start, grid.period)
        rows = observe(grid, watch, worker, WARM_UP + options.minutes)
        done = restart(grid, watch, worker, options.down_s)
        scans = MINUTE // grid.period
        took = watch.latencies(range(WARM_UP * scans, (WARM_UP + options.minutes) * scans))
        figures: dict[str, Any] = {
            "areas": options.areas,
            "points": options.areas * POINTS,
            "period_s": grid.period // SECOND,
            "minutes": options.minutes,
            "hot_retention": options.hot_retention,
            "checkpoints": options.checkpoints,
            "input": {"spread_s": SPREAD_S, "absent": ABSENT, "held_up": HELD_UP},
            "broker_on_this_machine": True,
            **{name: spread_of(each) for name, each in took.items()},
            "frames_sent": watch.frames,
            "frames_late": watch.late,
            "views_missing": len(watch.appended.keys() - watch.shown.keys() - watch.waiting),
            "restart": done,
            "minutes_of": rows,
        }
    figures["limits"] = judged(rows, figures, options.areas)
    write_report(options.json, figures)
    missed = [name for name, each in figures["limits"].items() if each["held"] is False]
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
