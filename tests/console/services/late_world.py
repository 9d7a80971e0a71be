"""One machine for late readings: log, historian, and the services one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.compute as pc

from console.services.rebuild_service import RebuildService
from console.services.recorder_service import take_available
from records.late import decode_late
from records.log import LogRecord, Outgoing, Partition
from records.points import ElementKind, Point, PointRegister, Quantity
from records.scada import ScadaFrame, frame_record
from records.tick import tick_record
from records.time import DAY, HOUR, MINUTE, SECOND, parse_time
from records.topics import topic_name
from storage.checkpoint_store import CheckpointStore
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.filing import RECORDED_TOPICS
from storage.historian import Historian
from storage.historian_classes import HistoryClass
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from stream.area import AreaSettings, AreaStage
from stream.local_clock import LocalClock
from stream.metering import MeteringSettings, MeteringStage
from stream.outlet import LogOutlet
from stream.rebuilder import Rebuilder
from stream.relay import RelayedWriter, RelayStage
from stream.rollup import RollupSettings, RollupStage
from stream.runner import RunnerOptions, run_stages
from stream.whole_windows import WHOLE_NAMES

T0 = parse_time("2014-11-10T00:00:00Z")
SPACE = "late"
FRAMES, METERS, WINDOWS, LONG, INTERVALS, LATE, REBUILT, DEAD = (
    topic_name(SPACE, name)
    for name in (
        "scada.frame.v1", "meter.read.v1", "window.5min.v1", "window.15min.v1", "meter.interval.v1",
        "window.late.v1", "window.rebuilt.v1", "dead-letter.v1",
    )
)  # fmt: skip
WHOLES = tuple(topic_name(SPACE, name) for name in WHOLE_NAMES)
SETTINGS = replace(
    AreaSettings(), windows=replace(AreaSettings().windows, hot_retention=30 * MINUTE)
)
CLOCK = LocalClock(ZoneInfo("Europe/Paris"))
METERING = MeteringSettings(points={"m1": "load:1"}, keep=2 * DAY)
ROLLUP = RollupSettings(keep=HOUR)
NUMBERS = (
    "value", "q95", "minimum", "maximum", "energy_mwh", "count", "imputed_share", "quality"
)  # fmt: skip
POINTS = PointRegister(
    [
        Point(
            f"load:{number}", number, 0, ElementKind.LOAD, str(number), Quantity.ACTIVE,
            sigma=0.0, low=-500.0, high=500.0,
        )
        for number in (1, 2)
    ]
)  # fmt: skip


def frame(at_s: int, values: Sequence[float], *, version: int = 1) -> Outgoing:
    n_rows = len(values)
    made = ScadaFrame(
        0, "gateway", at_s, T0 + at_s * SECOND, version,
        np.arange(1, n_rows + 1, dtype=np.uint32), np.array(values, np.float64),
        np.zeros(n_rows, np.uint16), np.zeros(n_rows, np.int32),
    )  # fmt: skip
    return frame_record(FRAMES, made)


def tick(at_s: int) -> Outgoing:
    return tick_record(FRAMES, 0, T0 + at_s * SECOND, "gateway")


def scans(start_s: int, end_s: int, *, without: range = range(0)) -> list[Outgoing]:
    return [
        frame(at, [10.0 + at % 420 / 60, 5.0])
        for at in range(start_s, end_s, 60)
        if at not in without
    ]


class World:
    """One machine: the log, the historian, and services that can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.gateway = EmbeddedLogWriter(directory / "log")
        for topic in (FRAMES, METERS, WINDOWS, LONG, *WHOLES, INTERVALS, LATE, REBUILT):
            self.gateway.claim(topic, [0])
        self.gateway.close()
        self.reader = EmbeddedLogReader(directory / "log")
        self.checkpoints = CheckpointStore(directory / "checkpoints")
        self.historian = Historian(directory / "historian")
        self.log = EmbeddedLogWriter(directory / "log")
        self.rebuilds = self.start_rebuild()

    def start_rebuild(self) -> RebuildService:
        return RebuildService(
            lambda: Rebuilder(self.historian, SPACE, POINTS, CLOCK, SETTINGS, METERING, ROLLUP),
            self.historian, self.reader, RelayedWriter(self.log, SPACE), self.checkpoints, SPACE,
        )  # fmt: skip

    def send(self, records: Sequence[Outgoing]) -> None:
        with EmbeddedLogWriter(self.directory / "log") as gateway:
            gateway.append(records)

    def process(self) -> None:
        """Let the stages take in what there is."""
        with EmbeddedLogWriter(self.directory / "log") as writer:
            run_stages(
                [
                    AreaStage(SPACE, POINTS, CLOCK, SETTINGS),
                    RelayStage(SPACE),
                    MeteringStage(SPACE, METERING),
                    RollupStage(SPACE, CLOCK, ROLLUP),
                ],
                self.reader,
                LogOutlet(writer, SPACE),
                self.checkpoints,
                options=RunnerOptions(until_end=True),
            )

    def record(self) -> None:
        """Let the recorder take in what there is."""
        with HistorianWriter(self.directory / "historian") as writer:
            recorder = Recorder(writer)
            topics = [topic_name(SPACE, name) for name in RECORDED_TOPICS]
            while take_available(recorder, self.reader, topics)[0]:
                pass
            recorder.flush()

    def rebuild(self) -> int:
        """Let the rebuild service take one turn; its partitions are free again afterwards."""
        answered = self.rebuilds.turn()
        self.log.close()
        return answered

    def all(self, topic: str, number: int = 0) -> Sequence[LogRecord]:
        return self.reader.read(Partition(topic, number), 0, 100_000)

    def standing(
        self, kept_as: HistoryClass = HistoryClass.WINDOWS
    ) -> dict[tuple[int, str], tuple[int, float]]:
        """Revision and mean of each window (minutes after T0) and series, of up to 15 minutes."""
        rows = self.historian.as_of(kept_as, 0, 2**62)
        if kept_as is HistoryClass.LONG_WINDOWS:
            rows = rows.filter(pc.equal(rows["length_ns"], 15 * MINUTE))
        start = (rows["valid_time"].cast("int64").to_numpy() - T0) // MINUTE
        names = rows["series"].to_pylist()
        stands = zip(rows["version"].to_pylist(), rows["value"].to_pylist(), strict=True)
        return dict(zip(zip(start.tolist(), names, strict=True), stands, strict=True))

    def numbers(self) -> dict[tuple[str, int, int], tuple[int, tuple[str, ...]]]:
        """Revision and numbers of each series and window, by its length and start, ns."""
        found = {}
        for kept_as in (HistoryClass.WINDOWS, HistoryClass.LONG_WINDOWS):
            for row in self.historian.as_of(kept_as, 0, 2**62).to_pylist():
                key = row["series"], row["length_ns"], int(row["valid_time"].value)
                found[key] = row["version"], tuple(repr(row[name]) for name in NUMBERS)
        return found

    def settle(self) -> int:
        """Process, record and rebuild until nothing is left; return how many were answered."""
        answered = 0
        while True:
            self.process()
            self.record()
            more = self.rebuild()
            answered += more
            if not more and not self.rebuilds.waiting:
                return answered

    def rebuilds_at(self) -> int:
        """Offset of the raw record at which windows were asked for."""
        (record,) = self.all(LATE)
        return decode_late(record.value).input_offset

    def close(self) -> None:
        self.log.close()
        self.reader.close()
        self.historian.close()
