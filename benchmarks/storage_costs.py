"""Cost of the embedded log, the historian and the Redis read model, one JSON a run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/storage_costs.py --json out.json

Frames are scans of 390 points with 1 % noise. Times are processor time a record, medians of the
repeats, so that a busy machine does not show.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import redis
from _report import write_report

from records.forecast import ForecastLevel, ForecastRun, SeriesMeta, level_meta, run_id
from records.log import Outgoing, Partition
from records.scada import ScadaFrame, frame_record
from records.time import DAY, HOUR, MINUTE, SECOND
from records.topics import topic_name
from records.window import WindowBatch, window_record
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from storage.redis_forecasts import ForecastPublisher, ForecastReader
from storage.redis_server import RedisServer

ROOT = Path(__file__).parents[1]
T0 = 16_384 * DAY
FRAMES = topic_name("bench", "scada.frame.v1")
WINDOWS = topic_name("bench", "window.5min.v1")
N_POINTS, N_AREAS = 390, 3


def frames(n_scans: int) -> list[Outgoing]:
    rng = np.random.default_rng(0)
    level = rng.uniform(-200, 200, N_POINTS)
    point, zero = np.arange(N_POINTS, dtype=np.uint32), np.zeros(N_POINTS)
    return [
        frame_record(
            FRAMES,
            ScadaFrame(
                area, f"gateway-{area}", scan, T0 + scan * 30 * SECOND, 1, point,
                level * (1 + 0.01 * rng.standard_normal(N_POINTS)),
                zero.astype(np.uint16), zero.astype(np.int32),
            ),
        )
        for scan in range(n_scans)
        for area in range(N_AREAS)
    ]  # fmt: skip


def windows(n_windows: int) -> list[Outgoing]:
    rng = np.random.default_rng(1)
    series = np.array([f"branch:{i} from p_mw" for i in range(N_POINTS)], object)
    whole, count = np.zeros(N_POINTS, np.uint16), np.full(N_POINTS, 10, np.int32)
    records = []
    for i in range(n_windows):
        mean, start = rng.uniform(0, 200, N_POINTS), T0 + i * 5 * MINUTE
        batch = WindowBatch(
            0, start, 5 * MINUTE, i, series, np.ones(N_POINTS, np.int32), mean, mean + 1,
            mean - 1, mean + 2, mean / 12, count, np.zeros(N_POINTS), whole,
        )  # fmt: skip
        records.append(window_record(WINDOWS, batch, start + 5 * MINUTE))
    return records


def seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def log_figures(directory: Path, records: list[Outgoing], lot: int) -> dict[str, float]:
    def append() -> None:
        with EmbeddedLogWriter(directory) as writer:
            for first in range(0, len(records), lot):
                writer.append(records[first : first + lot])
                writer.flush()

    def read() -> None:
        for area in range(N_AREAS):
            offset, place = 0, Partition(FRAMES, area)
            while got := reader.read(place, offset, 100):
                offset += len(got)

    def jump() -> None:
        for offset in np.random.default_rng(2).integers(0, len(records) // N_AREAS, 300):
            reader.read(Partition(FRAMES, 0), int(offset), 1)

    figures = {"append_us": seconds(append) / len(records) * 1e6}
    with EmbeddedLogReader(directory) as reader:
        figures["read_us"] = seconds(read) / len(records) * 1e6
        figures["seek_us"] = seconds(jump) / 300 * 1e6
    size = sum(path.stat().st_size for path in directory.rglob("*.log"))
    return figures | {"bytes_per_record": size / len(records)}


def historian_figures(directory: Path, n_scans: int, log: Path) -> dict[str, float]:
    batches = windows(2_000)
    writer = HistorianWriter(directory)
    recorder = Recorder(writer)

    def record_frames() -> None:
        with EmbeddedLogReader(log) as reader:
            for first in range(0, n_scans, 200):
                for area in range(N_AREAS):
                    recorder.take(reader.read(Partition(FRAMES, area), first, 200))
        recorder.flush()

    def record_windows() -> None:
        offset = 0
        with EmbeddedLogReader(log) as reader:
            while got := reader.read(Partition(WINDOWS, 0), offset, 200):
                recorder.take(got)
                offset += len(got)
        recorder.flush()

    with EmbeddedLogWriter(log) as log_writer:
        log_writer.append(batches)
    figures = {
        "record_us_per_frame": seconds(record_frames) / (n_scans * N_AREAS) * 1e6,
        "record_us_per_window_batch": seconds(record_windows) / len(batches) * 1e6,
    }
    size = sum(path.stat().st_size for path in (directory / "scada").rglob("*.parquet"))
    figures["bytes_per_frame"] = size / (n_scans * N_AREAS)
    series = [f"branch:{i} from p_mw" for i in range(0, N_POINTS, 4)]
    end = T0 + 6 * DAY
    with Historian(directory, threads=1) as historian:
        historian.matrix(series, T0, end, HOUR)
        figures["matrix_98_series_6_days_s"] = seconds(
            lambda: historian.matrix(series, T0, end, HOUR)
        )
    figures["compact_s"] = seconds(writer.compact)
    writer.close()
    return figures


def redis_figures(directory: Path, n_series: int, n_steps: int) -> dict[str, float]:
    values = np.random.default_rng(3).uniform(0, 100, (n_series, 10, n_steps))
    names = tuple(f"load:{i} p_mw" for i in range(n_series))
    about = SeriesMeta("total", {"gam": "1", "residual": "1"}, "reconciled", "model", {})

    def run(issue: int) -> ForecastRun:
        name = run_id(issue, "short")
        meta = level_meta(
            run=name, issue_time=issue, start=issue, step=HOUR, n_steps=n_steps,
            quantiles=[i / 10 for i in range(1, 10)], unit="MW", hierarchy_version="1",
            series=dict.fromkeys(names, about),
        )  # fmt: skip
        return ForecastRun(name, issue, (ForecastLevel("bus", meta, names, values),))

    with RedisServer(directory) as server:
        client = redis.Redis.from_url(server.url)
        publisher, reader = ForecastPublisher(client, "bench"), ForecastReader(client, "bench")
        runs = [run(T0 + i * HOUR) for i in range(5)]
        start = time.perf_counter()
        for each in runs:
            publisher.publish(each)
        published = time.perf_counter()
        for each in runs:
            reader.read_level(each.run_id, "bus")
        read = time.perf_counter()
        client.close()
    return {"publish_ms": (published - start) * 200, "read_level_ms": (read - published) * 200}


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.median([run[name] for run in runs])) for name in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--scans", type=int, default=3_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    records = frames(arguments.scans)
    log: dict[int, list[dict[str, float]]] = {1: [], 30: []}
    historian, read_model = [], []
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as scratch:
            for lot, runs in log.items():
                runs.append(log_figures(Path(scratch) / f"log-{lot}", records, lot))
            historian.append(
                historian_figures(
                    Path(scratch) / "historian", arguments.scans, Path(scratch) / "log-30"
                )
            )
            read_model.append(redis_figures(Path(scratch) / "redis", 130, 48))
    figures = {
        "frames": len(records),
        "log": {f"flush_every_{lot}": median(runs) for lot, runs in log.items()},
        "historian": median(historian),
        "redis_130_series_48_steps_10_rows": median(read_model),
    }
    write_report(arguments.json, figures)


if __name__ == "__main__":
    main()
