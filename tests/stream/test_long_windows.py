"""Windows of 15 minutes, here of 180 s out of three of 60 s, against windows made in one piece."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.log import LogRecord, Outgoing, Partition
from records.points import Point, PointRegister
from records.quality import Quality
from records.snapshot import pack, unpack
from records.time import MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.window import WindowBatch, decode_window
from stream.area import AreaSettings, AreaStage
from stream.long_windows import LongWindows
from stream.roster import Roster
from stream.windows import WindowSettings

T0 = parse_time("2014-11-10T00:00:00Z")
LONG = topic_name("test", "window.15min.v1")
SHORT = topic_name("test", "window.5min.v1")
THREE = AreaSettings(windows=WindowSettings(length=MINUTE, long=3 * MINUTE))
ONE = replace(THREE, windows=replace(THREE.windows, length=3 * MINUTE, long=6 * MINUTE))

Stages = Callable[..., AreaStage]
PointMaker = Callable[..., Point]

laws = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def batches(outcomes: list[Outgoing], topic: str = LONG) -> list[WindowBatch]:
    return [decode_window(o.value) for o in outcomes if o.topic == topic]


def stands(outcomes: list[Outgoing], topic: str = LONG) -> dict[tuple[str, int], dict[str, Any]]:
    """What finally stands of each series and window, without its revision."""
    last: dict[tuple[str, int], dict[str, Any]] = {}
    names = ("mean", "q95", "minimum", "maximum", "count", "imputed_share", "quality")
    for batch in batches(outcomes, topic):
        for row, series in enumerate(batch.series):
            last[series, batch.start] = {n: repr(getattr(batch, n)[row]) for n in names}
    return last


def test_a_long_window_closes_with_its_last_part(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    stage = area_stage([point(1), point(2)])
    records = [feed.frame(at, [(1, 10.0)]) for at in range(0, 920, 30)]
    assert batches(run(stage, records)) == []  # 900 s less 20 s of disorder
    outcomes = run(stage, [*records, feed.frame(920, [(1, 10.0)])])
    (batch,) = batches(outcomes)
    assert (batch.start, batch.length) == (T0, 15 * MINUTE)
    assert batch.series.tolist() == ["load:1 p_mw", "load:2 p_mw"]
    assert batch.mean[0] == 10.0
    assert batch.revision.tolist() == [1, 1]
    assert batch.quality[1] == Quality.MISSING
    (told,) = [o.headers["gc_watermark"] for o in outcomes if o.topic == LONG]
    assert int(told) == T0 + 15 * MINUTE


def test_the_quantile_of_a_long_window_is_not_that_of_its_parts(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    # 30 of 900 s at 90 MW: less than 5 %, and 10 % of the window of 5 minutes that they are in.
    rows = [(at, 90.0 if at == 300 else 10.0) for at in range(0, 960, 30)]
    outcomes = run(area_stage([point(1)]), [feed.frame(at, [(1, value)]) for at, value in rows])
    short = batches(outcomes, SHORT)
    assert [batch.q95[0] for batch in short] == [10.0, 90.0, 10.0]
    (batch,) = batches(outcomes)
    assert (batch.q95[0], batch.maximum[0]) == (10.0, 90.0)
    assert batch.mean[0] == pytest.approx((870 * 10 + 30 * 90) / 900)


def test_a_late_reading_opens_one_new_revision_of_the_long_window(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    stage = area_stage([point(1), point(2)])
    records = [feed.frame(at, [(1, 10.0), (2, 5.0)]) for at in range(0, 960, 30)]
    # The last reading before its own, at 330 s, stands for a minute more in the next window too.
    late = feed.frame(590, [(1, 70.0)], append_s=960)
    first, second = batches(run(stage, [*records, late]))
    assert (first.mean[0], first.maximum[0]) == (10.0, 10.0)
    assert second.series.tolist() == ["load:1 p_mw"]
    assert second.revision.tolist() == [2]
    assert second.mean[0] == pytest.approx(10 + 60 * 10 / 900)
    assert (second.maximum[0], second.count[0]) == (70.0, 31)


def test_a_reading_that_changes_nothing_opens_no_revision(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    records = [feed.frame(at, [(1, 10.0)]) for at in range(0, 960, 30)]
    again = feed.frame(300, [(1, 10.0)], append_s=960)
    assert len(batches(run(area_stage([point(1)]), [*records, again]))) == 1


def test_a_long_window_is_corrected_as_long_as_its_youngest_part_can_be(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    hot = 2 * 3600
    records = [feed.frame(at, [(1, 10.0)]) for at in range(0, 960, 30)]
    # The first two parts have left memory, the third has not.
    records += [
        feed.tick(hot + 650 + 20),
        feed.frame(630, [(1, 40.0)], version=2, append_s=hot + 670),
    ]
    found = batches(run(area_stage([point(1)]), records))
    assert [b.revision[0] for b in found if b.start == T0] == [1, 2]
    corrected = [b for b in found if b.start == T0][1]
    assert corrected.mean[0] == pytest.approx((870 * 10 + 30 * 40) / 900)


def test_parts_that_were_left_out_in_a_gap_count_as_replaced(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    week = 8 * 24 * 3600
    records = [feed.frame(at, [(1, 10.0)]) for at in range(0, 330, 30)]
    records += [feed.frame(week + at, [(1, 10.0)]) for at in range(300, 960, 30)]
    found = batches(run(area_stage([point(1)]), records))
    first, after = found[0], found[-1]
    assert (first.start, after.start) == (T0, T0 + week * SECOND)
    assert after.mean[0] == 10.0
    assert after.imputed_share[0] == pytest.approx(1 / 3)


def test_points_belong_to_the_long_windows_of_their_time_in_the_register(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    points = [point(1), point(2, valid_to=T0 + 300 * SECOND)]
    records = [feed.frame(at, [(1, 10.0), (2, 20.0)][: 2 if at < 300 else 1])
               for at in range(0, 1860, 30)]  # fmt: skip
    first, second = batches(run(area_stage(points), records))
    assert first.series.tolist() == ["load:1 p_mw", "load:2 p_mw"]
    assert (first.mean[1], first.q95[1]) == (20.0, 20.0)
    assert first.imputed_share[1] == pytest.approx(2 / 3)
    assert second.series.tolist() == ["load:1 p_mw"]


def world(feed: Any, seed: int, *, gaps: bool = True) -> list[LogRecord]:
    """Ten minutes of frames out of order, repeated, corrected, some hours late by minutes."""
    rng = random.Random(seed)
    frames = []
    for at in range(0, 600, 10):
        rows = [
            (number, rng.choice([50.0, 50 + rng.gauss(0, 5), 60.0, 300.0]))
            for number in (1, 2, 3)
            if not gaps or rng.random() < 0.9
        ]
        offsets = [rng.randrange(-900, 900) for _ in rows]
        delay = rng.expovariate(1 / 10) if rng.random() < 0.8 else rng.uniform(0, 400)
        frames.append((at + delay, at, rows, 1, offsets))
        if rng.random() < 0.2:
            other = [(number, value + rng.choice([0.0, 1.0])) for number, value in rows]
            frames.append((at + delay + 50, at, other, rng.choice([1, 2]), offsets))
    frames.sort(key=lambda frame: frame[0])
    records = [
        feed.frame(at, rows, version=version, offset_ms=offsets, append_s=2_000)
        for _, at, rows, version, offsets in frames
    ]
    return [*records, feed.tick(800)]


@laws
@given(seed=st.integers(0, 10_000))
def test_three_short_windows_make_what_one_long_one_would(
    seed: int, feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    points = [point(1), point(2, max_rate=5.0, sigma=0.5), point(3, deadband=1.0)]
    records = world(feed, seed)
    made = stands(run(area_stage(points, THREE), records))
    whole = stands(run(area_stage(points, ONE), records), SHORT)
    assert set(made) == set(whole)
    assert len(made) >= 9
    for key, numbers in made.items():
        for name in ("q95", "minimum", "maximum", "count", "quality"):
            assert numbers[name] == whole[key][name], (key, name)


@laws
@given(seed=st.integers(0, 10_000))
def test_order_and_duplicates_are_irrelevant_to_what_finally_stands(
    seed: int, feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    stage = area_stage([point(1), point(2), point(3, deadband=1.0)], THREE)
    *records, last = world(feed, seed)
    shuffled = [*records, *records[:5]]
    random.Random(seed).shuffle(shuffled)
    assert stands(run(stage, [*shuffled, last])) == stands(run(stage, [*records, last]))


@laws
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 70))
def test_a_state_from_its_checkpoint_goes_on_as_if_nothing_had_happened(
    seed: int, cut: int, feed: Any, point: PointMaker, area_stage: Stages
) -> None:
    stage = area_stage([point(1), point(2), point(3, deadband=1.0)], THREE)
    states = [stage.initial([Partition(stage.inputs[0], 0)]) for _ in range(2)]
    for index, record in enumerate(world(feed, seed)):
        if index == cut:
            states[1] = stage.load(unpack(pack(stage.dump(states[1]))))
        states[0], straight = stage.step(states[0], record)
        states[1], resumed = stage.step(states[1], record)
        assert resumed == straight


@laws
@given(seed=st.integers(0, 10_000))
def test_revisions_rise_by_one_each_time_and_never_repeat_what_stood(
    seed: int, feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    stage = area_stage([point(1), point(2), point(3)], THREE)
    reached: dict[tuple[str, int], tuple[int, tuple[str, ...]]] = {}
    for batch in batches(run(stage, world(feed, seed))):
        for row, series in enumerate(batch.series):
            numbers = (batch.mean, batch.q95, batch.minimum, batch.maximum, batch.energy_mwh,
                       batch.count, batch.imputed_share, batch.quality)  # fmt: skip
            stand = tuple(repr(column[row]) for column in numbers)
            before, stood = reached.get((series, batch.start), (0, ()))
            assert batch.revision[row] == before + 1
            assert stand != stood
            reached[series, batch.start] = (before + 1, stand)


@laws
@given(seed=st.integers(0, 10_000))
def test_the_energy_of_a_long_window_is_that_of_its_parts(
    seed: int, feed: Any, point: PointMaker, area_stage: Stages, run: Any
) -> None:
    outcomes = run(area_stage([point(1), point(2), point(3)], THREE), world(feed, seed, gaps=False))
    energy: dict[str, dict[tuple[str, int], float]] = {SHORT: {}, LONG: {}}
    for topic, last in energy.items():
        for batch in batches(outcomes, topic):
            last |= {(s, batch.start): float(e)
                     for s, e in zip(batch.series, batch.energy_mwh, strict=True)}  # fmt: skip
    assert len(energy[LONG]) >= 9
    for (series, start), long in energy[LONG].items():
        parts = [energy[SHORT].get((series, start + k * MINUTE), np.nan) for k in range(3)]
        if not np.isnan(parts).any():
            assert long == pytest.approx(sum(parts), rel=1e-9)


def test_a_length_that_is_no_multiple_of_its_parts_is_refused(point: PointMaker) -> None:
    with pytest.raises(ValueError, match="no multiple"):
        LongWindows(Roster(PointRegister([point(1)]), 0), 2 * MINUTE, 5 * MINUTE, 95)
