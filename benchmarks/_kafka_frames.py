"""Frames of 1,000 points for the benchmark over Kafka, and the process that produces them.

    python benchmarks/_kafka_frames.py RUN_FILE FRAMES COUNT AHEAD

Says that it is there, waits for a line on its input, and appends the first COUNT frames of the
file FRAMES through the gateway's own writer: never more than AHEAD before the views that came of
them; all at once where AHEAD is 0.
"""

import mmap
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from console.log_access import kafka_connection, open_writer
from console.services.run_file import RunFile, read_run
from console.services.scenario import read_scenario
from ingest.network_files import read_case, write_case
from network.model import Network
from records.log import Outgoing, Partition
from records.points import Point
from records.scada import ScadaFrame, frame_record
from records.time import SECOND
from records.topics import topic_name
from storage.kafka_log_reader import KafkaLogReader

__all__ = ["POINTS", "write_frames", "write_network"]

POINTS = 1000
_PERIOD = 30 * SECOND
_SLICE = 16
_LOOK_S = 0.02
_BODY = msgspec.msgpack.Encoder()
_FRAME = msgspec.msgpack.Decoder(tuple[int, bytes, bytes, dict[str, str]])


def write_network(run: RunFile, areas: int) -> int:
    """Give a run a published network of areas of exactly 1,000 points; return all areas.

    Whole buses are dealt to the areas; what is left over is one more area, without frames.
    """
    network = read_case("pandapower:case1354pegase")
    area = np.array(_dealt(_points_by_bus(network), areas))
    buses = replace(network.buses, area=np.array([f"{a:02d}" for a in area], object))
    write_case(replace(network, buses=buses), run.directory / "network")
    return int(area.max()) + 1


def _points_by_bus(network: Network) -> npt.NDArray[np.int64]:
    ends = (
        network.branches.from_bus, network.branches.to_bus, network.loads.bus,
        network.generators.bus,
    )  # fmt: skip
    n_bus = len(network.buses)
    return 1 + 2 * sum(np.bincount(end, minlength=n_bus) for end in ends)


def _dealt(counts: npt.NDArray[np.int64], areas: int) -> list[int]:
    """Deal buses with so many points each, so that the first areas are full to the point."""
    dealt = [areas] * len(counts)
    for area in range(areas):
        # What sums the buses looked at can reach, and by which bus each was reached first.
        reached: dict[int, tuple[int, int]] = {0: (0, -1)}
        for bus, count in enumerate(counts.tolist()):
            if dealt[bus] == areas and POINTS not in reached:
                for total in [t for t in reached if t + count <= POINTS]:
                    reached.setdefault(total + count, (total, bus))
        total = POINTS
        while total:
            total, bus = reached[total]
            dealt[bus] = area
    return dealt


def write_frames(run: RunFile, count: int, path: Path) -> None:
    """Encode so many frames an area into a file, for all runs over the same network.

    Each is its length in four bytes, then partition, value, key and headers as msgpack.
    """
    with path.open("wb") as file:
        for frame in _frames(run, count):
            body = _BODY.encode((frame.partition, frame.value, frame.key, dict(frame.headers)))
            file.write(len(body).to_bytes(4, "little"))
            file.write(body)


def _read_frames(path: Path, topic: str) -> Iterator[Outgoing]:
    """The frames of a file, as they are asked for."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = 0
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "little")
            partition, value, key, headers = _FRAME.decode(data[at + 4 : end])
            yield Outgoing(topic, partition, value, key, headers)
            at = end


def _frames(run: RunFile, count: int) -> Iterator[Outgoing]:
    """Frames of all areas in turn: values that drift and carry noise, and jittered times."""
    points: dict[int, list[Point]] = {}
    for point in read_scenario(run).register.points:
        points.setdefault(point.area, []).append(point)
    rng = np.random.default_rng(run.seed)
    topic = topic_name(run.settings.namespace, "scada.frame.v1")
    full = {area: own for area, own in sorted(points.items()) if len(own) == POINTS}
    columns = {
        area: (
            np.array([point.number for point in own], np.uint32),
            np.array([0.3 * point.low + 0.7 * point.high for point in own]),
            np.array([point.sigma for point in own]),
        )
        for area, own in full.items()
    }
    quality = np.zeros(POINTS, np.uint16)
    for scan in range(count):
        for area, (number, level, sigma) in columns.items():
            level += rng.normal(0, 0.05, POINTS) * sigma
            frame = ScadaFrame(
                area, f"gateway-{area}", scan, run.start + scan * _PERIOD, 1, number,
                level + rng.normal(0, 1, POINTS) * sigma, quality,
                rng.integers(-900, 900, POINTS).astype(np.int32),
            )  # fmt: skip
            yield frame_record(topic, frame)


def _produce(run: RunFile, path: Path, count: int, ahead: int) -> None:
    frames = _read_frames(path, topic_name(run.settings.namespace, "scada.frame.v1"))
    writer = open_writer(run.settings)
    connection = kafka_connection(run.settings)
    assert connection is not None
    views = topic_name(run.settings.namespace, "scada.view.v1")
    print("ready", flush=True)
    sys.stdin.readline()
    sent, seen, look = 0, 0, 0.0
    with KafkaLogReader(connection) as reader:
        places = [Partition(views, number) for number in reader.partitions(views)]
        while some := list(islice(frames, min(_SLICE, count - sent))):
            while ahead and sent - seen > ahead - _SLICE:
                if time.monotonic() < look:
                    time.sleep(_LOOK_S / 4)
                    continue
                seen = sum(reader.end_offset(place) for place in places)
                look = time.monotonic() + _LOOK_S
            writer.append(some)
            sent += len(some)
    writer.close()
    print("done", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    _produce(read_run(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
