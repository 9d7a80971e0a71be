"""A reading five hours late, over the embedded log: stages, recorder and rebuild side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from console.services.rebuild_service import first_made_of
from records.deadletter import decode_dead_letter
from records.envelope import watermark_of
from records.late import LateReadings, late_record
from records.log import LogRecord, Outgoing, Partition
from records.time import HOUR, MINUTE, SECOND
from records.window import decode_window
from storage.embedded_log import EmbeddedLogWriter
from storage.historian_classes import HistoryClass
from stream.rebuilder import Rebuilder
from stream.relay import RelayStage
from tests.console.services.late_world import (
    CLOCK,
    DEAD,
    FRAMES,
    LATE,
    POINTS,
    REBUILT,
    SETTINGS,
    SPACE,
    T0,
    WINDOWS,
    World,
    frame,
    scans,
    tick,
)  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def five_hours_late(world: World) -> None:
    """An hour without scans; then they come, five hours late."""
    world.send(scans(0, 6 * 3600, without=range(3600, 7200)))
    world.process()
    world.send(scans(3600, 7200))
    world.send(scans(6 * 3600, 6 * 3600 + 600))
    world.process()


def test_scans_hours_late_are_in_their_windows_in_the_end(world: World, tmp_path: Path) -> None:
    five_hours_late(world)
    world.record()
    before = world.standing()
    assert before[75, "load:1"][1] is None
    assert world.rebuild() == 1
    world.process()
    world.record()
    calm = World(tmp_path / "calm")
    calm.send(scans(0, 6 * 3600 + 600))
    calm.process()
    calm.record()
    stands, expected = world.standing(), calm.standing()
    long, expected_long = (w.standing(HistoryClass.LONG_WINDOWS) for w in (world, calm))
    calm.close()
    assert {key: mean for key, (_, mean) in stands.items()} == {
        key: mean for key, (_, mean) in expected.items()
    }
    changed = {key for key in before if before[key] != stands[key]}
    assert {start for start, _ in changed} == set(range(60, 120, 5))
    assert {stands[key][0] for key in changed} == {2}
    assert {key: mean for key, (_, mean) in long.items()} == {
        key: mean for key, (_, mean) in expected_long.items()
    }
    assert {start for (start, _), (revision, _) in long.items() if revision == 2} == {
        60,
        75,
        90,
        105,
    }
    assert world.rebuild() == 0
    assert world.rebuilds.waiting == 0


def test_the_answer_waits_until_everything_it_is_made_of_is_recorded(world: World) -> None:
    five_hours_late(world)
    assert (world.rebuild(), world.rebuilds.waiting) == (0, 1)
    world.record()
    assert (world.rebuild(), world.rebuilds.waiting) == (1, 0)
    # Until the answer itself is recorded, nothing else is answered.
    assert (world.rebuild(), world.rebuilds.waiting) == (0, 1)


def test_after_a_crash_the_same_bytes_are_told_again(world: World) -> None:
    five_hours_late(world)
    world.record()
    world.rebuild()
    first = [(r.value, r.headers) for r in world.all(REBUILT)]
    world.process()
    world.record()
    world.rebuilds = world.start_rebuild()
    assert world.rebuild() == 1
    again = [(r.value, r.headers) for r in world.all(REBUILT)]
    assert again == first + first
    world.process()
    world.record()
    stands = world.standing()
    assert {revision for revision, _ in stands.values()} == {1, 2}
    world.rebuild()
    world.rebuilds = world.start_rebuild()
    assert world.rebuild() == 0
    assert len(world.all(REBUILT)) == len(again)


def test_a_second_late_reading_of_a_window_opens_a_third_revision(world: World) -> None:
    five_hours_late(world)
    world.record()
    world.rebuild()
    world.process()
    world.send([frame(3600, [99.0, 5.0], version=2), tick(6 * 3600 + 1000)])
    world.process()
    world.record()
    assert world.rebuild() == 1
    world.process()
    world.record()
    stands = world.standing()
    assert (stands[60, "load:1"][0], stands[60, "load:2"][0]) == (3, 2)
    assert stands[60, "load:1"][1] == pytest.approx((99 + 15 + 16 + 10 + 11) / 5)


def test_windows_made_again_do_not_move_the_watermark_and_are_known_when_told(
    world: World,
) -> None:
    five_hours_late(world)
    world.record()
    world.rebuild()
    world.process()
    again = [r for r in world.all(WINDOWS) if r.headers["ce_source"] == "rebuild-0"]
    assert len(again) == 12
    assert {watermark_of(record.headers) for record in again} == {None}
    # A scan a minute, twenty seconds of disorder: the one that closes the hour before it.
    known = T0 + 21_640 * SECOND
    assert {record.headers["gc_known"] for record in again} == {str(known)}
    world.record()

    def versions(as_of: int) -> set[int]:
        rows = world.historian.as_of(
            HistoryClass.WINDOWS, T0 + HOUR, T0 + 2 * HOUR, series=["load:1"], as_of=as_of
        )
        return set(rows["version"].to_pylist())

    assert (versions(known - 1), versions(known)) == ({1}, {2})


def test_where_windows_of_an_input_begin_is_found_among_those_made_again(world: World) -> None:
    five_hours_late(world)
    world.record()
    world.rebuild()
    world.process()
    place = Partition(WINDOWS, 0)
    made = [
        (record.offset, decode_window(record.value).input_offset)
        for record in world.all(WINDOWS)
        if watermark_of(record.headers) is not None
    ]
    for wanted in (0, 7, 100, made[-1][1]):
        expected = min(offset for offset, made_of in made if made_of >= wanted)
        assert first_made_of(world.reader, place, wanted) == expected
    assert first_made_of(world.reader, place, made[-1][1] + 1) is None


def test_a_request_that_cannot_be_read_is_a_dead_letter_and_stops_nothing(world: World) -> None:
    with EmbeddedLogWriter(world.directory / "log") as writer:
        writer.append([Outgoing(LATE, 0, b"junk", b"0", {"ce_type": "gridcast.window.late.v1"})])
    five_hours_late(world)
    world.record()
    assert world.rebuild() == 1
    assert world.rebuild() == 1
    (letter,) = (decode_dead_letter(record.value) for record in world.all(DEAD))
    assert (letter.topic, letter.offset, letter.value) == (LATE, 0, b"junk")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"input_offset": 10**9}, "made of offset 1000000000"),
        ({"length": 7 * MINUTE}, "the long ones have"),
        ({"area": 3}, "area 3 on partition 0"),
        ({"start": np.array([T0 + 1])}, "no multiples of"),
        ({"start": np.empty(0, np.int64), "series": np.empty(0, object)}, "names no window"),
        ({"start": np.array([-HOUR])}, "a time before 1970"),
    ],
)
def test_a_request_that_can_never_be_answered_is_a_dead_letter(
    world: World, told: dict[str, object], reason: str
) -> None:
    sound = LateReadings(
        0, 5, T0 + 5 * HOUR, SETTINGS.windows.long, False, np.array([T0]),
        np.array(["load:1"], object),
    )  # fmt: skip
    request = late_record(LATE, replace(sound, **told), T0 + 5 * HOUR)
    world.send([replace(request, partition=0)])
    five_hours_late(world)
    world.record()
    assert world.rebuild() == 1
    assert world.rebuild() == 1
    (letter,) = (decode_dead_letter(record.value) for record in world.all(DEAD))
    assert reason in letter.detail


def test_the_relay_refuses_what_is_not_for_windows(world: World) -> None:
    stray = LogRecord(REBUILT, 0, 0, 1, b"?", b"", {"ce_type": "gridcast.window.v1"})
    _, (letter,) = RelayStage(SPACE).step(None, stray)
    assert isinstance(letter, Outgoing)
    assert decode_dead_letter(letter.value).detail == "gridcast.window.v1 for nobody"


def test_every_window_can_be_made_again_from_raw_and_is_the_same(world: World) -> None:
    five_hours_late(world)
    world.record()
    world.rebuild()
    world.process()
    world.record()
    starts = np.arange(T0, T0 + 5 * HOUR, 15 * MINUTE)
    end = world.reader.end_offset(Partition(FRAMES, 0))
    everything = LateReadings(
        0, end, T0 + 7 * HOUR, 15 * MINUTE, False,
        np.repeat(starts, 2), np.array(["load:1", "load:2"] * len(starts), object),
    )  # fmt: skip
    rebuilder = Rebuilder(world.historian, SPACE, POINTS, CLOCK, SETTINGS)
    assert rebuilder.rebuild(everything) == []
    # As of before the late scans, those of their hour and what follows from them are not.
    outdated = replace(everything, input_offset=world.rebuilds_at() - 1)
    assert {decode_window(made.value).start for made in rebuilder.rebuild(outdated)} == set(
        range(T0 + HOUR, T0 + 2 * HOUR, 5 * MINUTE)
    )
