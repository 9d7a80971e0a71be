import itertools

import pytest

from records.log import OffsetOutOfRangeError, Outgoing, Partition
from storage.memory_log import MemoryLog
from tests.storage.log_contract import LogContract, OpenLog


class TestMemoryLog(LogContract):
    @pytest.fixture
    def log(self):
        log, serial = MemoryLog(), itertools.count()

        def fresh_topic() -> str:
            topic = f"gridcast.t{next(serial)}.window.5min.v1"
            log.claim(topic, range(3))
            return topic

        return OpenLog(log, lambda: log, fresh_topic)


def test_nothing_can_be_read_before_it_is_flushed():
    log = MemoryLog()
    log.append([Outgoing("t", 0, b"a")])
    assert log.end_offset(Partition("t", 0)) == 0
    log.flush()
    assert log.end_offset(Partition("t", 0)) == 1


def test_append_times_come_from_the_clock_it_is_given_and_never_fall():
    times = iter([5, 9, 7])
    log = MemoryLog(clock=lambda: next(times))
    for _ in range(3):
        log.append([Outgoing("t", 0, b"")])
    log.flush()
    assert [r.append_time for r in log.read(Partition("t", 0), 0, 9)] == [5, 9, 9]


def test_deleted_records_keep_the_offsets_of_the_others():
    log = MemoryLog()
    place = Partition("t", 0)
    log.append([Outgoing("t", 0, b"%d" % i) for i in range(5)])
    log.flush()
    assert log.delete_before(place, 3) == 3
    assert (log.begin_offset(place), log.end_offset(place)) == (3, 5)
    assert [r.value for r in log.read(place, 3, 9)] == [b"3", b"4"]
    with pytest.raises(OffsetOutOfRangeError, match="retention deleted it; start again from 3"):
        log.read(place, 2, 1)
    log.append([Outgoing("t", 0, b"5")])
    log.flush()
    assert log.read(place, 5, 1)[0].value == b"5"


def test_waiting_tells_at_once_whether_something_is_there():
    log = MemoryLog()
    assert not log.wait_for_data({Partition("t", 0): 0}, timeout=60)
    log.append([Outgoing("t", 0, b"")])
    log.flush()
    assert log.wait_for_data({Partition("t", 0): 0}, timeout=60)
