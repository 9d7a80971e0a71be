"""Worlds in which everything goes wrong, by a seed: disorder, duplicates, corrections, crashes.

Real stages under the real keeper, over a log, a checkpoint store and a read model that survive a
crash. Every write to any of them is an effect, and a crash may come between any two. What must
not change: the set of records in the output log, byte for byte, and what the read model finally
holds; and it must never be seen to go back to a lower revision.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from records.log import LogRecord, Outgoing, Partition
from records.meter import MeterDocument, MeterSeries, meter_record
from records.points import ElementKind, Point, PointRegister, Quantity
from records.quality import Quality
from records.scada import ScadaFrame, frame_record
from records.tick import tick_record
from records.time import SECOND, parse_time
from records.topics import topic_name
from records.window import decode_window
from storage.checkpoint_record import Checkpoint
from stream.area import AreaSettings, AreaStage
from stream.fold import FoldLimits
from stream.keeper import StageKeeper
from stream.local_clock import LocalClock
from stream.meter_check import CheckLimits
from stream.metering import MeteringSettings, MeteringStage
from stream.stage import Outcome, Stage
from stream.validation import RuleLimits
from stream.windows import WindowSettings

T0 = parse_time("2014-11-10T00:00:00Z")
FRAMES, METERS = topic_name("test", "scada.frame.v1"), topic_name("test", "meter.read.v1")
WINDOWS, INTERVALS = topic_name("test", "window.5min.v1"), topic_name("test", "meter.interval.v1")
DEAD = topic_name("test", "dead-letter.v1")
WINDOW = 60 * SECOND


def make_stages(clock: LocalClock) -> list[Stage[Any]]:
    points = [
        Point(
            f"load:{number}", number, 0, ElementKind.LOAD, str(number), Quantity.ACTIVE,
            sigma=0.5, low=-500.0, high=500.0, max_rate=0.5,
            deadband=1.0 if number == 3 else 0.0,
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    settings = AreaSettings(
        disorder=10 * SECOND,
        silence=30 * SECOND,
        windows=WindowSettings(
            length=WINDOW,
            long=3 * WINDOW,
            hot_retention=4 * WINDOW,
            fold=FoldLimits(
                reach=25 * SECOND,
                carry=90 * SECOND,
                rules=RuleLimits(frozen_after=40 * SECOND, reference_age=120 * SECOND),
            ),
        ),
    )
    check = CheckLimits(window=WINDOW, imputed_share=0.9)
    metering = MeteringSettings(beat=WINDOW, check=check)
    return [
        AreaStage("test", PointRegister(points), clock, settings),
        MeteringStage("test", metering),
    ]


def make_inputs(seed: int, *, length_s: int = 300) -> dict[Partition, list[LogRecord]]:
    """The raw logs of a world: frames and meter documents as they happened to be appended."""
    rng = random.Random(seed)
    frames: list[tuple[float, Outgoing]] = []
    sequence = 0
    for at in range(0, length_s, 10):
        rows = [
            (number, rng.choice([50.0, 50 + rng.gauss(0, 1), 80.0, 5e4, 999.0]))
            for number in (1, 2, 3, 9)
            if rng.random() < (0.05 if number == 9 else 0.85)
        ]
        bits = [int(Quality.INVALID) if rng.random() < 0.05 else 0 for _ in rows]
        for version in (1, 2) if rng.random() < 0.1 else (1,):
            sequence += 1
            frame = ScadaFrame(
                0,
                "gateway",
                sequence,
                T0 + at * SECOND,
                version,
                np.array([number for number, _ in rows], np.uint32),
                np.array([value + version - 1 for _, value in rows]),
                np.array(bits, np.uint16),
                np.array([rng.randrange(-900, 900) for _ in rows], np.int32),
            )
            delay = rng.expovariate(1 / 4) if rng.random() < 0.85 else rng.uniform(10, 400)
            sent = frame_record(FRAMES, frame)
            frames.append((at + delay + 20 * (version - 1), sent))
            if rng.random() < 0.06:
                frames.append((at + delay + rng.uniform(0, 90), sent))
            if rng.random() < 0.02:
                frames.append(
                    (at + delay, Outgoing(FRAMES, 0, sent.value[:40], b"0", sent.headers))
                )
    clock = range(0, length_s + 300, 20)
    ticks = [(at + 0.5, tick_record(FRAMES, 0, T0 + at * SECOND, "clock")) for at in clock]
    meters: list[tuple[float, Outgoing]] = []
    for at in range(0, length_s, 120):
        for run in (0, 1):
            known = at + 120 + int(rng.uniform(0, 60) + 100 * run)
            withdrawn = rng.random() < 0.1
            energy = None if withdrawn else rng.choice([50.0, 60.0]) / 30
            series = MeterSeries(
                "load:1", [T0 + at * SECOND], [energy], withdrawn_reading=[withdrawn]
            )
            document = MeterDocument(
                0, "mdm", "d", run, 1, 2 * WINDOW, T0 + known * SECOND, "MWh", [series]
            )
            meters.append((known, meter_record(METERS, document)))
            if rng.random() < 0.2:
                meters.append((known + 5, meter_record(METERS, document)))
    beats = [(at + 0.5, tick_record(METERS, 0, T0 + at * SECOND, "clock")) for at in clock]
    return {
        Partition(FRAMES, 0): _appended(FRAMES, [*frames, *ticks]),
        Partition(METERS, 0): _appended(METERS, [*meters, *beats]),
    }


def _appended(topic: str, sent: list[tuple[float, Outgoing]]) -> list[LogRecord]:
    sent.sort(key=lambda entry: entry[0])
    return [
        LogRecord(topic, 0, offset, T0 + int(at * SECOND), out.value, out.key, out.headers)
        for offset, (at, out) in enumerate(sent)
    ]


class Crash(Exception):
    """The process is gone."""


@dataclass
class Disk:
    """What survives a crash, and the chance of one before each effect."""

    log: dict[Partition, list[LogRecord]]
    rng: random.Random
    chance: float
    checkpoints: dict[str, bytes] = field(default_factory=dict)
    parts: dict[tuple[str, str], bytes] = field(default_factory=dict)
    needed: dict[str, frozenset[str]] = field(default_factory=dict)
    commits: dict[Partition, int] = field(default_factory=dict)
    read_model: dict[tuple[str, str, int], tuple[int, str]] = field(default_factory=dict)
    read_to: dict[Partition, int] = field(default_factory=dict)
    went_back: int = 0
    crashes: int = 0

    def effect(self) -> None:
        if self.rng.random() < self.chance and self.crashes < 60:
            self.crashes += 1
            raise Crash

    def append(self, out: Outgoing) -> None:
        self.effect()
        kept = self.log.setdefault(Partition(out.topic, out.partition), [])
        kept.append(
            LogRecord(out.topic, out.partition, len(kept), 0, out.value, out.key, dict(out.headers))
        )


class Producer:
    """An outlet that buffers, as producers do, and may send some early."""

    def __init__(self, disk: Disk) -> None:
        self._disk, self._buffer = disk, list[Outgoing]()

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        self._buffer += [outcome for outcome in outcomes if isinstance(outcome, Outgoing)]
        if self._disk.rng.random() < 0.3:
            self.flush()

    def flush(self) -> None:
        while self._buffer:
            self._disk.append(self._buffer[0])
            del self._buffer[0]


class Store:
    """Checkpoints that are written whole, at once; each of their parts is an effect of its own."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.named: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        disk = self.disk
        for part, body in new.items():
            disk.effect()
            disk.parts[name, part] = body
        disk.effect()
        disk.checkpoints[name] = data
        disk.needed[name] = frozenset(parts)
        past, before = self.named.get(name, (frozenset(), frozenset()))
        self.named[name] = before, frozenset(parts)
        for part in past - before - frozenset(parts):
            disk.effect()
            disk.parts.pop((name, part), None)

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        disk = self.disk
        return {
            name: Checkpoint(
                disk.checkpoints[name],
                {part: disk.parts[name, part] for part in disk.needed[name]},
            )
            for name in names
            if name in disk.checkpoints
        }


