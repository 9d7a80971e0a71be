from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.errors import Reason, RecordError
from records.snapshot import pack, unpack
from records.time import SECOND
from stream.watermark import NEVER, Disorder, TimeBounds, Watermark


def heard(disorder: Disorder, *told: tuple[str, int]) -> Watermark:
    """A watermark after event times of sources; the source "tick" is the clock."""
    mark = Watermark(disorder, ahead=60)
    for source, time in told:
        if source == "tick":
            mark.tick(time)
        else:
            mark.hear(source, time)
    return mark


TWO = Disorder(allowed=20, by_source={"slow": 50}, silence=100)


def test_the_watermark_of_one_source_is_its_greatest_event_time_less_its_disorder() -> None:
    assert heard(TWO, ("a", 100), ("a", 60), ("a", 130)).time == 110
    assert heard(TWO, ("slow", 130)).time == 80


def test_nothing_seen_is_before_everything() -> None:
    assert Watermark(TWO).time == NEVER


def test_the_slowest_live_source_holds_the_watermark() -> None:
    assert heard(TWO, ("slow", 100), ("a", 300)).time == 50
    assert heard(TWO, ("slow", 100), ("a", 300), ("slow", 200)).time == 150


def test_a_source_unheard_while_ticks_go_on_no_longer_holds_it() -> None:
    told = [("slow", 100), ("a", 240)]
    assert heard(TWO, *told, ("tick", 249)).time == 50
    assert heard(TWO, *told, ("tick", 250)).time == 220


def test_without_ticks_the_event_times_of_others_tell_the_time_as_far_as_they_prove_it() -> None:
    # 310 may be 60 ahead: it is 250 at least, and the slow one is older than 50 and 100.
    assert heard(TWO, ("slow", 100), ("a", 309)).time == 50
    assert heard(TWO, ("slow", 100), ("a", 310)).time == 290


def test_where_no_source_is_left_ticks_move_it() -> None:
    assert heard(TWO, ("a", 100), ("tick", 219)).time == 80
    assert heard(TWO, ("a", 100), ("tick", 220)).time == 200
    assert heard(TWO, ("tick", 220)).time == 200


def test_a_source_that_comes_back_holds_it_again_but_never_takes_it_back() -> None:
    told = [("slow", 100), ("a", 300), ("tick", 300)]
    assert heard(TWO, *told).time == 280
    assert heard(TWO, *told, ("slow", 260), ("a", 450)).time == 280
    assert heard(TWO, *told, ("slow", 260), ("a", 450), ("slow", 340)).time == 290


def test_what_a_source_resends_from_long_ago_does_not_hold_it() -> None:
    assert heard(TWO, ("a", 300), ("tick", 300), ("archive", 10), ("a", 400)).time == 380


def test_names_without_end_do_not_fill_the_memory() -> None:
    mark = heard(TWO, *((f"source-{number}", number % 100) for number in range(1000)))
    assert len(mark.newest) == 256
    assert "source-999" in mark.newest


told = st.tuples(st.sampled_from(["a", "b", "slow", "tick"]), st.integers(0, 1000))


@given(records=st.lists(told, max_size=40), cut=st.integers(0, 40))
def test_it_never_goes_back_nor_beyond_what_was_heard_and_survives_a_checkpoint(
    records: list[tuple[str, int]], cut: int
) -> None:
    mark, again = heard(TWO), heard(TWO)
    reached = NEVER
    for index, (source, time) in enumerate(records):
        if index == cut:
            again = Watermark.load(TWO, 60, unpack(pack(again.dump())))
        for one in (mark, again):
            if source == "tick":
                one.tick(time)
            else:
                one.hear(source, time)
        assert again.time == mark.time >= reached
        assert mark.time <= max(time for _, time in records[: index + 1]) - 20
        reached = mark.time


step = st.tuples(st.sampled_from(["a", "b", "slow"]), st.integers(0, 90), st.floats(0, 1))


@given(steps=st.lists(step, max_size=40))
def test_what_comes_within_the_disorder_of_its_source_is_never_late(
    steps: list[tuple[str, int, float]],
) -> None:
    newest = dict.fromkeys(("slow", "a", "b"), 0)
    mark = heard(replace(TWO, silence=10_000), *newest.items())
    for source, forward, lag in steps:
        newest[source] += forward
        time = newest[source] - int(lag * TWO.of(source))
        assert time >= mark.time
        mark.hear(source, newest[source])
        mark.hear(source, time)


def test_a_time_more_than_a_minute_ahead_of_the_log_is_refused() -> None:
    bounds = TimeBounds()
    bounds.check(160 * SECOND, 100 * SECOND)
    with pytest.raises(RecordError) as caught:
        bounds.check(160 * SECOND + 1, 100 * SECOND)
    assert caught.value.reason is Reason.TIME_OUT_OF_BOUNDS


def test_a_time_before_the_earliest_is_refused() -> None:
    with pytest.raises(RecordError):
        TimeBounds(earliest=50).check(49, 100)


def test_columns_are_checked_alike() -> None:
    bounds = TimeBounds(future=60, earliest=50)
    assert bounds.outside(np.array([50, 160]), 100) is None
    outside = bounds.outside(np.array([49, 50, 160, 161]), 100)
    assert outside is not None
    assert outside.tolist() == [True, False, False, True]
