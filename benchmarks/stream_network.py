"""The state of a 1354-bus network every scan of 10 s, through Kafka and Faust, for 10 minutes.

    OPENBLAS_NUM_THREADS=1 python benchmarks/stream_network.py --json out.json
    OPENBLAS_NUM_THREADS=1 python benchmarks/stream_network.py --json out.json --minutes 1   # a try

Apache Kafka, Redis, a process that stands for the gateways of 8 areas with 15,166 points in all
(voltages, flows at both ends, injections and breaker status), a Faust worker for each of the
stages area, estimation and alarms, and this process, which reads the states and the alarms, all
on this machine. Each area's scan arrives 1 to 3 s after its time, 1 % of its rows absent. In the
middle a loaded branch opens, and its loss overloads another.

A line each minute; the first is to warm up and counts for nothing. An estimate is late when it
could be read, in the topic or in Redis, only after the time of the next scan. `after_frames_ms` is
from the broker's append of a scan's last frame to when its state could be read in the topic. Exit
code 1 when a limit is missed: an estimate is missing, late or not valid, the branch is not open in
the estimate of the very scan that shows it, or its alarm is missing.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import redis
from _cycle_watch import spread_of
from _network_frames import ABSENT, AREAS, SPREAD_S, Scans, write_grid
from _report import write_report
from kafka import KafkaConsumer, TopicPartition

from console.services.local_kafka import LocalKafka
from console.services.run_file import RunFile, write_run
from console.settings import Settings, nanoseconds
from records.alarm import Alarm, AlarmKind, decode_alarm
from records.scada import FRAME_TYPE
from records.state import NetworkState, as_floats, decode_state
from records.time import MINUTE, SECOND
from records.topics import topic_name
from storage.kafka_connection import KafkaConnection
from storage.kafka_topics import create_topics
from storage.redis_server import RedisServer
from storage.redis_state import LiveState
from stream.alarm_watch import element_name

ROOT = Path(__file__).parents[1]
WARM_UP = 1
START_S = 45
STAGES = ("area", "estimation", "alarms")
_MS = 1_000_000
_LOOK_S = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_SIGMA_FLOW = 0.8


class Bench:
    """The run, its servers and its processes."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        kafka = stack.enter_context(LocalKafka(directory / "kafka", heap_mb=768))
        server = stack.enter_context(RedisServer(directory / "redis"))
        self._stack = stack
        self.settings = Settings.model_validate(
            {
                "namespace": "network",
                "directory": directory / "run",
                "scada": {"scan_period": "PT10S", "allowed_disorder": "PT0.5S"},
                "estimation": {"cadence": "PT10S"},
                "alarms": {"operator_acts": True},
                "twin": {"breaker_status": True},
            }
        )
        self.period = nanoseconds(self.settings.scada.scan_period)
        start = (time.time_ns() // self.period + START_S // 10) * self.period
        self.run = RunFile(settings=self.settings, start=start, days=1, seed=0, speed=None)
        self.file = write_run(self.run)
        write_grid(self.run)
        self.connection = KafkaConnection(kafka.bootstrap_servers)
        create_topics(self.connection, "network", AREAS)
        self.redis = redis.Redis.from_url(server.url)
        self.pids = {"broker": kafka.pid or 0, "redis": server.pid or 0}
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "REDIS_URL": server.url,
            "OPENBLAS_NUM_THREADS": "1",
        }

    def start(self, name: str, *command: str) -> None:
        """Start a process, which is killed at the end."""
        log = self._stack.enter_context((self.settings.directory / f"{name}.log").open("ab"))
        child = subprocess.Popen(
            [sys.executable, *command], stdout=log, stderr=log, env=self._environment, cwd=ROOT
        )
        self._stack.callback(child.wait)
        self._stack.callback(child.kill)
        self.pids[name], self.children[name] = child.pid, child

    def check(self) -> None:
        """Stop when a process has ended."""
        for name, child in self.children.items():
            if child.poll() not in (None, 0):
                log = self.settings.directory / f"{name}.log"
                raise SystemExit(f"{name} has ended:\n{log.read_text()[-3000:]}")

    def usage(self) -> dict[str, tuple[float, float]]:
        """Processor time so far (s) and resident set (MB) of each process."""
        return {name: _used(pid) for name, pid in self.pids.items()}


