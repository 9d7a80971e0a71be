"""The log of a replay: recorded raw records under other names, and its own."""

from __future__ import annotations

import pytest

from records.log import LogReader, Outgoing, Partition
from records.tick import tick_record
from records.time import MINUTE
from records.topics import topic_name
from storage.memory_log import MemoryLog
from stream.replay_log import ReplayLog, first_tick_time, last_tick_time, offset_at

RAW, RAW_AGAIN = (topic_name(space, "scada.frame.v1") for space in ("live", "again"))
WINDOWS, OWN = (topic_name(space, "window.5min.v1") for space in ("live", "again"))
PLACE = Partition(RAW, 1)


@pytest.fixture
def recorded() -> MemoryLog:
    """Six records, every second one a tick of its minute; and a derived one."""
    log = MemoryLog(clock=lambda: 77)
    for minute in range(6):
        tick = tick_record(RAW, 1, minute * MINUTE, "gateway")
        log.append([tick if minute % 2 else Outgoing(RAW, 1, b"frame %d" % minute)])
    log.append([Outgoing(WINDOWS, 1, b"recorded window")])
    log.flush()
    return log


def replayed(recorded: MemoryLog, until: int | None = None) -> tuple[ReplayLog, MemoryLog]:
    own = MemoryLog(clock=lambda: 99)
    own.claim(OWN, [0, 1])
    return ReplayLog(recorded, "live", own, "again", [PLACE], until=until), own


def test_raw_records_keep_all_but_their_topic(recorded: MemoryLog) -> None:
    log, _ = replayed(recorded)
    assert isinstance(log, LogReader)
    assert log.partitions(RAW_AGAIN) == [1]
    records = log.read(Partition(RAW_AGAIN, 1), 2, 100)
    assert {record.topic for record in records} == {RAW_AGAIN}
    assert [record.offset for record in records] == [2, 3, 4, 5]
    assert {record.append_time for record in records} == {77}
    assert records[0].value == b"frame 2"
    assert log.records_in == 4


def test_derived_topics_are_the_replays_own(recorded: MemoryLog) -> None:
    log, own = replayed(recorded)
    assert log.read(Partition(OWN, 1), 0, 10) == []
    own.append([Outgoing(OWN, 1, b"replayed window")])
    own.flush()
    assert [r.value for r in log.read(Partition(OWN, 1), 0, 10)] == [b"replayed window"]
    assert log.consumed == {Partition(OWN, 1): 0}
    assert log.read(Partition(WINDOWS, 1), 0, 10) == []


def test_a_period_ends_with_the_first_tick_that_reaches_it(recorded: MemoryLog) -> None:
    log, _ = replayed(recorded, until=2 * MINUTE)
    place = Partition(RAW_AGAIN, 1)
    assert [r.offset for r in log.read(place, 0, 100)] == [0, 1, 2, 3]
    assert log.end_offset(place) == 4
    assert log.read(place, 4, 100) == []


def test_what_is_recorded_meanwhile_is_not_read(recorded: MemoryLog) -> None:
    log, _ = replayed(recorded)
    recorded.append([Outgoing(RAW, 1, b"later")])
    recorded.flush()
    assert len(log.read(Partition(RAW_AGAIN, 1), 0, 100)) == 6


def test_the_last_tick_is_found_behind_other_records(recorded: MemoryLog) -> None:
    recorded.append([Outgoing(RAW, 1, b"frame")] * 120)
    recorded.flush()
    assert last_tick_time(recorded, PLACE) == 5 * MINUTE
    assert last_tick_time(recorded, Partition(RAW, 0)) is None


def test_reading_can_begin_behind_the_last_tick_before_a_time(recorded: MemoryLog) -> None:
    # Ticks of minutes 1, 3 and 5 are at the offsets 1, 3 and 5.
    for time, offset in ((0, 0), (MINUTE, 0), (MINUTE + 1, 2), (3 * MINUTE, 2), (9 * MINUTE, 6)):
        assert offset_at(recorded, PLACE, time) == offset
    assert first_tick_time(recorded, PLACE, 2) == 3 * MINUTE
    assert first_tick_time(recorded, PLACE, 6) is None
    own = MemoryLog()
    log = ReplayLog(recorded, "live", own, "again", [PLACE], begins={PLACE: 2})
    assert log.begin_offset(Partition(RAW_AGAIN, 1)) == 2
