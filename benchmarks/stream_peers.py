"""The 5-minute mean of the same frames by us, by a Faust table and by bytewax, one JSON a run.

    uv sync --extra demo --group bench      (or: pip install bytewax into the environment)
    OPENBLAS_NUM_THREADS=1 python benchmarks/stream_peers.py --json out.json

All in one process and one thread, without a broker, on the very same encoded frames, one kind
after the other in each of five rounds; medians of processor and wall time. Everyone decodes
frames with our own decoder.

- `area`: the whole area stage: validation, imputation, the live view, exact time-weighted means,
  quantiles, extremes and energy with revisions, and the encoding of it all.
- `windows`: decoding, placing and the windows alone.
- `faust table a point`, `faust table a frame`: a plain tumbling table of Faust kept in memory and
  driven by `agent.test_context`, with sum and count of each point, or of all points of an area as
  bytes. Its changelog is encoded, but not sent: a broker would add to it.
- `bytewax a point`, `bytewax a frame`: `fold_window` on the event clock, likewise.

The peers keep plain means of what arrives: nothing is validated, weighted or corrected.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import faust
import numpy as np
from _report import write_report
from stream_core import T0, TOPIC, frames, stage

from records.log import LogRecord, Partition
from records.scada import decode_frame
from records.time import MINUTE, SECOND
from stream.frame_rows import place_rows
from stream.roster import Roster
from stream.watermark import TimeBounds, Watermark
from stream.windows import Windows, WindowSettings

N_POINTS, PERIOD_S = 390, 30
LENGTH_S = 300.0


def ours(records: list[LogRecord]) -> Callable[[], None]:
    area = stage(N_POINTS)

    def run() -> None:
        state = area.initial([Partition(TOPIC, 0)])
        for record in records:
            state, _ = area.step(state, record)

    return run


def our_windows(records: list[LogRecord]) -> Callable[[], None]:
    area = stage(N_POINTS)
    roster = Roster(area._register, 0)
    bounds = TimeBounds()

    def run() -> None:
        windows = Windows(roster, WindowSettings())
        state, mark = windows.initial(), Watermark(20 * SECOND)
        for record in records:
            frame = decode_frame(record)
            placed, _ = place_rows(roster, frame, bounds, record.append_time)
            windows.add(state, placed.block, mark.time)
            windows.hear(state, frame.scan_time, mark.time)
            mark = mark.seen(max(frame.scan_time, placed.block.times()[1]))
            for _ in windows.advance(state, mark.time, record.offset):
                pass

    return run


def faust_table(records: list[LogRecord], by_point: bool, directory: Path) -> Callable[[], None]:
    async def play() -> None:
        app = faust.App(
            "peer", store="memory://", broker="kafka://127.0.0.1:1", datadir=str(directory),
            topic_partitions=1,
        )  # fmt: skip
        topic = app.topic("frames", value_serializer="raw")
        plain = app.Table("mean", partitions=1, value_type=None if by_point else bytes)
        table = plain.tumbling(LENGTH_S, expires=3600.0)

        async def each_point(stream: Any) -> Any:
            async for record in stream:
                frame = decode_frame(record)
                points, values = frame.point.tolist(), frame.value.tolist()
                for point, value in zip(points, values, strict=True):
                    total, count = table[point].value() if point in table else (0.0, 0)
                    table[point] = (total + value, count + 1)
                yield record

        async def each_frame(stream: Any) -> Any:
            async for record in stream:
                frame = decode_frame(record)
                kept = np.zeros((2, N_POINTS))
                if frame.area in table:
                    kept[:] = np.frombuffer(table[frame.area].value()).reshape(2, N_POINTS)
                kept[0, frame.point] += frame.value
                kept[1, frame.point] += 1
                table[frame.area] = kept.tobytes()
                yield record

        agent = app.agent(topic)(each_point if by_point else each_frame)
        async with agent.test_context() as context:
            for record in records:
                await context.put(record, timestamp=record.append_time / SECOND)

    return lambda: asyncio.run(play())


def bytewax_fold(records: list[LogRecord], by_point: bool) -> Callable[[], None]:
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
    from bytewax.testing import TestingSink, TestingSource, run_main

    def points_of(record: LogRecord) -> Iterator[tuple[str, tuple[datetime, float]]]:
        frame = decode_frame(record)
        at = datetime.fromtimestamp(frame.scan_time / SECOND, UTC)
        points, values = frame.point.tolist(), frame.value.tolist()
        return ((str(p), (at, v)) for p, v in zip(points, values, strict=True))

    def frame_of(record: LogRecord) -> list[tuple[str, tuple[datetime, Any]]]:
        frame = decode_frame(record)
        return [(str(frame.area), (datetime.fromtimestamp(frame.scan_time / SECOND, UTC), frame))]

    def add_point(kept: tuple[float, int], new: tuple[datetime, float]) -> tuple[float, int]:
        return kept[0] + new[1], kept[1] + 1

    def add_frame(kept: Any, new: tuple[datetime, Any]) -> Any:
        kept[0][new[1].point] += new[1].value
        kept[1][new[1].point] += 1
        return kept

    def merged(one: Any, other: Any) -> Any:
        return one[0] + other[0], one[1] + other[1]

    def nothing() -> Any:
        return (0.0, 0) if by_point else (np.zeros(N_POINTS), np.zeros(N_POINTS))

    def run() -> None:
        found: list[Any] = []
        flow = Dataflow("peer")
        arriving = op.input("frames", flow, TestingSource(records, batch_size=100))
        keyed = op.flat_map("decode", arriving, points_of if by_point else frame_of)
        windows = fold_window(
            "mean", keyed,
            EventClock(lambda x: x[0], wait_for_system_duration=timedelta(seconds=20)),
            TumblingWindower(
                align_to=datetime.fromtimestamp(T0 / SECOND, UTC), length=timedelta(minutes=5)
            ),
            nothing, add_point if by_point else add_frame, merged,
        )  # fmt: skip
        op.output("means", windows.down, TestingSink(found))
        run_main(flow)
        assert len(found) >= len(records) * PERIOD_S * SECOND // (5 * MINUTE) - 1

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    long, short = (frames(N_POINTS, n, PERIOD_S, 0.0, 0.0) for n in (360, 40))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # What keeps a value a point is slow: fewer frames of the same kind tell its pace as well.
        jobs: dict[str, tuple[list[LogRecord], Callable[[], None]]] = {
            "area": (long, ours(long)),
            "windows": (long, our_windows(long)),
            "faust table a point": (short, faust_table(short, True, folder)),
            "faust table a frame": (long, faust_table(long, False, folder)),
            "bytewax a point": (short, bytewax_fold(short, True)),
            "bytewax a frame": (long, bytewax_fold(long, False)),
        }
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
        for _ in range(arguments.repeats):
            for name, (_, job) in jobs.items():
                gc.collect()
                cpu, wall = time.process_time(), time.perf_counter()
                job()
                spent[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    pace = {}
    for name, (records, _) in jobs.items():
        n = len(records) * N_POINTS
        cpu, wall = (statistics.median(kind) for kind in zip(*spent[name], strict=True))
        pace[name] = {
            "measurements": n,
            "measurements_per_cpu_s": round(n / cpu),
            "measurements_per_s": round(n / wall),
        }
    area = pace["area"]["measurements_per_cpu_s"]
    ratios = {
        f"area / {name}": round(area / kind["measurements_per_cpu_s"], 2)
        for name, kind in pace.items()
        if name != "area"
    }
    points = {"points_a_frame": N_POINTS, "period_s": PERIOD_S}
    write_report(arguments.json, {**points, "pace": pace, "ratios": ratios})


if __name__ == "__main__":
    main()