def _used(pid: int) -> tuple[float, float]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / _TICKS
    return cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass
class Watch:
    """Reads frames, states and alarms as they come, and Redis beside them."""

    bench: Bench
    frames: dict[int, int] = field(default_factory=dict)
    """Append time of the last frame of each scan, ns UTC by the broker's clock."""
    states: dict[int, tuple[int, NetworkState]] = field(default_factory=dict)
    """Each state by its time, with when it could be read."""
    shown: dict[int, int] = field(default_factory=dict)
    """When each state was first seen in Redis, by its time; some are overtaken unseen."""
    alarms: list[tuple[int, Alarm]] = field(default_factory=list)

    def __post_init__(self) -> None:
        space = self.bench.settings.namespace
        names = ("scada.frame.v1", "network.state.v1", "network.alarm.v1")
        self._frames, self._states, self._alarms = (topic_name(space, name) for name in names)
        self._consumer = KafkaConsumer(
            **self.bench.connection.options("benchmark"),
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
        )
        places = [(self._frames, area) for area in range(AREAS)]
        places += [(self._states, 0), (self._alarms, 0)]
        self._consumer.assign([TopicPartition(*place) for place in places])
        self._live = LiveState(self.bench.redis, space)

    def poll(self) -> None:
        """Take in what has come."""
        fetched = self._consumer.poll(timeout_ms=int(1000 * _LOOK_S))
        now = time.time_ns()
        for place, records in fetched.items():
            for record in records:
                headers = {name: value.decode() for name, value in record.headers}
                if place.topic == self._states:
                    state = decode_state(record.value)
                    self.states.setdefault(state.time, (now, state))
                elif place.topic == self._alarms:
                    self.alarms.append((now, decode_alarm(record.value)))
                elif headers["ce_type"] == FRAME_TYPE:
                    scan = int(headers["ce_id"].split("-")[-2])
                    at = self.bench.run.start + scan * self.bench.period
                    self.frames[at] = max(self.frames.get(at, 0), record.timestamp * _MS)
        for summary in self._live.states().values():
            self.shown.setdefault(summary.time, time.time_ns())


def observe(bench: Bench, watch: Watch, minutes: int) -> list[dict[str, Any]]:
    """Follow the run, and say every minute how it went."""
    rows: list[dict[str, Any]] = []
    used = bench.usage()
    for minute in range(minutes):
        first = bench.run.start + minute * MINUTE
        end = first + MINUTE + 9 * SECOND
        while time.time_ns() < end:
            watch.poll()
            bench.check()
        now = bench.usage()
        rows.append(
            {
                "minute": minute + 1 - WARM_UP,
                **told(bench, watch, range(first, first + MINUTE, bench.period)),
                "cores": {n: round((now[n][0] - used[n][0]) / 60, 3) for n in now},
                "rss_mb": {n: round(now[n][1]) for n in now},
            }
        )
        used = now
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def told(bench: Bench, watch: Watch, times: range) -> dict[str, Any]:
    """What became of the scans of some times."""
    there = [t for t in times if t in watch.states]
    seen = [t for t in times if t in watch.shown]
    after = [(watch.states[t][0] - watch.frames[t]) / _MS for t in there]
    age = [(watch.states[t][0] - t) / _MS for t in there]
    in_redis = [(watch.shown[t] - t) / _MS for t in seen]
    return {
        "scans": len(times),
        "missing": len(times) - len(there),
        "late": sum(each > bench.period / _MS for each in age),
        "missing_in_redis": len(times) - len(seen),
        "late_in_redis": sum(each > bench.period / _MS for each in in_redis),
        "invalid": sum(not watch.states[t][1].valid for t in there),
        "after_frames_ms": spread_of(after),
        "age_ms": spread_of(age),
        "age_in_redis_ms": spread_of(in_redis),
    }


def flow_error(watch: Watch, scans: Scans, times: range) -> float:
    """RMSE of the active flows at from ends by their telemetry's sigma."""
    n_bus, n_branch = scans.grid.network.n_bus, scans.grid.network.n_branch
    errors = [
        as_floats(watch.states[t][1].p_from_mw) - scans.truth(k)[n_bus : n_bus + n_branch]
        for k, t in enumerate(times)
        if t in watch.states
    ]
    return float(np.sqrt(np.nanmean(np.square(errors)))) / _SIGMA_FLOW


