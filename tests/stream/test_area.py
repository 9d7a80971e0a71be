"""The stage of an area over whole streams: windows, views, findings, dead letters."""

import dataclasses
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.deadletter import decode_dead_letter
from records.errors import Reason
from records.finding import Finding, decode_findings
from records.log import LogRecord, Outgoing, Partition
from records.points import Point
from records.quality import Quality
from records.snapshot import pack, unpack
from records.time import HOUR, MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.view import ScadaView, decode_view
from stream.area import AreaSettings, AreaStage
from stream.fold import FoldLimits
from stream.validation import RuleLimits
from stream.watermark import Disorder, TimeBounds
from stream.windows import WindowSettings

T0 = parse_time("2014-11-10T00:00:00Z")
Stages = Callable[..., AreaStage]
PointMaker = Callable[..., Point]


def views(outcomes: Sequence[Outgoing]) -> list[ScadaView]:
    name = topic_name("test", "scada.view.v1")
    return [decode_view(o.value) for o in outcomes if o.topic == name]


def findings(outcomes: Sequence[Outgoing]) -> list[Finding]:
    name = topic_name("test", "finding.v1")
    return [f for o in outcomes if o.topic == name for f in decode_findings(o.value)]


def letters(outcomes: Sequence[Outgoing]) -> list[Any]:
    name = topic_name("test", "dead-letter.v1")
    return [decode_dead_letter(o.value) for o in outcomes if o.topic == name]


def test_a_window_closes_when_the_watermark_passes_its_end(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(at, [(1, 10.0)]) for at in range(0, 330, 30)]
    stage = area_stage([point(1)])
    assert windows(run(stage, records[:-1])) == []
    assert windows(run(stage, records)) == []  # 300 s less 20 s of disorder
    (batch,) = windows(run(stage, [*records, feed.frame(320, [(1, 10.0)])]))
    assert (batch.start, batch.length) == (T0, 5 * MINUTE)
    assert batch.series.tolist() == ["load:1 p_mw"]
    assert batch.mean[0] == 10.0
    assert batch.revision[0] == 1


def test_ticks_close_idle_windows_and_empty_ones_are_emitted_too(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(0, [(1, 10.0)]), *[feed.tick(at) for at in range(60, 1000, 60)]]
    closed = windows(run(area_stage([point(1)]), records))
    assert [batch.start for batch in closed] == [T0, T0 + 5 * MINUTE, T0 + 10 * MINUTE]
    assert closed[1].quality[0] == Quality.MISSING | Quality.HELD
    assert closed[1].mean[0] == 10.0
    assert np.isnan(closed[2].mean[0]) or closed[2].imputed_share[0] == 1.0


def test_a_late_reading_opens_a_new_revision_of_its_series_only(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(at, [(1, 10.0), (2, 5.0)]) for at in range(0, 360, 30) if at != 60]
    records.append(feed.frame(60, [(1, 40.0)], append_s=340))
    first, second = windows(run(area_stage([point(1), point(2)]), records))
    assert first.revision.tolist() == [1, 1]
    assert second.series.tolist() == ["load:1 p_mw"]
    assert second.revision.tolist() == [2]
    assert second.mean[0] == pytest.approx(10 + 30 * 30 / 300)
    assert second.start == first.start


def test_a_correction_replaces_the_reading_and_a_lower_version_changes_nothing(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(at, [(1, 10.0)]) for at in range(0, 360, 30)]
    records.append(feed.frame(60, [(1, 40.0)], version=3, append_s=340))
    records.append(feed.frame(60, [(1, 99.0)], version=2, append_s=350))
    batches = windows(run(area_stage([point(1)]), records))
    assert [batch.revision.tolist() for batch in batches] == [[1], [2]]
    assert batches[1].mean[0] == pytest.approx(13.0)


