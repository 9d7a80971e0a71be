"""How soon alarms are out in a storm of events, one JSON a run.

    python benchmarks/stream_storm.py --json out.json [--repeats 5]

100,000 points in 100 areas of 1,000 (200 buses and the four flows of each of 200 lines) over the
embedded log, with the services of the default shell as processes of their own: the processor, the
alarms and the recorder, and Redis. A general interrogation sends every point in full frames;
a few seconds later every point changes once within `--spread` seconds, in spontaneous frames of
some 50 points as stations send them, in real time. A share of the lines and buses goes beyond its
limit by what their register lets them move in that time. Latency is from the append of the storm's
frame to the moment when another process reads the alarm from `network.alarm.v1`.

There is no estimator for this grid: the benchmark writes its states, which judge nothing, so that
the cut at which floods are grouped falls into the storm. N-1 is not screened.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _report import write_report

from console.services.prepare import create_topics
from console.services.run_file import RunFile, write_run
from console.services.scenario import read_scenario
from console.settings import Settings
from ingest.network_files import write_case
from network.model import Branches, Buses, Generators, Loads, Network
from records.alarm import Alarm, decode_alarm
from records.log import Outgoing, Partition
from records.points import ElementKind, Point, Quantity
from records.scada import ScadaFrame, frame_record
from records.state import NetworkState, state_record
from records.time import MINUTE, SECOND
from records.topics import topic_name
from records.view import decode_view
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.redis_server import RedisServer
from stream.alarm_watch import element_name

SPACE = "storm"
N_AREAS, N_BUSES = 100, 200
RATE, BASE_KV = 100.0, 220.0
PER_FRAME = 50
CALM, BEYOND = 0.955, 1.035
"""Loading before and after, of lines; `_LOW`, `_HIGH` the same of buses, per unit."""
_LOW, _HIGH = 1.05, 1.0735
SHARE = 0.1


def grid() -> Network:
    """100 rings of 200 buses each."""
    n = N_AREAS * N_BUSES
    bus = np.arange(n)
    after = np.where(bus % N_BUSES == N_BUSES - 1, bus - N_BUSES + 1, bus + 1)
    area = np.array([f"{row // N_BUSES:03d}" for row in bus])
    ids = np.array([str(row) for row in bus])
    kind = np.where(bus % N_BUSES == 0, 3, 1)
    zero, one = np.zeros(n), np.ones(n)
    buses = Buses(ids, one * BASE_KV, area, kind, one, zero, zero, zero)
    branches = Branches(
        ids, bus, after, 0.01 * one, 0.1 * one, zero, zero, zero, zero, one, zero,
        np.ones(n, np.bool_), RATE * one,
    )  # fmt: skip
    none, names, rows = np.empty(0), np.empty(0, np.str_), np.empty(0, np.int64)
    flags = np.empty(0, np.bool_)
    return Network(
        "storm", 100.0, buses, branches,
        Generators(names, rows, none, none, none, flags, none, none),
        Loads(names, rows, none, none, flags),
    )  # fmt: skip


class Storm:
    """The frames of one storm, and the alarms that must follow."""

    def __init__(self, points: tuple[Point, ...], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.by_area: dict[int, list[Point]] = {}
        for point in points:
            self.by_area.setdefault(point.area, []).append(point)
        elements = sorted({(p.kind, p.element) for p in points})
        self.elements = elements
        self.rng = rng
        self.beyond: set[tuple[ElementKind, str]] = set()
        self.worsen()

    def worsen(self) -> None:
        """Let more elements go beyond their limits in the next storm."""
        chosen = self.rng.random(len(self.elements)) < SHARE
        self.beyond |= {what for what, hit in zip(self.elements, chosen, strict=True) if hit}

    def value(self, point: Point, stormy: bool) -> float:
        """Value of a point before or in the storm."""
        over = stormy and (point.kind, point.element) in self.beyond
        noise = 0.0002 * self.rng.standard_normal()
        if point.quantity is Quantity.VOLTAGE:
            return BASE_KV * ((_HIGH if over else _LOW - 0.005 * stormy) + noise)
        if point.quantity is Quantity.ACTIVE:
            return RATE * ((BEYOND if over else CALM - 0.005 * stormy) + noise)
        return RATE * 0.02 * self.rng.standard_normal() * 0.1

    def expected(self) -> set[tuple[str, str]]:
        """Element and end of every alarm that must be raised."""
        found = set()
        for kind, element in self.beyond:
            ends = ("from", "to") if kind is ElementKind.BRANCH else ("",)
            found |= {(element_name(kind.value, element), end) for end in ends}
        return found

    def pieces(self) -> list[tuple[int, list[Point]]]:
        """Spontaneous frames: the points of some elements of one area each, in any order."""
        pieces = []
        for area, points in self.by_area.items():
            groups: dict[tuple[ElementKind, str, str], list[Point]] = {}
            for point in points:
                groups.setdefault((point.kind, point.element, point.end), []).append(point)
            parts = list(groups.values())
            self.rng.shuffle(parts)
            piece: list[Point] = []
            for part in parts:
                piece += part
                if len(piece) >= PER_FRAME:
                    pieces.append((area, sorted(piece, key=lambda p: p.number)))
                    piece = []
            if piece:
                pieces.append((area, sorted(piece, key=lambda p: p.number)))
        self.rng.shuffle(pieces)
        return pieces


def frame(
    area: int, sequence: int, time_ns: int, points: list[Point], value: npt.NDArray[np.float64]
) -> Outgoing:
    number = np.array([point.number for point in points], np.uint32)
    n = len(points)
    return frame_record(
        topic_name(SPACE, "scada.frame.v1"),
        ScadaFrame(
            area, "storm", sequence, time_ns, 1, number, value,
            np.zeros(n, np.uint16), np.zeros(n, np.int32),
        ),
    )  # fmt: skip


class Watching:
    """Reads the alarms as they come, and when each was first seen."""

    def __init__(self, directory: Path) -> None:
        self._reader = EmbeddedLogReader(directory / "log")
        self._place = Partition(topic_name(SPACE, "network.alarm.v1"), 0)
        self._at = 0
        self.seen: list[tuple[int, Alarm]] = []

    def look(self, timeout_s: float) -> None:
        """Wait for alarms, and take in what there is."""
        self._reader.wait_for_data({self._place: self._at}, timeout_s)
        while records := self._reader.read(self._place, self._at, 10_000):
            now = time.time_ns()
            self.seen += [(now, decode_alarm(record.value)) for record in records]
            self._at = records[-1].offset + 1

    def views(self, since: int) -> dict[tuple[int, int], int]:
        """Append time of the views of scans from `since` on, by area and time of the scan."""
        found = {}
        for area in range(N_AREAS):
            place = Partition(topic_name(SPACE, "scada.view.v1"), area)
            for record in self._reader.read(place, 0, 10**6):
                view = decode_view(record.value)
                if view.scan_time >= since:
                    found[area, view.scan_time] = record.append_time
        return found


def run(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        settings = Settings.model_validate(
            {
                "namespace": SPACE,
                "directory": directory,
                "alarms": {"screen_every": 10**9},
            }
        )
        made = RunFile(settings=settings, start=0, days=1, seed=seed, speed=1.0)
        file = write_run(made)
        write_case(grid(), directory / "network")
        create_topics(made, N_AREAS)
        points = read_scenario(made).register.points
        with RedisServer(directory / "redis"):
            command = [sys.executable, "-P", "-m", "console.main", "worker"]
            services = [
                subprocess.Popen(
                    [*command, name, "--run", str(file)],
                    stdout=(directory / f"{name}.log").open("w"), stderr=subprocess.STDOUT,
                )
                for name in ("processor", "alarms", "recorder")
            ]  # fmt: skip
            try:
                return storm(directory, points, arguments, seed, services)
            finally:
                for service in services:
                    service.terminate()
                for service in services:
                    service.wait(60)


def storm(
    directory: Path,
    points: tuple[Point, ...],
    arguments: argparse.Namespace,
    seed: int,
    services: "list[subprocess.Popen[bytes]]",
) -> dict[str, Any]:
    """Two storms, the second of which brings the cut at which the first is grouped."""
    made = Storm(points, seed)
    watching = Watching(directory)
    calm = {a: np.array([made.value(p, False) for p in own]) for a, own in made.by_area.items()}
    with EmbeddedLogWriter(directory / "log") as log:
        past = time.time_ns() - 30 * MINUTE
        interrogate(log, made, calm, past, 0)
        state(log, past)
        wait_for_views(directory, services, len(made.by_area))
        shift = -15 * MINUTE
        interrogate(log, made, calm, time.time_ns() + shift, 1)
        time.sleep(3.0)
        used = [_cpu_s(service.pid) for service in services]
        first = blow(log, watching, made, shift, 2, arguments)
        first["cpu_s"] = {
            Path(str(service.args[5])).name: round(_cpu_s(service.pid) - before, 2)  # type: ignore[index]
            for service, before in zip(services, used, strict=True)
        }
        made.worsen()
        # More than a cut later by the clock of the events.
        shift += 6 * MINUTE
        state(log, time.time_ns() + shift)
        second = blow(log, watching, made, shift, 100_000, arguments)
        second["causes"] = len({alarm.cause for _, alarm in watching.seen})
    told = Counter(
        (alarm.key, alarm.raised) for _, alarm in watching.seen if alarm.updated == alarm.raised
    )
    return {
        "points": len(points),
        "told_more_than_once_at_once": sum(count > 1 for count in told.values()),
        "storm": first,
        "storm_and_grouping": second,
    }


def blow(
    log: EmbeddedLogWriter,
    watching: Watching,
    made: Storm,
    shift: int,
    sequence: int,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Change every point once, in real time, and wait for the alarms."""
    pieces = made.pieces()
    values = [np.array([made.value(p, True) for p in piece]) for _, piece in pieces]
    expected, before = made.expected(), {(a.element, a.end) for _, a in watching.seen}
    n_before = len(watching.seen)
    appended: dict[tuple[str, str], int] = {}
    scans: dict[tuple[str, str], tuple[int, int]] = {}
    start, spread = time.time_ns(), int(arguments.spread * SECOND)
    late = []
    for place, ((area, piece), value) in enumerate(zip(pieces, values, strict=True)):
        due = start + spread * place // len(pieces)
        while (clock := time.time_ns()) < due:
            time.sleep(min(0.002, (due - clock) / 1e9))
        log.append([frame(area, sequence + place, due + shift, piece, value)])
        log.flush()
        at = time.time_ns()
        late.append(at - due)
        for p in piece:
            key = element_name(p.kind.value, p.element), p.end
            appended[key], scans[key] = at, (area, due + shift)
        if place % 20 == 0:
            watching.look(0.0)
    took = time.time_ns() - start
    deadline, missing = time.monotonic() + arguments.patience, expected
    while missing and time.monotonic() < deadline:
        watching.look(0.05)
        missing = expected - {(alarm.element, alarm.end) for _, alarm in watching.seen}
    end = time.monotonic() + 5.0
    while time.monotonic() < end:
        watching.look(0.1)
    first: dict[tuple[str, str], int] = {}
    for at, alarm in watching.seen[n_before:]:
        first.setdefault((alarm.element, alarm.end), at)
    new = expected - before
    latency = np.array([(first[key] - appended[key]) / 1e9 for key in new if key in first])
    views = watching.views(start + shift)
    processing = [(views[scans[key]] - appended[key]) / 1e9 for key in new if key in first]
    p50, p99, top = np.percentile(latency, [50, 99, 100]).tolist()
    return {
        "frames": len(pieces),
        "seconds": round(took / 1e9, 3),
        "sender_late_p99_s": round(float(np.percentile(late, 99)) / 1e9, 3),
        "expected": len(new),
        "raised": len(latency),
        "lost": len(new) - len(latency),
        "unexpected": len(first.keys() - expected - before),
        "records": len(watching.seen) - n_before,
        "view_p99_s": round(float(np.percentile(processing, 99)), 3),
        "p50_s": round(p50, 3),
        "p99_s": round(p99, 3),
        "max_s": round(top, 3),
    }


