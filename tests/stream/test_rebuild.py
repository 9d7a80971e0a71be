"""Windows made again from raw readings equal those that would have been made in time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from records.deadletter import decode_dead_letter
from records.errors import Reason
from records.late import decode_late
from records.log import LogRecord, Outgoing, Partition
from records.points import Point, PointRegister
from records.scada import FRAME_TYPE, ScadaFrame, decode_frame
from records.time import HOUR, MINUTE, SECOND, floor_time
from records.topics import topic_name
from records.window import WindowBatch, decode_window
from stream.area import AreaSettings
from stream.fold import Aggregates
from stream.rebuild import (
    RawFrame,
    RecordedWindows,
    Wanted,
    rebuilt_windows,
    revised,
    wanted_of,
)
from stream.roster import Roster
from stream.watermark import Disorder
from tests.stream.conftest import T0, WINDOWS, Feed

LATE = topic_name("test", "window.late.v1")
LONG = topic_name("test", "window.15min.v1")
HOT = replace(AreaSettings().windows, hot_retention=HOUR)
SETTINGS = replace(AreaSettings(), windows=HOT)
COLUMNS = list(Aggregates.__slots__)


def told(outcomes: Sequence[Outgoing]) -> list[tuple[int, str]]:
    """Window (in minutes after T0) and series of every request."""
    requests = [decode_late(outcome.value) for outcome in outcomes if outcome.topic == LATE]
    return [
        ((int(start) - T0) // MINUTE, str(name))
        for late in requests
        for start, name in zip(late.start, late.series, strict=True)
    ]


def standing(batches: Sequence[WindowBatch]) -> dict[tuple[str, int, int], tuple[Any, ...]]:
    """Revision and numbers of each series, start and length, of its highest revision."""
    stands: dict[tuple[str, int, int], tuple[Any, ...]] = {}
    for batch in batches:
        for row, name in enumerate(batch.series):
            numbers = tuple(repr(getattr(batch, column)[row]) for column in COLUMNS)
            key = name, batch.start, batch.length
            before = stands.get(key, (0,))
            if batch.revision[row] > before[0]:
                stands[key] = (int(batch.revision[row]), numbers)
    return stands


def recorded(batches: Sequence[WindowBatch], like: WindowBatch) -> RecordedWindows:
    """What a historian of these batches would answer."""
    rows: dict[str, tuple[int, WindowBatch, int]] = {}
    for batch in batches:
        for row, name in enumerate(batch.series):
            same = (batch.start, batch.length) == (like.start, like.length)
            if same and batch.revision[row] > rows.get(name, (0,))[0]:
                rows[name] = (int(batch.revision[row]), batch, row)
    columns = {c: np.array([getattr(b, c)[r] for _, b, r in rows.values()]) for c in COLUMNS}
    return RecordedWindows(
        np.array(list(rows), object),
        np.array([revision for revision, _, _ in rows.values()], np.int32),
        Aggregates(**columns),
    )


def some_rows(frame: ScadaFrame, keep: np.ndarray) -> ScadaFrame:
    columns = ("point", "value", "quality", "offset_ms")
    return replace(frame, **{name: getattr(frame, name)[keep] for name in columns})


def raw_frames(
    records: Sequence[LogRecord], roster: Roster, wanted: Wanted, settings: AreaSettings, past: int
) -> tuple[list[RawFrame], list[int]]:
    """What the historian is asked for: the readings of the wanted series, and the scans."""
    begin = wanted.start - settings.windows.settling
    rows = wanted.rows(roster)
    silent = rows[roster.at(begin).by_exception[rows]]
    frames, heard = [], []
    for record in records:
        if record.headers["ce_type"] != FRAME_TYPE or record.offset > past:
            continue
        frame = decode_frame(record)
        near = (frame.time >= begin - MINUTE) & (frame.time < wanted.end + MINUTE)
        before = (frame.time >= begin - settings.windows.exception_reach) & (
            frame.time < begin - MINUTE
        )
        keep = near & np.isin(frame.point, roster.number[rows])
        keep |= before & np.isin(frame.point, roster.number[silent])
        heard.append(frame.scan_time)
        if keep.any():
            frames.append(RawFrame(some_rows(frame, keep), record.append_time))
    return frames, heard


def rebuild(
    outcomes: Sequence[Outgoing],
    records: Sequence[LogRecord],
    points: Sequence[Point],
    settings: AreaSettings,
) -> list[WindowBatch]:
    """Every window batch, those made again for each request among them."""
    roster = Roster(PointRegister(points), 0)
    batches = [decode_window(o.value) for o in outcomes if o.topic in (WINDOWS, LONG)]
    again: list[WindowBatch] = []
    for outcome in outcomes:
        if outcome.topic != LATE:
            continue
        late = decode_late(outcome.value)
        before = [b for b in batches + again if b.input_offset < late.input_offset]
        for wanted in wanted_of(late, settings.windows.settling):
            frames, heard = raw_frames(records, roster, wanted, settings, late.input_offset)
            made = rebuilt_windows(roster, settings, wanted, frames, heard, late.input_offset)
            changed = [revised(batch, recorded(before, batch)) for batch in made]
            again += [batch for batch in changed if batch is not None]
    return batches + again


@pytest.fixture
def life(area_stage: Callable[..., Any], run: Any) -> Callable[..., list[WindowBatch]]:
    """All batches that come of frames: rows of (seconds after T0, readings), as they arrived."""

    def live(
        points: Sequence[Point], sent: Sequence[LogRecord], settings: AreaSettings = SETTINGS
    ) -> list[WindowBatch]:
        return rebuild(run(area_stage(points, settings), sent), sent, points, settings)

    return live


def scans(feed: Feed, until_s: int, *, without: int | None = None) -> list[LogRecord]:
    """A scan each 30 s of a value that moves; one of them left out."""
    return [
        feed.frame(at, [(1, 10.0 + at % 420 / 60), (2, 5.0)])
        for at in range(0, until_s, 30)
        if at != without
    ]


def test_a_reading_hours_late_changes_its_window_as_if_it_had_come_in_time(
    feed: Feed, point: Callable[..., Point], life: Any
) -> None:
    points = [point(1), point(2)]
    late_row = [(1, 10.0 + 3600 % 420 / 60), (2, 5.0)]
    sent = scans(feed, 6 * 3600, without=3600)
    sent.append(feed.frame(3600, late_row, append_s=6 * 3600))
    sent += [feed.tick(at) for at in range(6 * 3600, 6 * 3600 + 401, 100)]
    in_time = Feed()
    expected = standing(life(points, [*scans(in_time, 6 * 3600), in_time.tick(6 * 3600 + 400)]))
    found = standing(life(points, sent))
    assert {key: numbers for key, (_, numbers) in found.items()} == {
        key: numbers for key, (_, numbers) in expected.items()
    }
    # The value of point 2 stood before and after, but a reading counts.
    again = {key for key, (revision, _) in found.items() if revision == 2}
    assert again == {
        (f"load:{number} p_mw", T0 + HOUR, length)
        for number in (1, 2)
        for length in (5 * MINUTE, 15 * MINUTE)
    }


def test_a_burst_of_late_readings_is_one_request_when_the_next_window_closes(
    feed: Feed, point: Callable[..., Point], area_stage: Any, run: Any
) -> None:
    stage = area_stage([point(1)], SETTINGS)
    records = [feed.frame(0, [(1, 10.0)]), feed.tick(5 * 3600)]
    records += [feed.frame(3600 + at, [(1, 11.0)], append_s=18_000) for at in range(0, 300, 10)]
    outcomes = run(stage, records)
    assert told(outcomes) == []
    (request,) = [o for o in run(stage, [*records, feed.tick(18_330)]) if o.topic == LATE]
    late = decode_late(request.value)
    assert (late.area, late.input_offset, late.metered) == (0, 32, False)
    assert late.known == T0 + 18_310 * SECOND
    # Its own quarter of an hour, and the three after it, which begin with what it leaves behind.
    assert ((late.start - T0) // MINUTE).tolist() == [60, 75, 90, 105]
    assert late.length == 15 * MINUTE
    assert set(late.series) == {"load:1 p_mw"}


def test_windows_still_in_memory_are_told_when_they_have_left_it(
    feed: Feed, point: Callable[..., Point], area_stage: Any, run: Any
) -> None:
    records = [feed.frame(0, [(1, 10.0)]), feed.tick(3600 + 330)]
    records.append(feed.frame(30, [(1, 11.0)], append_s=3930))
    records += [feed.tick(at) for at in range(4000, 8000, 60)]
    outcomes = run(area_stage([point(1)], SETTINGS), records)
    assert told(outcomes) == [(start, "load:1 p_mw") for start in (0, 15, 30, 45)]
    requests = [decode_late(o.value) for o in outcomes if o.topic == LATE]
    for request in requests:
        assert request.start.max() + 15 * MINUTE <= request.known - HOUR


def test_a_request_carries_the_watermark_and_the_state_survives_a_checkpoint(
    feed: Feed, point: Callable[..., Point], area_stage: Any, run: Any
) -> None:
    stage = area_stage([point(1)], SETTINGS)
    records = [feed.frame(0, [(1, 10.0)]), feed.tick(5 * 3600)]
    records.append(feed.frame(3600, [(1, 11.0)], append_s=18_000))
    records.append(feed.tick(18_330))
    whole = run(stage, records)
    state = stage.initial([Partition(stage.inputs[0], 0)])
    parts: list[Outgoing] = []
    for record in records:
        state, more = stage.step(stage.load(stage.dump(state)), record)
        parts += more
    assert parts == whole


def test_readings_older_than_the_historian_keeps_are_refused(
    feed: Feed, point: Callable[..., Point], area_stage: Any, run: Any
) -> None:
    settings = replace(SETTINGS, rebuild_for=3 * HOUR)
    records = [feed.frame(0, [(1, 10.0)]), feed.tick(4 * 3600)]
    records.append(feed.frame(60, [(1, 11.0)], append_s=14_400))
    records.append(feed.frame(7200, [(1, 11.0)], append_s=14_400))
    records.append(feed.tick(14_400 + 330))
    outcomes = run(area_stage([point(1)], settings), records)
    dead = topic_name("test", "dead-letter.v1")
    (letter,) = [decode_dead_letter(o.value) for o in outcomes if o.topic == dead]
    assert (letter.reason, letter.rows) == (Reason.TIME_OUT_OF_BOUNDS, [0])
    assert "older than what the historian keeps" in letter.detail
    assert told(outcomes)[0] == (120, "load:1 p_mw")


def test_a_window_before_the_first_one_is_made_at_revision_one(
    feed: Feed, point: Callable[..., Point], life: Any
) -> None:
    sent = [feed.frame(at, [(1, 10.0)]) for at in range(7200, 18_000, 60)]
    sent.append(feed.frame(30, [(1, 40.0)], append_s=18_000))
    sent += [feed.tick(18_400)]
    found = standing(life([point(1)], sent))
    revision, numbers = found["load:1 p_mw", T0, 5 * MINUTE]
    assert revision == 1
    assert numbers[0] == repr(np.float64(40.0))


def test_a_point_by_exception_keeps_the_value_it_told_hours_before(
    feed: Feed, point: Callable[..., Point], life: Any
) -> None:
    points = [point(1, sigma=0.1), point(2, deadband=1.0)]
    sent = [feed.frame(0, [(1, 1.0), (2, 70.0)])]
    sent += [feed.frame(at, [(1, 1.0 + at % 7)]) for at in range(30, 6 * 3600, 30)]
    sent.append(feed.frame(4 * 3600, [(1, 1.5)], version=2, append_s=6 * 3600))
    sent.append(feed.frame(4 * 3600 + 60, [(2, 90.0)], version=2, append_s=6 * 3600))
    sent.append(feed.tick(6 * 3600 + 330))
    found = standing(life(points, sent))
    start = T0 + 4 * HOUR
    revision, numbers = found["load:2 p_mw", start, 5 * MINUTE]
    assert revision == 2
    assert numbers[0] == repr(np.float64((60 * 70 + 240 * 90) / 300))


def test_what_does_not_change_a_number_makes_no_revision(
    feed: Feed, point: Callable[..., Point], life: Any
) -> None:
    sent = scans(feed, 5 * 3600)
    sent.append(feed.frame(3600, [(1, 10.0 + 3600 % 420 / 60), (2, 5.0)], append_s=5 * 3600))
    sent.append(feed.tick(5 * 3600 + 330))
    batches = life([point(1), point(2)], sent)
    assert max(int(batch.revision.max()) for batch in batches) == 1


SHORT = replace(
    AreaSettings(),
    disorder=Disorder(10 * SECOND, silence=20 * SECOND),
    windows=replace(
        AreaSettings().windows,
        length=MINUTE,
        long=3 * MINUTE,
        hot_retention=3 * MINUTE,
        exception_reach=15 * MINUTE,
        fold=replace(
            AreaSettings().windows.fold,
            reach=25 * SECOND,
            carry=90 * SECOND,
            rules=replace(
                AreaSettings().windows.fold.rules,
                frozen_after=60 * SECOND,
                reference_age=90 * SECOND,
            ),
        ),
    ),
)
"""Windows of a minute, three of them in memory."""


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_late_what_finally_stands_is_the_same(
    seed: int, point: Callable[..., Point], life: Any
) -> None:
    rng = random.Random(seed)
    points = [
        point(number, sigma=0.5, max_rate=0.5, deadband=1.0 if number == 3 else 0.0)
        for number in (1, 2, 3)
    ]
    scan: list[tuple[int, list[tuple[int, float]], int]] = []
    for at in range(0, 1500, 10):
        rows = [
            (number, rng.choice([50.0, 50 + rng.gauss(0, 1), 50 + rng.gauss(0, 1), 80.0]))
            for number in (1, 2, 3)
            if rng.random() < (0.3 if number == 3 else 0.9)
        ]
        delay = rng.randrange(0, 8) if rng.random() < 0.8 else rng.randrange(10, 1200)
        scan.append((at, rows, at + delay))

    def log(arrivals: Sequence[tuple[int, int, list[tuple[int, float]]]]) -> list[LogRecord]:
        feed = Feed()
        sent: list[LogRecord] = []
        ticks = iter(range(15, 6000, 20))
        tick = next(ticks)
        for arrival, at, rows in sorted(arrivals, key=lambda a: (a[0], a[1])):
            while tick <= arrival:
                sent.append(feed.tick(tick))
                tick = next(ticks)
            sent.append(feed.frame(at, rows, append_s=max(arrival, at)))
        sent += [feed.tick(at) for at in range(tick, 6000, 20)]
        return sent

    as_sent = standing(
        life(points, log([(arrival, at, rows) for at, rows, arrival in scan]), SHORT)
    )
    in_time = standing(life(points, log([(at, at, rows) for at, rows, _ in scan]), SHORT))
    last = T0 + floor_time(5400 * SECOND, MINUTE)
    numbers = {key: stands[1] for key, stands in as_sent.items() if key[1] < last}
    assert numbers == {key: stands[1] for key, stands in in_time.items() if key[1] < last}
    assert max(revision for revision, _ in as_sent.values()) > 1
