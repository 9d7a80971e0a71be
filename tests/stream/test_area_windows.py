"""The stage of an area over whole streams: when windows close, and what opens them again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from records.errors import Reason
from records.points import Point
from records.quality import Quality
from records.time import HOUR, MINUTE, SECOND, parse_time
from stream.area import AreaSettings, AreaStage
from stream.watermark import Disorder
from tests.stream.area_outcomes import findings, letters

T0 = parse_time("2014-11-10T00:00:00Z")
Stages = Callable[..., AreaStage]
PointMaker = Callable[..., Point]


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


def test_a_long_gap_is_not_filled_with_empty_windows(
    feed: Any, point: PointMaker, area_stage: Stages, run: Any, windows: Any
) -> None:
    records = [feed.frame(0, [(1, 10.0)]), feed.frame(3600 * 24 * 30, [(1, 10.0)])]
    records.append(feed.frame(3600 * 24 * 30 + 330, [(1, 10.0)]))
    starts = [(batch.start - T0) // HOUR for batch in windows(run(area_stage([point(1)]), records))]
    assert starts == [0, 720]
