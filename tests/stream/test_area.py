"""The stage of an area over whole streams: views, findings, dead letters."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from records.errors import Reason
from records.points import Point
from records.quality import Quality
from records.time import SECOND, parse_time
from stream.area import AreaSettings, AreaStage
from stream.watermark import TimeBounds
from tests.stream.area_outcomes import findings, letters, views

T0 = parse_time("2014-11-10T00:00:00Z")
Stages = Callable[..., AreaStage]
PointMaker = Callable[..., Point]


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


def test_the_earliest_time_is_a_setting(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    stage = area_stage([point(1)], AreaSettings(bounds=TimeBounds(earliest=T0)))
    assert len(letters(run(stage, [feed.frame(-1, [(1, 1.0)])]))) == 1
