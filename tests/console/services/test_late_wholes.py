"""Scans days late: half hours, hours and local days are what they would be with all in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from records.late import LATE_PARTS_TYPE
from records.log import Outgoing
from records.time import DAY, HOUR, MINUTE, SECOND, format_time, parse_time
from tests.console.services.late_world import CLOCK, LATE, SPACE, T0, WHOLES, World, frame

FINDINGS = f"gridcast.{SPACE}.finding.v1"
EVERY_S = 300


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "world")
    yield world
    world.close()


def scans(start: int, end: int) -> list[Outgoing]:
    first, past = ((at - T0) // SECOND for at in (start, end))
    return [
        frame(at, [10.0 + at % 4200 / 60, at % 86_400 / 200]) for at in range(first, past, EVERY_S)
    ]


def a_day_late(world: World, hole: tuple[int, int], end: int) -> list[Outgoing]:
    """Scans of a day and a half, but for a hole; its scans, and a few more after them."""
    begin = CLOCK.day(hole[0])[0]
    world.send(scans(begin - HOUR, hole[0]) + scans(hole[1], end))
    world.settle()
    return scans(*hole) + scans(end, end + HOUR)


def in_time(directory: Path, hole: tuple[int, int], end: int) -> World:
    calm = World(directory)
    calm.send(scans(CLOCK.day(hole[0])[0] - HOUR, end + 2 * HOUR))
    assert calm.settle() == 0
    return calm


@pytest.mark.parametrize(
    ("hole_from", "hours"),
    [("2014-11-10T12:20Z", 24), ("2014-03-30T00:35Z", 23), ("2014-10-26T00:10Z", 25)],
)
def test_every_length_of_window_is_what_all_scans_in_time_would_make(
    hole_from: str, hours: int, world: World, tmp_path: Path
) -> None:
    start = parse_time(hole_from)
    hole = start, start + 100 * MINUTE
    day = CLOCK.day(start)
    assert day[1] - day[0] == hours * HOUR
    end = day[1] + 3 * HOUR
    late = a_day_late(world, hole, end)
    before = world.numbers()
    world.send(late)
    assert world.settle() == 1
    # What is made of the quarters of an hour is asked for when the next one closes.
    world.send(scans(end + HOUR, end + 2 * HOUR))
    assert world.settle() == 1
    calm = in_time(tmp_path / "calm", hole, end)
    stands, expected = world.numbers(), calm.numbers()
    calm.close()
    assert {key: numbers for key, (_, numbers) in stands.items()} == {
        key: numbers for key, (_, numbers) in expected.items()
    }
    again = {key: stands[key][0] for key in before if stands[key] != before[key]}
    assert set(again.values()) == {2}
    assert {length for _, length, _ in again} == {
        5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, hours * HOUR,
    }  # fmt: skip
    assert {format_time(at) for _, length, at in again if length > HOUR} == {format_time(day[0])}
    assert not world.all(FINDINGS)


def test_a_crash_at_any_step_repeats_the_same_bytes_and_counts_nothing_twice(
    world: World, tmp_path: Path
) -> None:
    start = parse_time("2014-11-10T12:20Z")
    hole, end = (start, start + 100 * MINUTE), parse_time("2014-11-11T02:00Z")
    world.send(a_day_late(world, hole, end))
    for more in ([], scans(end + HOUR, end + 2 * HOUR)):
        world.send(more)
        for _ in range(3):
            world.process()
            world.record()
            world.rebuilds = world.start_rebuild()
            world.rebuild()
        world.settle()
    told = {(r.value, tuple(r.headers.items())) for topic in WHOLES for r in world.all(topic)}
    revisions: dict[tuple[str, int, int, int], set[tuple[str, ...]]] = {}
    rows = world.historian.sql('SELECT * EXCLUDE (recorded_at, "offset") FROM long_windows')
    for row in rows.to_pylist():
        key = row["series"], row["length_ns"], row["valid_time"].value, row["version"]
        revisions.setdefault(key, set()).add(tuple(map(repr, row.values())))
    assert {len(numbers) for numbers in revisions.values()} == {1}
    assert {revision for *_, revision in revisions} == {1, 2}
    calm = in_time(tmp_path / "calm", hole, end)
    assert {key: numbers for key, (_, numbers) in world.numbers().items()} == {
        key: numbers for key, (_, numbers) in calm.numbers().items()
    }
    calm.close()
    assert len(told) < sum(len(world.all(topic)) for topic in WHOLES)


def test_a_second_correction_of_the_same_day_is_a_third_revision(world: World) -> None:
    start = parse_time("2014-11-10T12:20Z")
    end = parse_time("2014-11-11T02:00Z")
    world.send(a_day_late(world, (start, start + HOUR), end))
    world.settle()
    world.send(scans(end + HOUR, end + 2 * HOUR))
    world.settle()
    at = (start - T0) // SECOND
    for hour in (2, 3):
        world.send([frame(at, [99.0, 5.0], version=2)])
        world.send(scans(end + hour * HOUR, end + (hour + 1) * HOUR))
        world.settle()
    day, hour = CLOCK.day(start), start - start % HOUR
    stands = world.numbers()
    assert stands["load:1", DAY, day[0]][0] == 3
    assert stands["load:1", HOUR, hour][0] == 3
    # Half an hour later nothing changed the second time.
    assert stands["load:1", HOUR, hour + HOUR][0] == 2
    asked = [r for r in world.all(LATE) if r.headers["ce_type"] == LATE_PARTS_TYPE]
    assert len(asked) == 2