def breaker(bench: Bench, watch: Watch, scans: Scans, switch: int) -> dict[str, Any]:
    """What the states and alarms say of the branch that opened."""
    at = bench.run.start + switch * bench.period
    branches = scans.grid.network.branches
    opened = element_name("branch", str(branches.id[scans.grid.row]))
    overloaded = element_name("branch", str(branches.id[scans.grid.overloaded]))

    def of(time_ns: int) -> NetworkState | None:
        return watch.states[time_ns][1] if time_ns in watch.states else None

    before, after = of(at - bench.period), of(at)
    raised = [
        (now, alarm)
        for now, alarm in watch.alarms
        if (alarm.kind, alarm.element, alarm.raised) == (AlarmKind.LOADING, overloaded, at)
    ]
    live = LiveState(bench.redis, bench.settings.namespace)
    shown = [a for a in live.alarms() if (a.kind, a.element) == (AlarmKind.LOADING, overloaded)]
    return {
        "opened": opened,
        "switched_before": None if before is None else before.switched,
        "switched_after": None if after is None else after.switched,
        "dated_by_its_scan": after is not None and after.topology_since == at,
        "flow_before_mw": None if before is None else _flow(before, scans.grid.row),
        "flow_after_mw": None if after is None else _flow(after, scans.grid.row),
        "overloaded": overloaded,
        "alarm_after_scan_ms": round((raised[0][0] - at) / _MS, 1) if raised else None,
        "alarm_percent": round(raised[0][1].percent or 0.0, 1) if raised else None,
        "alarm_in_redis": bool(shown),
    }


def _flow(state: NetworkState, row: int) -> float:
    return round(float(as_floats(state.p_from_mw)[row]), 2)


def judged(figures: dict[str, Any]) -> dict[str, Any]:
    """Each limit with what was measured."""
    names = ("missing", "late", "missing_in_redis", "late_in_redis", "invalid")
    limits = {name: {"value": figures[name], "held": figures[name] == 0} for name in names}
    event = figures["breaker"]
    changed = event["switched_before"] == {} and event["switched_after"] == {event["opened"]: False}
    limits["breaker_in_the_next_estimate"] = {"held": changed and event["dated_by_its_scan"]}
    told = event["alarm_after_scan_ms"] is not None and event["alarm_in_redis"]
    limits["alarm_of_the_overload"] = {"held": told}
    return limits


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--minutes", type=int, default=10)
    options = parser.parse_args()
    # Whoever stops it stops its processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    minutes = WARM_UP + options.minutes
    with tempfile.TemporaryDirectory(prefix="gridcast-network-") as scratch, ExitStack() as stack:
        bench = Bench(Path(scratch), stack)
        scans_a_minute = MINUTE // bench.period
        switch = (WARM_UP * scans_a_minute + minutes * scans_a_minute) // 2
        for stage in STAGES:
            command = ["worker", stage, "--run", str(bench.file), "--instance", "0"]
            bench.start(stage, "-P", "-m", "console.main", *command)
        script = str(ROOT / "benchmarks" / "_network_frames.py")
        cycles = minutes * scans_a_minute + 2
        bench.start("gateways", script, str(bench.file), str(cycles), str(switch))
        watch = Watch(bench)
        rows = observe(bench, watch, minutes)
        start, end = bench.run.start, bench.run.start + minutes * MINUTE
        times = range(start + WARM_UP * MINUTE, end, bench.period)
        scans = Scans(bench.run, switch)
        figures: dict[str, Any] = {
            "buses": scans.grid.network.n_bus,
            "areas": AREAS,
            "points": len(scans.register.points),
            "period_s": bench.period // SECOND,
            "minutes": options.minutes,
            "input": {"spread_s": SPREAD_S, "absent": ABSENT},
            "broker_on_this_machine": True,
            **told(bench, watch, times),
            "flow_rmse_over_sigma": round(
                flow_error(watch, scans, range(start, end, bench.period)), 3
            ),
            "breaker": breaker(bench, watch, scans, switch),
            "alarm_records": len(watch.alarms),
            "minutes_of": rows,
        }
    figures["limits"] = judged(figures)
    write_report(options.json, figures)
    missed = [name for name, each in figures["limits"].items() if not each["held"]]
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
