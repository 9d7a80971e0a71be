"""Speed of the stream core on one core, one JSON a run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/stream_core.py --json out.json

All of the area stage without a broker: decode, validate, impute, window, encode. Frames of 390
and 1,000 points every 30 s and every 10 s, with jittered times, without gaps and with 2 % or 10 %
of the rows absent, in order and with every fifth frame after its follower; values drift and carry
noise. Medians of five runs, by processor time, so that a busy machine does not show; `wall` is the
elapsed time of the same runs.
"""

import argparse
import statistics
import time
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
from _report import write_report

from records.log import LogRecord, Outgoing, Partition
from records.points import ElementKind, Point, PointRegister, Quantity
from records.scada import ScadaFrame, frame_record
from records.snapshot import pack
from records.time import HOUR, SECOND, parse_time
from stream.area import AreaStage
from stream.local_clock import LocalClock

ROOT = Path(__file__).parents[1]
T0 = parse_time("2014-11-10T00:00:00Z")
TOPIC = "gridcast.bench.scada.frame.v1"


def frames(
    n_points: int, n_scans: int, period_s: int, absent: float, delayed: float
) -> list[LogRecord]:
    rng = np.random.default_rng(0)
    level = rng.uniform(20, 200, n_points)
    sent: list[Outgoing] = []
    for scan in range(n_scans):
        level += rng.normal(0, 0.2, n_points)
        point = np.flatnonzero(rng.random(n_points) >= absent).astype(np.uint32)
        time_ns = T0 + scan * period_s * SECOND
        frame = ScadaFrame(
            0, "gateway", scan, time_ns, 1, point,
            (level + rng.normal(0, 1, n_points))[point],
            np.zeros(len(point), np.uint16),
            rng.integers(-900, 900, len(point)).astype(np.int32),
        )  # fmt: skip
        sent.append(frame_record(TOPIC, frame))
    # A delayed frame comes after the one that follows it, within the disorder allowed.
    arrival = np.arange(n_scans) + np.where(rng.random(n_scans) < delayed, 1.5, 0.0)
    records = []
    for offset, scan in enumerate(np.argsort(arrival).tolist()):
        record, time_ns = sent[scan], T0 + int(arrival[scan] * period_s * SECOND)
        records.append(
            LogRecord(TOPIC, 0, offset, time_ns, record.value, record.key, record.headers)
        )
    return records


def stage(n_points: int) -> AreaStage:
    points = [
        Point(
            f"load:{number} p_mw", number, 0, ElementKind.LOAD, str(number), Quantity.ACTIVE,
            sigma=1.0, low=-500.0, high=500.0, max_rate=1.0,
        )
        for number in range(n_points)
    ]  # fmt: skip
    return AreaStage("bench", PointRegister(points), LocalClock(UTC))


def measure(
    n_points: int, period_s: int, absent: float, delayed: float, repeats: int
) -> dict[str, Any]:
    n_scans = 3 * HOUR // (period_s * SECOND)
    records = frames(n_points, n_scans, period_s, absent, delayed)
    area = stage(n_points)
    cpu, wall = [], []
    for _ in range(repeats):
        state = area.initial([Partition(TOPIC, 0)])
        begun, started = time.process_time(), time.perf_counter()
        for record in records:
            state, _ = area.step(state, record)
        cpu.append(time.process_time() - begun)
        wall.append(time.perf_counter() - started)
    begun = time.process_time()
    checkpoint = pack(area.dump(state))
    saved = time.process_time() - begun
    n_readings = n_points * n_scans * (1 - absent)
    return {
        "points": n_points,
        "period_s": period_s,
        "absent": absent,
        "delayed": delayed,
        "us_per_frame": round(statistics.median(cpu) / n_scans * 1e6, 1),
        "us_per_frame_best": round(min(cpu) / n_scans * 1e6, 1),
        "us_per_frame_wall": round(statistics.median(wall) / n_scans * 1e6, 1),
        "measurements_per_s": round(n_readings / statistics.median(cpu)),
        "checkpoint_mb": round(len(checkpoint) / 1e6, 2),
        "checkpoint_ms": round(saved * 1e3, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    cases = [
        (390, 30, 0.0, 0.0), (390, 30, 0.02, 0.0), (1000, 30, 0.0, 0.0), (1000, 30, 0.02, 0.0),
        (1000, 10, 0.0, 0.0), (1000, 10, 0.02, 0.0), (1000, 10, 0.1, 0.0), (1000, 10, 0.1, 0.2),
    ]  # fmt: skip
    figures = {
        "cases": [measure(*case, arguments.repeats) for case in cases],
    }
    write_report(arguments.json, figures)


if __name__ == "__main__":
    main()