class World:
    """A process that is started again whenever it crashes, until everything is done.

    Subclasses break one rule each.
    """

    takes_lower_revisions = False

    def __init__(self, stages: Sequence[Stage[Any]], seed: int, chance: float) -> None:
        self.stages = stages
        self.disk = Disk(make_inputs(seed), random.Random(seed * 7 + 1), chance)

    def run(self) -> Disk:
        while True:
            try:
                self.life()
                return self.disk
            except Crash:
                continue

    def keeper(self, stage: Stage[Any], outlet: Producer) -> StageKeeper[Any]:
        return StageKeeper(stage, outlet, Store(self.disk), lambda partition: 0)

    def life(self) -> None:
        """From a start to the end of all inputs, or to a crash."""
        keepers = []
        for stage in self.stages:
            keeper = self.keeper(stage, Producer(self.disk))
            keeper.take_over([Partition(topic, 0) for topic in stage.inputs])
            self.started(keeper)
            keepers.append(keeper)
        while True:
            before = sum(len(records) for records in self.disk.log.values())
            taken = sum(self.turn(keeper) for keeper in keepers)
            for keeper in keepers:
                if self.disk.rng.random() < 0.3 or not taken:
                    self.checkpoint(keeper)
            self.sink()
            after = sum(len(records) for records in self.disk.log.values())
            if not taken and before == after:
                return

    def started(self, keeper: StageKeeper[Any]) -> None:
        """The keeper has its states."""

    def turn(self, keeper: StageKeeper[Any]) -> int:
        taken = 0
        for partition, offset in keeper.positions.items():
            burst = self.disk.rng.randrange(1, 12)
            for record in self.disk.log.get(partition, [])[offset : offset + burst]:
                self.offer(keeper, record)
                taken += 1
        return taken

    def offer(self, keeper: StageKeeper[Any], record: LogRecord) -> None:
        keeper.offer(record)

    def checkpoint(self, keeper: StageKeeper[Any]) -> None:
        if self.disk.rng.random() < 0.5:
            positions = keeper.checkpoint()
        else:
            drafts = [keeper.draft(unit) for unit in keeper.changed]
            self.turn(keeper)
            positions = keeper.save(drafts)
        for partition, offset in positions.items():
            self.disk.effect()
            self.disk.commits[partition] = offset

    def sink(self) -> None:
        """The read model follows windows and intervals; a lower revision changes nothing."""
        disk = self.disk
        for topic in (WINDOWS, INTERVALS):
            partition = Partition(topic, 0)
            for record in disk.log.get(partition, [])[disk.read_to.get(partition, 0) :]:
                batch = decode_window(record.value)
                disk.effect()
                for row, series in enumerate(batch.series):
                    key = (topic, str(series), batch.start)
                    revision = int(batch.revision[row])
                    held = disk.read_model.get(key, (0, ""))[0]
                    if revision < held and not self.takes_lower_revisions:
                        continue
                    disk.went_back += revision < held
                    numbers = (batch.mean[row], batch.q95[row], batch.quality[row])
                    disk.read_model[key] = (revision, repr(numbers))
                if disk.rng.random() < 0.5:
                    disk.effect()
                    disk.read_to[partition] = record.offset + 1


def emitted(disk: Disk) -> set[tuple[str, bytes, bytes, str]]:
    """All distinct records of the output topics."""
    return {
        (partition.topic, record.key, record.value, repr(sorted(record.headers.items())))
        for partition, records in disk.log.items()
        if partition.topic not in (FRAMES, METERS)
        for record in records
    }


def differences(disk: Disk, calm: Disk) -> list[str]:
    """What a world ended with that differs from the same world without crashes."""
    found = []
    lost, made_up = emitted(calm) - emitted(disk), emitted(disk) - emitted(calm)
    if lost:
        found.append(f"{len(lost)} records lost")
    if made_up:
        found.append(f"{len(made_up)} records made up")
    if disk.read_model != calm.read_model:
        found.append("the read model differs")
    if disk.went_back:
        found.append(f"the read model went back {disk.went_back} times")
    return found
