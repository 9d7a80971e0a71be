"""A grid of 1,000 points an area for the benchmark of cycles, and the process that scans it.

    python benchmarks/_cycle_frames.py RUN_FILE CYCLES

Stands for one gateway an area. Every period each of them sends its scan, a little after it: 2 %
of the rows are absent, and one frame in a hundred is held up for 5 to 60 s. A line on the output
says that scanning begins, and one that it ended.
"""

import heapq
import sys
import time
from pathlib import Path

import numpy as np

from console.log_access import open_writer
from console.services.run_file import RunFile, read_run
from console.services.scenario import read_scenario
from console.settings import nanoseconds
from ingest.network_files import write_case
from network.model import Branches, Buses, BusKind, Generators, Loads, Network
from records.log import Outgoing
from records.points import Point
from records.scada import ScadaFrame, frame_record
from records.time import SECOND
from records.topics import topic_name

__all__ = ["ABSENT", "HELD_UP", "POINTS", "SPREAD_S", "write_grid"]

POINTS = 1000
SPREAD_S = 2.0
ABSENT, HELD_UP = 0.02, 0.01
_BUSES, _CHORDS, _LOADS, _GENERATORS = 120, 50, 90, 10


def write_grid(run: RunFile, areas: int) -> None:
    """Give a run a network of rings with chords, one an area, with exactly 1,000 points each."""
    first = np.repeat(np.arange(areas) * _BUSES, _BUSES + _CHORDS)
    ring = np.arange(_BUSES)
    start = np.tile(np.concatenate([ring, np.arange(_CHORDS)]), areas) + first
    end = np.tile(np.concatenate([(ring + 1) % _BUSES, np.arange(_CHORDS) + 60]), areas) + first
    n_bus, n_branch = areas * _BUSES, len(start)
    kind = np.full(n_bus, BusKind.PQ)
    kind[0] = BusKind.SLACK

    def named(prefix: str, count: int) -> np.ndarray:
        return np.array([f"{prefix}{row}" for row in range(count)], object)

    def at(each: int) -> np.ndarray:
        return (np.arange(areas)[:, None] * _BUSES + np.arange(each)).ravel()

    load, unit = at(_LOADS), at(_GENERATORS)
    zeros, ones = np.zeros(n_branch), np.ones(n_branch)
    network = Network(
        "cycle",
        100.0,
        Buses(
            named("", n_bus), np.full(n_bus, 110.0),
            np.array([f"{row // _BUSES:03d}" for row in range(n_bus)], object),
            kind, np.ones(n_bus), np.zeros(n_bus), np.zeros(n_bus), np.zeros(n_bus),
        ),
        Branches(
            named("", n_branch), start, end, 0.01 * ones, 0.1 * ones, zeros, zeros, zeros, zeros,
            ones, zeros, np.ones(n_branch, bool), 200.0 * ones,
        ),
        Generators(
            named("", len(unit)), unit, np.full(len(unit), 50.0), np.zeros(len(unit)),
            np.ones(len(unit)), np.ones(len(unit), bool), np.zeros(len(unit)),
            np.full(len(unit), 100.0),
        ),
        Loads(
            named("", len(load)), load, np.full(len(load), 5.0), np.full(len(load), 1.0),
            np.ones(len(load), bool),
        ),
    )  # fmt: skip
    write_case(network, run.directory / "network")


class Gateways:
    """All gateways: makes the frames of a cycle, each with the time at which it is sent.

    Parameters
    ----------
    run
        The run; scans begin at its start.
    """

    def __init__(self, run: RunFile) -> None:
        points: dict[int, list[Point]] = {}
        for point in read_scenario(run).register.points:
            points.setdefault(point.area, []).append(point)
        self._rng = np.random.default_rng(run.seed)
        self._topic = topic_name(run.settings.namespace, "scada.frame.v1")
        self._start, self._period = run.start, nanoseconds(run.settings.scada.scan_period)
        self._areas = [
            (
                area,
                np.array([point.number for point in own], np.uint32),
                np.array([0.3 * point.low + 0.7 * point.high for point in own]),
                np.array([point.sigma for point in own]),
            )
            for area, own in sorted(points.items())
        ]

    def cycle(self, scan: int) -> list[tuple[int, int, Outgoing]]:
        """Frames of one scan as (when to send, ns UTC; area; frame)."""
        rng, scan_time = self._rng, self._start + scan * self._period
        frames = []
        for area, number, level, sigma in self._areas:
            level += rng.normal(0, 0.05, POINTS) * sigma
            chosen = np.flatnonzero(rng.random(POINTS) >= ABSENT)
            frame = ScadaFrame(
                area, f"gateway-{area}", scan, scan_time, 1, number[chosen],
                (level + rng.normal(0, 1, POINTS) * sigma)[chosen],
                np.zeros(len(chosen), np.uint16),
                rng.integers(-900, 900, len(chosen)).astype(np.int32),
            )  # fmt: skip
            delay_s = rng.uniform(1, 1 + SPREAD_S)
            if rng.random() < HELD_UP:
                delay_s += rng.uniform(5, 60)
            frames.append(
                (scan_time + int(delay_s * SECOND), area, frame_record(self._topic, frame))
            )
        return frames


def _scan(run: RunFile, cycles: int) -> None:
    gateways, writer = Gateways(run), open_writer(run.settings)
    period = nanoseconds(run.settings.scada.scan_period)
    print("scanning", flush=True)
    waiting: list[tuple[int, int, Outgoing]] = []
    scan = 0
    while scan < cycles or waiting:
        # A cycle is made in the quiet half before it.
        if scan < cycles and time.time_ns() >= run.start + scan * period - 2 * SECOND:
            for entry in gateways.cycle(scan):
                heapq.heappush(waiting, entry)
            scan += 1
        now = time.time_ns()
        while waiting and waiting[0][0] <= now:
            writer.append([heapq.heappop(waiting)[2]])
        due = [waiting[0][0]] if waiting else []
        due += [run.start + scan * period - 2 * SECOND] if scan < cycles else []
        if due:
            time.sleep(max(0.0, (min(due) - time.time_ns()) / SECOND))
    writer.close()
    print("ended", flush=True)


if __name__ == "__main__":
    _scan(read_run(Path(sys.argv[1])), int(sys.argv[2]))
