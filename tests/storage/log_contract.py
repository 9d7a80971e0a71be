"""What every log must do. Subclass `LogContract` and give it the fixture `log`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.log import (
    LogReader,
    LogRecord,
    LogWriter,
    OffsetOutOfRangeError,
    Outgoing,
    Partition,
)


@dataclass(frozen=True)
class OpenLog:
    """A log under test: its writer, a way to open readers, and a way to get an empty topic."""

    writer: LogWriter
    open_reader: Callable[[], LogReader]
    fresh_topic: Callable[[], str]
    """Name of an empty topic with partitions 0, 1 and 2."""


RECORD = st.tuples(
    st.integers(0, 2),
    st.binary(max_size=300),
    st.binary(max_size=20),
    st.dictionaries(st.sampled_from(["ce_id", "gc_watermark", "été"]), st.text(max_size=20)),
)
BATCHES = st.lists(st.lists(RECORD, max_size=12), max_size=8)


def read_all(reader: LogReader, partition: Partition, at_once: int = 100) -> list[LogRecord]:
    """Everything of a partition, in reads of `at_once`."""
    records: list[LogRecord] = []
    offset = reader.begin_offset(partition)
    while offset < reader.end_offset(partition):
        got = reader.read(partition, offset, at_once)
        assert len(got) <= at_once
        records.extend(got)
        offset += len(got)
    return records


class LogContract:
    """Held by the embedded log, the log in memory and Kafka."""

    def test_it_is_a_log(self, log: OpenLog) -> None:
        assert isinstance(log.writer, LogWriter)
        assert isinstance(log.open_reader(), LogReader)

    def test_a_topic_that_does_not_exist_has_no_partitions(self, log: OpenLog) -> None:
        assert list(log.open_reader().partitions("gridcast.nowhere.window.5min.v1")) == []

    def test_an_empty_topic_begins_and_ends_at_zero(self, log: OpenLog) -> None:
        topic, reader = log.fresh_topic(), log.open_reader()
        assert list(reader.partitions(topic)) == [0, 1, 2]
        assert reader.begin_offset(Partition(topic, 1)) == 0
        assert reader.end_offset(Partition(topic, 1)) == 0
        assert list(reader.read(Partition(topic, 1), 0, 10)) == []

    def test_a_record_comes_back_as_it_was_given(self, log: OpenLog) -> None:
        topic, reader = log.fresh_topic(), log.open_reader()
        headers = {"ce_type": "gridcast.tick.v1", "ce_source": "gateway of the Côte"}
        log.writer.append([Outgoing(topic, 2, bytes(range(256)), b"key\x00", headers)])
        log.writer.flush()
        (record,) = reader.read(Partition(topic, 2), 0, 10)
        assert (record.topic, record.partition, record.offset) == (topic, 2, 0)
        assert (record.value, record.key) == (bytes(range(256)), b"key\x00")
        assert dict(record.headers) == headers
        assert record.append_time > 0

    def test_append_times_never_fall(self, log: OpenLog) -> None:
        topic = log.fresh_topic()
        for value in (b"a", b"b", b"c"):
            log.writer.append([Outgoing(topic, 0, value)])
        log.writer.flush()
        times = [r.append_time for r in read_all(log.open_reader(), Partition(topic, 0))]
        assert len(times) == 3
        assert times == sorted(times)

    def test_a_reader_that_waits_at_the_end_sees_what_comes(self, log: OpenLog) -> None:
        topic, reader = log.fresh_topic(), log.open_reader()
        place = Partition(topic, 0)
        for offset in range(5):
            assert list(reader.read(place, offset, 10)) == []
            log.writer.append([Outgoing(topic, 0, str(offset).encode())])
            log.writer.flush()
            assert [r.value for r in reader.read(place, offset, 10)] == [str(offset).encode()]

    def test_reads_may_jump_to_any_offset(self, log: OpenLog) -> None:
        topic, reader = log.fresh_topic(), log.open_reader()
        place = Partition(topic, 0)
        for first in range(0, 60, 20):
            log.writer.append([Outgoing(topic, 0, b"%d" % i) for i in range(first, first + 20)])
            log.writer.flush()
        for offset, count in ((59, 5), (0, 3), (19, 2), (20, 41), (40, 1), (60, 9), (7, 60)):
            got = reader.read(place, offset, count)
            while got and len(got) < min(count, 60 - offset):
                got = [*got, *reader.read(place, offset + len(got), count - len(got))]
            assert [r.offset for r in got] == list(range(offset, min(60, offset + count)))
            assert [r.value for r in got] == [b"%d" % r.offset for r in got]

    def test_an_offset_beyond_the_end_is_refused_and_says_what_there_is(self, log: OpenLog) -> None:
        topic, reader = log.fresh_topic(), log.open_reader()
        log.writer.append([Outgoing(topic, 0, b"a")])
        log.writer.flush()
        with pytest.raises(OffsetOutOfRangeError, match=r"offset 5 is not in \[0, 1\]"):
            reader.read(Partition(topic, 0), 5, 1)

    def test_two_readers_do_not_disturb_each_other(self, log: OpenLog) -> None:
        topic = log.fresh_topic()
        log.writer.append([Outgoing(topic, 0, b"%d" % i) for i in range(10)])
        log.writer.flush()
        one, other = log.open_reader(), log.open_reader()
        place = Partition(topic, 0)
        assert [r.offset for r in one.read(place, 0, 4)] == [0, 1, 2, 3]
        assert [r.offset for r in other.read(place, 6, 2)] == [6, 7]
        assert [r.offset for r in one.read(place, 4, 3)] == [4, 5, 6]

    @settings(
        max_examples=40,
        deadline=None,
        # Each example has a topic of its own, and each log runs the same property.
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(batches=BATCHES, at_once=st.integers(1, 7))
    def test_what_is_appended_is_read_in_order_and_once(
        self, log: OpenLog, batches: list[list[tuple]], at_once: int
    ) -> None:
        topic, reader = log.fresh_topic(), log.open_reader()
        for batch in batches:
            log.writer.append(
                Outgoing(topic, number, value, key, headers)
                for number, value, key, headers in batch
            )
            log.writer.flush()
        for number in range(3):
            given_in = [row[1:] for batch in batches for row in batch if row[0] == number]
            records = read_all(reader, Partition(topic, number), at_once)
            assert [(r.value, r.key, dict(r.headers)) for r in records] == given_in
            assert [r.offset for r in records] == list(range(len(given_in)))