def _cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def interrogate(
    log: EmbeddedLogWriter,
    made: Storm,
    values: dict[int, npt.NDArray[np.float64]],
    time_ns: int,
    sequence: int,
) -> None:
    """Send all points of every area in one frame each."""
    log.append(
        frame(area, sequence, time_ns, points, values[area])
        for area, points in made.by_area.items()
    )
    log.flush()


def state(log: EmbeddedLogWriter, time_ns: int) -> None:
    """Say that the network was looked at, and nothing more."""
    topic = topic_name(SPACE, "network.state.v1")
    nothing = np.zeros(N_AREAS * N_BUSES).tobytes()
    told = NetworkState(
        time_ns, "storm", False, "not estimated", 0, 0.0, nothing, nothing, nothing, nothing,
        nothing, nothing, {}, [], 0, 0,
    )  # fmt: skip
    log.append([state_record(topic, told, time_ns)])
    log.flush()


def wait_for_views(
    directory: Path, services: list["subprocess.Popen[bytes]"], n_areas: int
) -> None:
    """Wait until the processor has answered for every area, and the alarms have begun."""
    reader = EmbeddedLogReader(directory / "log")
    topic = topic_name(SPACE, "scada.view.v1")
    while any(reader.end_offset(Partition(topic, area)) == 0 for area in range(n_areas)):
        for service in services:
            if service.poll() is not None:
                raise SystemExit(f"a service ended with {service.returncode}; see its log")
        time.sleep(0.05)
    time.sleep(10.0)
    reader.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--spread", type=float, default=2.0, help="length of the storm, s")
    parser.add_argument("--patience", type=float, default=60.0, help="wait so long for alarms, s")
    arguments = parser.parse_args()
    runs = [run(arguments, seed) for seed in range(arguments.repeats)]
    figures = {
        f"{part}_{name}": statistics.median(made[part][name] for made in runs)
        for part in ("storm", "storm_and_grouping")
        for name in ("p50_s", "p99_s", "max_s")
    }
    lost = sum(made[part]["lost"] for made in runs for part in ("storm", "storm_and_grouping"))
    write_report(arguments.json, {"median": figures, "lost": lost, "runs": runs})


if __name__ == "__main__":
    main()
