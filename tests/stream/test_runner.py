import errno
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from records.log import LogRecord, Outgoing, Partition
from records.time import MINUTE, parse_time
from records.topics import topic_name
from records.window import decode_window
from storage.checkpoint_record import Checkpoint
from storage.memory_log import MemoryLog
from stream.meter_check import CheckLimits
from stream.metering import MeteringSettings, MeteringStage
from stream.outlet import LogOutlet
from stream.runner import MissingTopicError, RunnerOptions, run_stages

T0 = parse_time("2014-11-10T00:00:00Z")
FRAMES, METERS = topic_name("test", "scada.frame.v1"), topic_name("test", "meter.read.v1")
WINDOWS, INTERVALS = topic_name("test", "window.5min.v1"), topic_name("test", "meter.interval.v1")
PARTS = dict.fromkeys((FRAMES, METERS, WINDOWS), (0, 1))
TO_END = RunnerOptions(until_end=True, burst=7)


class Kept:
    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.parts: dict[str, dict[str, bytes]] = {}

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        kept = self.parts.get(name, {}) | new
        self.data[name], self.parts[name] = data, {part: kept[part] for part in parts}

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        return {n: Checkpoint(self.data[n], self.parts[n]) for n in names if n in self.data}


def everything(log: MemoryLog) -> dict[Partition, list[LogRecord]]:
    return {
        Partition(topic, number): list(log.read(Partition(topic, number), 0, 100_000))
        for topic in (WINDOWS, INTERVALS)
        for number in log.partitions(topic)
    }


@pytest.fixture
def log(feed: Any) -> MemoryLog:
    """Two areas, 20 minutes of frames, and ticks for their meters."""
    filled = MemoryLog(clock=lambda: T0 + 30 * MINUTE)
    for area in (0, 1):
        feed.partition = area
        for at in range(0, 1200, 30):
            record = feed.frame(at, [(10 * area + 1, 10.0 + at)])
            filled.append([Outgoing(FRAMES, area, record.value, record.key, record.headers)])
            tick = feed.tick(at)
            filled.append([Outgoing(METERS, area, tick.value, tick.key, tick.headers)])
    filled.flush()
    return filled


@pytest.fixture
def stages(point: Callable[..., Any], area_stage: Callable[..., Any]) -> list[Any]:
    points = [point(1), point(11, area=1)]
    return [area_stage(points), MeteringStage("test", MeteringSettings(check=CheckLimits()))]


def test_stages_feed_each_other_through_the_log(log: MemoryLog, stages: list[Any]) -> None:
    taken = run_stages(
        stages, log, LogOutlet(log, "test"), Kept(), options=TO_END, partitions=PARTS
    )
    windows = everything(log)[Partition(WINDOWS, 1)]
    assert [decode_window(record.value).start for record in windows] == [
        T0 + k * 5 * MINUTE for k in range(3)
    ]
    assert taken == 2 * (40 + 40 + 3)


@pytest.mark.parametrize("burst", [1, 3, 1000])
def test_the_size_of_a_burst_does_not_change_what_is_emitted(
    burst: int, log: MemoryLog, stages: list[Any]
) -> None:
    options = RunnerOptions(until_end=True, burst=burst)
    run_stages(stages, log, LogOutlet(log, "test"), Kept(), options=options, partitions=PARTS)
    assert [len(records) for records in everything(log).values()] == [3, 3, 4, 4]


def test_a_run_that_was_stopped_goes_on_where_it_was(log: MemoryLog, stages: list[Any]) -> None:
    kept, asked = Kept(), iter(range(1000))
    outlet = LogOutlet(log, "test")
    first = run_stages(
        stages,
        log,
        outlet,
        kept,
        options=TO_END,
        partitions=PARTS,
        stop=lambda: next(asked) > 6,
    )
    rest = run_stages(stages, log, outlet, kept, options=TO_END, partitions=PARTS)
    assert first > 0
    assert first + rest == 2 * (40 + 40 + 3)
    assert [len(records) for records in everything(log).values()] == [3, 3, 4, 4]


def test_a_run_says_how_far_it_is(log: MemoryLog, stages: list[Any]) -> None:
    told: list[int] = []
    options = RunnerOptions(until_end=True, checkpoint_every=timedelta(0))
    run_stages(
        stages,
        log,
        LogOutlet(log, "test"),
        Kept(),
        options=options,
        partitions=PARTS,
        on_progress=told.append,
    )
    assert told[-1] == 166
    assert told == sorted(told)


def test_a_topic_without_partitions_is_named(log: MemoryLog, stages: list[Any]) -> None:
    with pytest.raises(MissingTopicError, match=r"'metering' reads .*window\.5min\.v1"):
        run_stages(stages, log, LogOutlet(log, "test"), Kept(), options=TO_END)


class FullUntil(Kept):
    """Has no room for the first checkpoints."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        super().save(name, data, parts, new)


def test_without_room_for_checkpoints_the_work_goes_on_and_they_are_made_later(
    log: MemoryLog, stages: list[Any]
) -> None:
    kept = FullUntil(refusals=5)
    options = RunnerOptions(until_end=True, burst=7, checkpoint_every=timedelta(0))
    run_stages(stages, log, LogOutlet(log, "test"), kept, options=options, partitions=PARTS)
    assert not kept.refusals
    assert kept.data.keys() == {"area.0", "area.1", "metering.0", "metering.1"}
    assert len(everything(log)[Partition(WINDOWS, 1)]) == 3


def test_an_end_without_room_for_the_last_checkpoint_says_so(
    log: MemoryLog, stages: list[Any]
) -> None:
    with pytest.raises(OSError, match="No space left"):
        run_stages(
            stages, log, LogOutlet(log, "test"), FullUntil(1000), options=TO_END, partitions=PARTS
        )
