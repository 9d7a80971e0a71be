"""A replay makes windows again as the run did, and at the place in their topic where it did."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.replays.rebuilding import RebuildingOutlet
from console.replays.replay_folder import ReplayFolder, replay_folder
from records.log import LogRecord, Outgoing, Partition
from records.time import HOUR, MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.window import decode_window
from storage.checkpoint_record import Checkpoint
from storage.historian import Historian
from storage.historian_log import HistorianLog
from stream.area import AreaStage
from stream.metering import MeteringStage
from stream.outlet import LogOutlet
from stream.rebuilder import Rebuilder
from stream.replay_log import ReplayLog
from stream.rollup import RollupStage
from stream.runner import RunnerOptions, run_stages
from tests.console.services.late_world import (
    CLOCK,
    FRAMES,
    LONG,
    METERING,
    METERS,
    POINTS,
    ROLLUP,
    SETTINGS,
    SPACE,
    T0,
    WHOLES,
    WINDOWS,
    World,
    frame,
)

AGAIN = "again"
DERIVED = (WINDOWS, LONG, *WHOLES)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "world")
    yield world
    world.close()


@dataclass
class Replayed:
    topics: dict[str, list[tuple[bytes, dict[str, str]]]]
    made: int
    unanswered: int


class Unkept:
    def save(self, name: str, data: bytes, parts: object, new: object) -> None: ...

    def load_all(self, names: object) -> dict[str, Checkpoint]:
        return {}


def replayed(world: World) -> Replayed:
    """Run the stages again over what the historian of a world holds."""
    with (
        replay_folder(world.directory / "replays", AGAIN, 1) as folder,
        Historian(folder.historian) as made,
        Historian(world.directory / "historian") as was,
        Historian(world.directory / "historian") as read,
    ):
        places = [Partition(FRAMES, 0), Partition(METERS, 0)]
        log = ReplayLog(HistorianLog(read), SPACE, folder.reader, AGAIN, places)
        outlet = RebuildingOutlet(
            LogOutlet(folder.writer, AGAIN),
            Rebuilder(made, AGAIN, POINTS, CLOCK, SETTINGS, METERING, ROLLUP, raw=(was, SPACE)),
            was,
            AGAIN,
            folder.finish,
        )
        stages = [
            AreaStage(AGAIN, POINTS, CLOCK, SETTINGS),
            MeteringStage(AGAIN, METERING),
            RollupStage(AGAIN, CLOCK, ROLLUP),
        ]
        run_stages(
            stages, log, outlet, Unkept(), options=RunnerOptions(until_end=True),
            on_end=outlet.release,
        )  # fmt: skip
        topics = {topic: told(folder, topic) for topic in DERIVED}
    return Replayed(topics, outlet.n_made, outlet.n_unanswered)


def told(folder: ReplayFolder, topic: str) -> list[tuple[bytes, dict[str, str]]]:
    name = topic_name(AGAIN, topic.split(".", 2)[2])
    return contents(folder.reader.read(Partition(name, 0), 0, 100_000))


def contents(records: Sequence[LogRecord]) -> list[tuple[bytes, dict[str, str]]]:
    return [(record.value, dict(record.headers)) for record in records]


def as_a_set(told: Sequence[tuple[bytes, dict[str, str]]]) -> set[tuple[bytes, str]]:
    return {(value, repr(sorted(headers.items()))) for value, headers in told}


def scans(start: int, end: int) -> list[Outgoing]:
    first, past = ((at - T0) // SECOND for at in (start, end))
    return [frame(at, [10.0 + at % 4200 / 60, at % 86_400 / 200]) for at in range(first, past, 300)]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_topic_of_windows_is_the_same_byte_for_byte(seed: int, world: World) -> None:
    """Scans hours and a day late; the services get their turns whenever it comes to them."""
    rng = random.Random(seed)
    begin = parse_time("2014-11-10T18:00Z")
    holes = [(begin + k * HOUR, begin + k * HOUR + rng.randrange(1, 12) * 5 * MINUTE)
             for k in (1, 3, 7)]  # fmt: skip
    late = [frame for hole in holes for frame in scans(*hole)]
    rng.shuffle(late)
    for at in range(begin, begin + 12 * HOUR, 10 * MINUTE):
        coming = scans(at, at + 10 * MINUTE)
        inside = [hole for hole in holes if hole[0] <= at < hole[1]]
        world.send([f for f in coming if not inside])
        if at > begin + 9 * HOUR and rng.random() < 0.4:
            world.send([late.pop() for _ in range(min(len(late), 5))])
        if rng.random() < 0.7:
            world.process()
        if rng.random() < 0.5:
            world.record()
        if rng.random() < 0.5:
            world.rebuild()
    world.send(late)
    for hour in (12, 13):
        world.send(scans(begin + hour * HOUR, begin + (hour + 1) * HOUR))
        world.settle()
    found = replayed(world)
    assert found.unanswered == 0
    revised = [
        batch
        for topic in DERIVED
        for record in world.all(topic)
        if (batch := decode_window(record.value)).revision.max(initial=0) > 1
    ]
    assert {batch.length for batch in revised} >= {5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR}
    assert found.made > 10
    for topic in (WINDOWS, LONG):
        assert found.topics[topic] == contents(world.all(topic)), topic
    # Nobody goes by the order of these, and each says what it is.
    for topic in WHOLES:
        assert as_a_set(found.topics[topic]) == as_a_set(contents(world.all(topic))), topic


def test_what_the_run_had_not_answered_comes_at_the_end(world: World) -> None:
    begin = parse_time("2014-11-10T18:00Z")
    world.send(scans(begin, begin + HOUR))
    world.send(scans(begin + 2 * HOUR, begin + 4 * HOUR))
    world.send(scans(begin + HOUR, begin + 2 * HOUR))
    world.send(scans(begin + 4 * HOUR, begin + 6 * HOUR))
    world.process()
    world.record()
    found = replayed(world)
    recorded = contents(world.all(WINDOWS))
    assert found.topics[WINDOWS][: len(recorded)] == recorded
    last = [decode_window(value) for value, _ in found.topics[WINDOWS][len(recorded) :]]
    assert [(b.start - begin) // MINUTE for b in last] == list(range(60, 120, 5))
    assert found.unanswered == found.made > 0
