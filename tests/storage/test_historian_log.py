import pytest

from records.log import LogReader, OffsetOutOfRangeError, Partition
from records.scada import decode_frame
from records.time import MINUTE
from storage.historian import Historian
from storage.historian_log import HistorianLog
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from tests.storage import history_records as made
from tests.storage.history_records import T0, logged
from tests.storage.log_contract import read_all

PLACE = Partition(made.FRAMES, 0)
STREAM = [
    logged(out, offset, 1000 + offset)
    for offset, out in enumerate(
        made.tick(T0 + i * MINUTE)
        if i % 4 == 3
        else made.frame(
            T0 + i * MINUTE, [float(i), -1.0, 0.5][: i % 4], points=[9, 2, 5][: i % 4], sequence=i
        )
        for i in range(12)
    )
]


@pytest.fixture
def historian(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        recorder = Recorder(writer)
        for first in range(0, 12, 5):
            recorder.take(STREAM[first : first + 5])
            recorder.flush()
        recorder.take([logged(made.weather([T0], [20.0]))])
        recorder.flush()
    with Historian(tmp_path) as historian:
        yield historian


@pytest.mark.parametrize("at_once", [1, 5, 100])
def test_records_come_back_byte_for_byte(historian, at_once):
    log = HistorianLog(historian)
    assert isinstance(log, LogReader)
    assert log.topics() == sorted([made.FRAMES, made.WEATHER])
    assert log.partitions(made.FRAMES) == [0]
    assert read_all(log, PLACE, at_once) == STREAM
    log.close()


def test_an_empty_frame_comes_back_as_a_frame(historian):
    (record,) = HistorianLog(historian).read(PLACE, 0, 1)
    assert len(decode_frame(record).point) == 0


def test_times_bound_what_is_read(historian):
    log = HistorianLog(historian, start=T0 + 2 * MINUTE, end=T0 + 9 * MINUTE)
    assert (log.begin_offset(PLACE), log.end_offset(PLACE)) == (2, 9)
    assert read_all(log, PLACE) == STREAM[2:9]
    with pytest.raises(OffsetOutOfRangeError):
        log.read(PLACE, 1, 1)


def test_what_was_not_recorded_has_no_partitions(historian):
    log = HistorianLog(historian)
    assert log.partitions("gridcast.t.schedule.v1") == []
    assert log.end_offset(Partition("gridcast.t.schedule.v1", 0)) == 0
