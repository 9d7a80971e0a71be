"""Deadline events cross a process unchanged."""

from __future__ import annotations

from records.deadline import DeadlineEvent, Severity, deadline_record, decode_deadline
from records.envelope import event_type
from records.topics import CATALOGUE, topic_name


def test_an_event_is_read_back_as_it_was_written() -> None:
    event = DeadlineEvent("short", Severity.ALARM, 100, 110, 120, "not published")
    topic = topic_name("test", "monitor.deadline.v1")
    record = deadline_record(topic, event, "watcher")
    assert decode_deadline(record.value) == event
    assert record.key == b"short"
    assert event_type(record.headers) in CATALOGUE["monitor.deadline.v1"].types
