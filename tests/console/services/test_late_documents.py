"""Meter documents older than what is kept, over the embedded log, and what is asked for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from records.deadletter import decode_dead_letter
from records.envelope import watermark_of
from records.errors import Reason
from records.late import decode_late
from records.log import Outgoing
from records.meter import MeterDocument, MeterSeries, meter_record
from records.tick import tick_record
from records.time import DAY, HOUR
from records.window import decode_window
from storage.historian_classes import HistoryClass
from tests.console.services.late_world import DEAD, INTERVALS, LATE, METERS, T0, World

QUARTER = HOUR // 4
OLD = 0
RECENT = 9 * DAY


def document(
    known: int,
    readings: Sequence[tuple[int, float | None]],
    *,
    run: int = 0,
    name: str = "d",
    withdrawn: bool = False,
    meter: str = "m1",
) -> Outgoing:
    """Readings of (time after T0, MWh), made known `known` after T0."""
    series = MeterSeries(
        meter, [T0 + at for at, _ in readings], [energy for _, energy in readings],
        withdrawn_reading=[withdrawn] * len(readings),
    )  # fmt: skip
    given = MeterDocument(0, "mdm", name, run, 1, QUARTER, T0 + known, "MWh", [series])
    return meter_record(METERS, given)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Nine days on: a first reading, known for long, has left memory."""
    world = World(tmp_path)
    world.send([document(HOUR, [(OLD, 2.0)]), tick_record(METERS, 0, T0 + RECENT, "clock")])
    world.process()
    yield world
    world.close()


def stands(world: World) -> tuple[int, float | None]:
    """Revision and energy of the old period as the historian has it."""
    rows = world.historian.as_of(
        HistoryClass.METER_INTERVALS, T0, T0 + 1, series=["load:1"]
    ).to_pylist()
    return rows[0]["version"], rows[0]["energy_mwh"]


def settle(world: World) -> None:
    world.record()
    world.rebuild()
    world.process()
    world.record()
    world.rebuild()


def test_a_later_settlement_of_a_period_out_of_memory_is_its_next_revision(world: World) -> None:
    world.send([document(RECENT + 1, [(OLD, 3.0), (RECENT, 5.0)], run=1)])
    world.process()
    (request,) = (decode_late(record.value) for record in world.all(LATE))
    assert (request.metered, request.start.tolist(), request.series.tolist()) == (
        True, [T0], ["m1"],
    )  # fmt: skip
    recent = [decode_window(record.value) for record in world.all(INTERVALS)][-1]
    assert (recent.start, recent.energy_mwh.tolist()) == (T0 + RECENT, [5.0])
    settle(world)
    assert stands(world) == (2, 3.0)
    again = world.all(INTERVALS)[-1]
    assert watermark_of(again.headers) is None
    assert decode_window(again.value).mean.tolist() == [12.0]


def test_an_earlier_settlement_that_comes_late_changes_nothing(world: World) -> None:
    world.send([document(RECENT + 1, [(OLD, 3.0)], run=1)])
    world.process()
    settle(world)
    world.send([document(RECENT + 2, [(OLD, 9.0)], run=0, name="e")])
    world.process()
    settle(world)
    assert stands(world) == (2, 3.0)
    assert world.rebuilds.waiting == 0


def test_a_late_withdrawal_takes_the_value_back(world: World) -> None:
    world.send([document(RECENT + 1, [(OLD, None)], run=1, withdrawn=True)])
    world.process()
    settle(world)
    assert stands(world) == (2, None)


def test_a_period_never_heard_of_begins_with_revision_one(world: World) -> None:
    world.send([document(RECENT + 1, [(OLD, 4.0)], meter="m2")])
    world.process()
    settle(world)
    rows = world.historian.as_of(HistoryClass.METER_INTERVALS, T0, T0 + 1, series=["m2"])
    assert (rows["version"].to_pylist(), rows["energy_mwh"].to_pylist()) == ([1], [4.0])


def test_a_contradictory_document_is_refused_whole_however_old(world: World) -> None:
    world.send([document(RECENT + 1, [(OLD, 3.0), (OLD, 4.0)], run=1)])
    world.process()
    (letter,) = (decode_dead_letter(record.value) for record in world.all(DEAD))
    assert letter.reason is Reason.CONTRADICTORY
    assert list(world.all(LATE)) == []


def test_only_what_the_historian_no_longer_keeps_is_refused(world: World) -> None:
    world.send([document(RECENT + 1, [(-4 * 366 * DAY, 3.0)])])
    world.process()
    (letter,) = (decode_dead_letter(record.value) for record in world.all(DEAD))
    assert letter.reason is Reason.TIME_OUT_OF_BOUNDS
    assert "older than what the historian keeps (1095 days)" in letter.detail