def test_a_late_reading_that_the_next_window_begins_with_corrects_that_one_too(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    times = [*range(0, 270, 30), *range(330, 660, 30)]  # nothing at 270 s and 300 s
    records = [feed.frame(at, [(1, 10.0)]) for at in times]
    records.append(feed.frame(270, [(1, 40.0)], append_s=650))
    batches = windows(run(area_stage([point(1)]), records))
    revisions = [((batch.start - T0) // MINUTE, batch.revision[0]) for batch in batches]
    assert revisions == [(0, 1), (5, 1), (0, 2), (5, 2)]
    assert batches[3].mean[0] == pytest.approx(10 + 30 * 30 / 300)


def test_windows_wait_for_the_slower_of_two_gateways(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    allowed = Disorder(20 * SECOND, {"far": 120 * SECOND}, silence=60 * SECOND)
    stage = area_stage([point(1), point(2)], AreaSettings(disorder=allowed))
    records = []
    for at in range(0, 480, 30):
        records.append(feed.frame(at, [(1, 10.0)]))
        # What is far away comes a minute and a half later.
        if at >= 90:
            records.append(feed.frame(at - 90, [(2, 5.0)], append_s=at, source="far"))
    assert windows(run(stage, records)) == []
    (batch,) = windows(run(stage, [*records, feed.frame(420, [(2, 5.0)], source="far")]))
    assert batch.count.tolist() == [10, 10]
    assert batch.revision.tolist() == [1, 1]


def test_windows_no_longer_wait_for_a_gateway_that_fell_silent(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    allowed = Disorder(20 * SECOND, {"far": 120 * SECOND}, silence=60 * SECOND)
    stage = area_stage([point(1), point(2)], AreaSettings(disorder=allowed))
    records = [feed.frame(150, [(2, 5.0)], source="far")]
    records += [feed.frame(at, [(1, 10.0)]) for at in range(0, 360, 30)]
    assert windows(run(stage, [*records, feed.tick(329)])) == []
    (batch,) = windows(run(stage, [*records, feed.tick(330)]))
    assert batch.count.tolist() == [10, 1]
    # It comes back: what it says of the time before is a correction.
    late = feed.frame(180, [(2, 7.0)], append_s=360, source="far")
    assert windows(run(stage, [*records, feed.tick(330), late]))[1].revision.tolist() == [2]


def test_a_reading_beyond_hot_retention_is_neither_refused_nor_taken_in(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(0, [(1, 10.0)]), feed.tick(2 * 3600 + 330)]
    before = run(area_stage([point(1)]), records)
    records.append(feed.frame(30, [(1, 10.0)], append_s=2 * 3600 + 330))
    outcomes = run(area_stage([point(1)]), records)
    assert (letters(outcomes), findings(outcomes)) == ([], [])
    assert len(windows(outcomes)) == len(windows(before))


def test_a_reading_earlier_than_the_first_window_makes_the_windows_before_it(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(at, [(1, 10.0)]) for at in range(600, 960, 30)]
    records.append(feed.frame(290, [(1, 40.0)], append_s=960))
    batches = windows(run(area_stage([point(1)]), records))
    told = [((batch.start - T0) // MINUTE, batch.revision[0]) for batch in batches]
    assert told == [(10, 1), (0, 1), (5, 1)]


def test_a_time_ahead_of_the_log_never_moves_the_watermark(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(at, [(1, 10.0)]) for at in range(0, 120, 30)]
    records.append(feed.frame(3600, [(1, 10.0)], append_s=120))
    records.append(feed.frame(120, [(1, 10.0), (2, 7.0)], offset_ms=[0, 59_000], append_s=100))
    outcomes = run(area_stage([point(1), point(2)]), records)
    assert windows(outcomes) == []
    whole, rows = letters(outcomes)
    assert (whole.reason, whole.rows) == (Reason.TIME_OUT_OF_BOUNDS, None)
    assert (rows.reason, rows.rows) == (Reason.TIME_OUT_OF_BOUNDS, [1])


def test_unknown_points_go_to_the_dead_letters_with_their_rows_and_the_rest_goes_on(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    outcomes = run(area_stage([point(1)]), [feed.frame(0, [(7, 1.0), (1, 10.0), (9, 2.0)])])
    (letter,) = letters(outcomes)
    assert (letter.reason, letter.rows, letter.count) == (Reason.UNKNOWN_POINT, [0, 2], 2)
    assert views(outcomes)[0].value.tolist() == [10.0]


def test_contradictory_duplicates_in_a_frame_are_refused_and_exact_ones_dropped(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    rows = [(1, 10.0), (2, 5.0), (1, 11.0), (2, 5.0), (3, 1.0)]
    outcomes = run(area_stage([point(n) for n in (1, 2, 3)]), [feed.frame(0, rows)])
    (letter,) = letters(outcomes)
    assert (letter.reason, letter.rows) == (Reason.CONTRADICTORY, [0, 2])
    np.testing.assert_array_equal(views(outcomes)[0].value, [np.nan, 5.0, 1.0])


def test_several_readings_of_a_point_in_a_frame_are_taken_in_order_of_time(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    frame = feed.frame(0, [(1, 12.0), (1, 11.0)], offset_ms=[800, 100])
    assert views(run(area_stage([point(1)]), [frame]))[0].value.tolist() == [12.0]


def test_a_poison_record_never_stops_the_partition(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    good = feed.frame(0, [(1, 10.0)])
    poison = [
        dataclasses.replace(good, value=good.value[:50]),
        dataclasses.replace(good, value=b"\x00" * (2 << 20)),
        dataclasses.replace(good, headers={}),
        dataclasses.replace(good, headers={"ce_type": "other"}),
        dataclasses.replace(good, partition=1),
    ]
    outcomes = run(area_stage([point(1)]), [*poison, good])
    assert [letter.reason for letter in letters(outcomes)] == [
        Reason.UNDECODABLE,
        Reason.OVERSIZED,
        Reason.UNKNOWN_TYPE,
        Reason.UNKNOWN_TYPE,
        Reason.WRONG_PARTITION,
    ]
    assert len(views(outcomes)) == 1


def test_a_missing_value_is_held_while_young_and_typical_when_old(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    stage = area_stage([point(1), point(2)])
    both = [feed.frame(at, [(1, 10.0), (2, 5.0)]) for at in range(0, 900, 30)]
    one = [feed.frame(at, [(2, 5.0)]) for at in range(900, 1830, 30)]
    shown = views(run(stage, [*both, *one]))
    held, typical = shown[30], shown[-1]
    assert (held.value[0], held.quality[0]) == (10.0, Quality.MISSING | Quality.HELD)
    assert held.age_s[0] == 30.0
    assert (typical.value[0], typical.quality[0]) == (10.0, Quality.MISSING | Quality.TYPICAL)
    assert typical.age_s[0] == 930.0


def test_without_a_typical_value_the_old_one_stays_and_says_its_age(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    records = [feed.frame(0, [(1, 10.0), (2, 1.0)]), feed.frame(1200, [(2, 1.0)])]
    view = views(run(area_stage([point(1), point(2), point(3)]), records))[-1]
    assert view.quality.tolist() == [
        Quality.MISSING | Quality.HELD,
        0,
        Quality.MISSING,
    ]
    assert view.age_s.tolist() == [1200.0, 0.0, np.inf]
    assert np.isnan(view.value[2])


def test_silence_by_exception_is_not_missing(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    stage = area_stage([point(1, deadband=1.0), point(2)])
    view = views(run(stage, [feed.frame(0, [(1, 10.0), (2, 5.0)]), feed.frame(30, [(2, 5.0)])]))[-1]
    assert (view.value[0], view.quality[0], view.age_s[0]) == (10.0, 0, 0.0)


def test_a_dead_link_is_shown_by_ticks(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    records = [feed.frame(0, [(1, 10.0)]), feed.tick(60), feed.tick(130)]
    shown = views(run(area_stage([point(1, deadband=1.0)]), records))
    assert [(view.scan_time - T0) // SECOND for view in shown] == [0, 130]
    assert shown[1].quality[0] == Quality.MISSING | Quality.HELD


def test_source_bits_are_carried_bit_for_bit(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    bits = [int(Quality.SUBSTITUTED | Quality.MANUAL), int(Quality.BLOCKED), 0]
    records = [feed.frame(0, [(1, 1.0), (2, 2.0), (3, 9999.0)], quality=bits)]
    view = views(run(area_stage([point(n) for n in (1, 2, 3)]), records))[0]
    assert view.quality.tolist() == [bits[0], bits[1], Quality.SUSPECT]
    assert view.value[0] == 1.0
    assert np.isnan(view.value[1:]).all()


def test_a_reading_with_an_invalid_clock_takes_the_time_of_the_scan(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    quality = [int(Quality.TIME_INVALID)]
    frame = feed.frame(30, [(1, 1.0)], quality=quality, offset_ms=[-20_000])
    assert views(run(area_stage([point(1)]), [frame]))[0].age_s[0] == 0.0


def test_one_finding_is_made_when_a_condition_starts(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    values = [10.0, 2000.0, 2000.0, 10.0, 2000.0]
    records = [feed.frame(30 * k, [(1, value)]) for k, value in enumerate(values)]
    found = findings(run(area_stage([point(1)]), records))
    assert [(f.rule, (f.time - T0) // SECOND) for f in found] == [("range", 30), ("range", 120)]
    assert (found[0].point, found[0].observed) == ("load:1 p_mw", 2000.0)
    assert found[0].expected == "-1000 to 1000"


def test_readings_are_read_through_the_entry_in_force_at_their_time(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    change = T0 + 300 * SECOND
    stage = area_stage(
        [
            point(1, valid_to=change),
            point(1, id="renamed", scale=-1.0, valid_from=change),
            point(2, valid_from=change),
        ]
    )
    rows = [(1, 10.0), (2, 5.0)]
    early = feed.frame(299, rows, offset_ms=[0, 2000])
    records = [feed.frame(0, [(1, 10.0)]), early]
    records += [feed.frame(at, rows) for at in range(330, 660, 30)]
    outcomes = run(stage, records)
    assert letters(outcomes) == []
    first, second = windows(outcomes)
    assert first.series.tolist() == ["load:1 p_mw"]
    assert second.series.tolist() == ["renamed", "load:2 p_mw"]
    assert second.minimum[0] == -10.0
    assert second.mean[1] == pytest.approx(5.0)


def test_a_long_gap_is_not_filled_with_empty_windows(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(0, [(1, 10.0)]), feed.frame(3600 * 24 * 30, [(1, 10.0)])]
    records.append(feed.frame(3600 * 24 * 30 + 330, [(1, 10.0)]))
    starts = [(batch.start - T0) // HOUR for batch in windows(run(area_stage([point(1)]), records))]
    assert starts == [0, 720]


def test_the_earliest_time_is_a_setting(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    stage = area_stage([point(1)], AreaSettings(bounds=TimeBounds(earliest=T0)))
    assert len(letters(run(stage, [feed.frame(-1, [(1, 1.0)])]))) == 1


SHORT = AreaSettings(
    windows=WindowSettings(
        length=60 * SECOND,
        fold=FoldLimits(
            reach=25 * SECOND,
            carry=90 * SECOND,
            rules=RuleLimits(frozen_after=40 * SECOND, reference_age=120 * SECOND),
        ),
    )
)


@pytest.fixture(scope="module")
def world() -> Callable[[int], tuple[list[Any], list[Any]]]:
    def build(seed: int) -> tuple[list[Any], list[Any]]:
        """Arguments of frames, in order of time, and the same shuffled, with duplicates."""
        rng = random.Random(seed)
        frames = []
        for at in range(0, 400, 10):
            rows = []
            for number in (1, 2, 3, 4):
                if rng.random() < 0.85:
                    value = rng.choice([50.0, 50.0, 50 + rng.gauss(0, 2), 95.0, 5e4, 0.05, 4000.0])
                    rows.append((number, value))
            quality = [int(Quality.INVALID) if rng.random() < 0.05 else 0 for _ in rows]
            offsets = [rng.randrange(-900, 900) for _ in rows]
            frames.append((at, rows, 1, quality, offsets))
            if rng.random() < 0.1 and rows:
                again = [(number, value + 1.0) for number, value in rows]
                frames.append((at, again, rng.choice([1, 2]), quality, offsets))
        arrived = [*frames, *rng.sample(frames, 8)]
        arrived.sort(key=lambda frame: frame[0] + rng.expovariate(1 / 40))
        return frames, arrived

    return build


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10_000))
def test_order_and_duplicates_are_irrelevant_to_what_finally_stands(
    seed: int, world: Any, feed: Any, point: PointMaker, area_stage: Stages, run: Any, final: Any
) -> None:
    points = [
        point(1, sigma=0.5, max_rate=0.2),
        point(2, sigma=0.5, max_rate=0.2),
        point(3, sigma=0.5, deadband=1.0),
        point(4),
    ]
    stage = area_stage(points, SHORT)
    in_order, arrived = world(seed)

    def finally_of(frames: list[Any]) -> Any:
        records = [
            feed.frame(at, rows, version=version, quality=quality, offset_ms=offsets, append_s=800)
            for at, rows, version, quality, offsets in frames
        ]
        stands = final(run(stage, [*records, feed.tick(600)]))
        return {key: numbers for key, numbers in stands.items() if key[1] < T0 + 500 * SECOND}

    expected = finally_of(in_order)
    assert len(expected) > 20
    assert {k: v for k, v in finally_of(arrived).items() if k in expected} == expected


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 60))
def test_a_state_from_its_checkpoint_goes_on_as_if_nothing_had_happened(
    seed: int, cut: int, world: Any, feed: Any, point: PointMaker, area_stage: Stages
) -> None:
    stage = area_stage([point(1, sigma=0.5, max_rate=0.2), point(2), point(3, deadband=1.0),
                        point(4)], SHORT)  # fmt: skip
    _, arrived = world(seed)
    records: list[LogRecord] = [
        feed.frame(at, rows, version=version, quality=quality, offset_ms=offsets, append_s=800)
        for at, rows, version, quality, offsets in arrived
    ]
    states = [stage.initial([Partition(stage.inputs[0], 0)]) for _ in range(2)]
    for index, record in enumerate(records):
        if index == cut:
            states[1] = stage.load(unpack(pack(stage.dump(states[1]))))
        states[0], straight = stage.step(states[0], record)
        states[1], resumed = stage.step(states[1], record)
        assert resumed == straight


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10_000))
def test_revisions_of_a_series_rise_by_one(
    seed: int, world: Any, feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    stage = area_stage([point(n) for n in (1, 2, 3, 4)], SHORT)
    _, arrived = world(seed)
    records = [feed.frame(at, rows, version=v, append_s=800) for at, rows, v, _, _ in arrived]
    reached: dict[tuple[str, int], int] = {}
    for batch in windows(run(stage, records)):
        for series, revision in zip(batch.series, batch.revision, strict=True):
            assert revision == reached.get((series, batch.start), 0) + 1
            reached[series, batch.start] = int(revision)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.floats(100, 900), min_size=20, max_size=20))
def test_energy_is_conserved_through_aggregation(
    values: list[float],
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any,
) -> None:  # fmt: skip
    records = [feed.frame(30 * k, [(1, value)]) for k, value in enumerate(values)]
    batches = windows(run(area_stage([point(1)]), [*records, feed.tick(660)]))
    energy = sum(batch.energy_mwh[0] for batch in batches[:2])
    assert energy == pytest.approx(sum(values) * 30 / 3600, abs=1e-9)
