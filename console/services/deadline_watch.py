"""The deadline watcher over a log: looks at the ends of the inputs and at what was published.

Of the raw topics only the newest records are read, however many there are: a poll costs the
same at any rate. An issue time so becomes due up to one poll late, which is on the safe side.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from records.deadline import DeadlineEvent
from records.envelope import event_type
from records.errors import RecordError
from records.forecast import decode_forecast
from records.log import LogReader, LogRecord, Partition
from records.scada import FRAME_TYPE, decode_frame
from records.tick import TICK_TYPE, decode_tick
from records.topics import CATALOGUE, topic_name
from stream.deadline import DeadlinePolicy, DeadlineState, clock, input_reached, published

__all__ = ["DeadlineWatch"]

_logger = structlog.get_logger(__name__)

_NEWEST = 8
_BATCH = 200


class DeadlineWatch:
    """Follows the log from its present end.

    Parameters
    ----------
    reader
        The log.
    namespace
        Of the topics.
    policy
        What punctual means.
    """

    def __init__(self, reader: LogReader, namespace: str, policy: DeadlinePolicy) -> None:
        self._reader = reader
        self._policy = policy
        self._raw = [topic_name(namespace, t.name) for t in CATALOGUE.values() if t.raw]
        self._forecasts = Partition(topic_name(namespace, "forecast.v1"), 0)
        self._next: int | None = None
        self.state = DeadlineState()

    @property
    def event_time(self) -> int | None:
        """How far the first of the inputs has come, ns UTC."""
        return max(self.state.reached.values(), default=None)

    def poll(self, now: int) -> list[DeadlineEvent]:
        """Look at the log when the wall clock shows `now` (ns UTC); return what changed."""
        events: list[DeadlineEvent] = []
        for name, event_time, append_time in self._inputs():
            self.state = input_reached(self._policy, self.state, name, event_time, append_time)
        for issue_time, append_time in self._issues():
            self.state, changed = published(self._policy, self.state, issue_time, append_time)
            events += changed
        self.state, raised = clock(self._policy, self.state, now)
        return events + raised

    def _inputs(self) -> Iterator[tuple[str, int, int]]:
        """Name, event time and append time of the newest of each raw partition."""
        for topic in self._raw:
            for number in self._reader.partitions(topic):
                where = Partition(topic, number)
                begin, end = self._reader.begin_offset(where), self._reader.end_offset(where)
                first = max(begin, end - _NEWEST)
                if first == end:
                    continue
                for record in self._reader.read(where, first, _NEWEST):
                    event_time = _event_time(record)
                    if event_time is not None:
                        yield f"{topic}/{number}", event_time, record.append_time

    def _issues(self) -> Iterator[tuple[int, int]]:
        """Issue time and append time of what was published since the last poll."""
        if self._forecasts.number not in self._reader.partitions(self._forecasts.topic):
            self._next = 0
            return
        if self._next is None:
            begin = self._reader.begin_offset(self._forecasts)
            self._next = max(begin, self._reader.end_offset(self._forecasts) - 1)
        while batch := self._reader.read(self._forecasts, self._next, _BATCH):
            for record in batch:
                level = decode_forecast(record.value)
                if level.meta.run_id.endswith(f"-{self._policy.product}"):
                    yield level.issue_time, record.append_time
            self._next = batch[-1].offset + 1


def _event_time(record: LogRecord) -> int | None:
    """Event time of a frame or a tick, None for others and for what cannot be read."""
    try:
        kind = event_type(record.headers)
        if kind == TICK_TYPE:
            return decode_tick(record.value).time
        if kind == FRAME_TYPE:
            return decode_frame(record).scan_time
    except RecordError as error:
        _logger.debug("unreadable", topic=record.topic, offset=record.offset, error=str(error))
    return None
