"""What holds of the windows of an area whatever comes, in whatever order."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.log import LogRecord, Partition
from records.points import Point
from records.quality import Quality
from records.snapshot import pack, unpack
from records.time import SECOND, parse_time
from stream.area import AreaSettings, AreaStage
from stream.fold import FoldLimits
from stream.validation import RuleLimits
from stream.windows import WindowSettings

T0 = parse_time("2014-11-10T00:00:00Z")
Stages = Callable[..., AreaStage]
PointMaker = Callable[..., Point]


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
