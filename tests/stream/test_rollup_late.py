"""Quarters of an hour corrected after what they belong to has left memory; means in MW."""

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from records.late import LateParts, decode_late_parts
from records.log import Outgoing, Partition
from records.time import DAY, HOUR, MINUTE, parse_time
from records.window import decode_window
from stream.local_clock import LocalClock
from stream.rollup import RollupSettings, RollupStage
from stream.whole_rebuild import left_memory
from stream.whole_windows import WholeWindows
from tests.stream.quarters import (
    CLOCK,
    DAYS,
    HALVES,
    HOURS,
    LATE,
    QUARTER,
    QUARTERS,
    T0,
    Log,
    again,
    drive,
    made,
    quarter,
)


@pytest.fixture
def log() -> Log:
    return Log()


def requests(outcomes: Sequence[Outgoing]) -> list[LateParts]:
    return [decode_late_parts(o.value) for o in outcomes if o.topic == LATE]


def test_what_comes_later_than_is_kept_is_told_on_to_be_made_again(log: Log) -> None:
    stage = RollupStage("test", CLOCK, RollupSettings(keep=2 * HOUR))
    records = [log.put(quarter(T0 + k * QUARTER, {"a": 4.0})) for k in range(96)]
    records.append(log.put(quarter(T0, {"a": 5.0}, revision=2), T0 + DAY + 2 * HOUR - 1))
    in_time = drive(stage, records)
    assert requests(in_time) == []
    assert made(in_time, DAYS)[-1].revision[0] == 2
    records.append(log.put(quarter(T0 + DAY, {"a": 4.0}), T0 + DAY + 2 * HOUR))
    records.append(log.put(again(quarter(T0, {"a": 6.0}, revision=3))))
    records.append(log.put(again(quarter(T0 + QUARTER, {"b": 6.0}))))
    assert requests(drive(stage, records)) == []
    last = replace(quarter(T0 + DAY + QUARTER, {"a": 4.0}), input_offset=8)
    records.append(log.put(last, T0 + DAY + 3 * HOUR))
    outcomes = drive(stage, records)
    (late,) = requests(outcomes)
    assert (late.area, late.input_offset, late.known) == (0, 8, T0 + DAY + 3 * HOUR)
    assert late.parts_offset == records[-1].offset
    assert (late.start.tolist(), late.series.tolist()) == ([T0, T0 + QUARTER], ["a", "b"])
    # Told after an empty batch in each topic, and once.
    markers = outcomes[-4:-1]
    assert [o.topic for o in markers] == [HALVES, HOURS, DAYS]
    assert [len(decode_window(o.value).series) for o in markers] == [0, 0, 0]
    assert made(outcomes[:-4], DAYS)[-1].mean[0] == pytest.approx(4 + 1 / 96)
    records.append(log.put(replace(quarter(T0 + DAY + 2 * QUARTER, {}), input_offset=9)))
    assert len(requests(drive(stage, records))) == 1


def test_old_parts_that_a_killed_worker_wrote_again_ask_for_nothing(log: Log) -> None:
    stage = RollupStage("test", CLOCK, RollupSettings(keep=2 * HOUR))
    parts = [replace(quarter(T0 + k * QUARTER, {"a": 4.0}), input_offset=k) for k in range(120)]
    records = [log.put(part) for part in parts]
    once = drive(stage, records)
    records += [log.put(part) for part in [*parts, replace(parts[-1], input_offset=200)]]
    assert drive(stage, records) == once


def test_an_hour_over_midnight_is_corrected_while_the_day_before_is_made_again(log: Log) -> None:
    stage = RollupStage("test", LocalClock(ZoneInfo("Australia/Adelaide")),
                        RollupSettings(keep=HOUR))  # fmt: skip
    begin = parse_time("2014-06-09T14:30Z")
    records = [log.put(quarter(begin + k * QUARTER, {"a": 4.0})) for k in range(-2, 40)]
    records.append(log.put(again(quarter(begin - QUARTER, {"a": 8.0}, revision=2))))
    records.append(log.put(replace(quarter(begin + 40 * QUARTER, {"a": 4.0}), input_offset=8)))
    outcomes = drive(stage, records)
    corrected = [batch for batch in made(outcomes, HOURS) if batch.revision.max(initial=0) == 2]
    assert [(b.start, b.mean[0]) for b in corrected] == [(begin - 30 * MINUTE, 5.0)]
    (late,) = requests(outcomes)
    assert late.start.tolist() == [begin - QUARTER]
    wholes = WholeWindows(LocalClock(ZoneInfo("Australia/Adelaide")), HOUR)
    over = list(left_memory(late, wholes))
    assert over == [(begin - 30 * MINUTE, begin), (begin - DAY, begin)]


def test_what_is_kept_is_bounded(log: Log) -> None:
    stage = RollupStage("test", CLOCK, RollupSettings(keep=2 * HOUR))
    state = stage.initial([Partition(QUARTERS, 0)])
    for k in range(96 * 5):
        state, _ = stage.step(state, log.put(quarter(T0 + k * QUARTER, {"a": 4.0})))
        assert len(state.parts) <= 96 + 8
        assert len(state.closed) <= 73 + 8
        assert len(state.open) <= 3


def test_an_hour_over_midnight_is_kept_with_its_second_day(log: Log) -> None:
    stage = RollupStage("test", LocalClock(ZoneInfo("Australia/Adelaide")),
                        RollupSettings(keep=HOUR))  # fmt: skip
    begin = parse_time("2014-06-09T14:30Z")
    records = [log.put(quarter(begin + k * QUARTER, {"a": 4.0})) for k in range(-2, 40)]
    # The day before is gone, the second half of the hour is not.
    records.append(log.put(quarter(begin, {"a": 8.0}, revision=2)))
    corrected = made(drive(stage, records), HOURS)[-1]
    assert (corrected.start, corrected.revision[0]) == (begin - 30 * MINUTE, 2)
    assert (corrected.mean[0], corrected.imputed_share[0]) == (5.0, 0.0)
