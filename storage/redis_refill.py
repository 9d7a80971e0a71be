"""Filling the read model from the topics: what Redis missed, or lost when it was restarted.

The topics hold everything that Redis shows. Nothing older ever replaces something younger there,
so filling it again is harmless, whoever does it and however often.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import redis

from records.alarm import ALARM_TYPE, decode_alarm
from records.forecast import FORECAST_TYPE, ForecastLevel, ForecastRun, decode_forecast
from records.log import LogReader, LogRecord, Partition
from records.rupture import RUPTURE_TYPE, decode_ruptures
from records.state import STATE_TYPE, decode_state
from records.topics import topic_name
from storage.redis_forecasts import ForecastPublisher
from storage.redis_state import LiveState

__all__ = ["READ_MODEL_TOPICS", "ReadModelRefill"]

READ_MODEL_TOPICS = (
    "network.state.v1", "network.alarm.v1", "monitor.rupture.v1", "forecast.v1",
)  # fmt: skip
"""Catalogue names of the topics whose records are copied to Redis."""

_AT_ONCE = 200
_LOOK_EVERY_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Found:
    """Where the records of a topic that count begin and end in one of its partitions."""

    place: Partition
    begin: int
    end: int


class ReadModelRefill:
    """Notices that Redis is another one than before, and fills it from the topics.

    Every start of a server has an id of its own, so one that lost everything and one that took
    its data up again are both noticed, and so is a replica that took over.

    Parameters
    ----------
    reader
        The log.
    client
        The run's Redis.
    namespace
        Of the run.
    topics
        Catalogue names of the topics to copy, of `READ_MODEL_TOPICS`.
    clock
        Seconds that never go back.
    """

    def __init__(
        self,
        reader: LogReader,
        client: redis.Redis,
        namespace: str,
        topics: Sequence[str] = READ_MODEL_TOPICS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._client = client
        self._live = LiveState(client, namespace)
        self._publisher = ForecastPublisher(client, namespace)
        self._topics = [topic_name(namespace, name) for name in topics]
        self._clock = clock
        self._known: str | None = None
        self._made_up_for = 0
        self._next = 0.0
        self.misses = 0
        """How often something did not get into Redis."""

    def missed(self) -> None:
        """Say that something did not get into Redis: it is filled when it answers again."""
        self.misses += 1

    def look(self, misses: int) -> int | None:
        """Fill Redis if it is another one, or missed something; at most one look a second.

        Parameters
        ----------
        misses
            How many there were before the log was flushed: what is not readable yet is not
            copied. Others may come meanwhile, from another thread.

        Returns
        -------
        int or None
            How many records were copied, None when there was nothing to do.

        Raises
        ------
        redis.RedisError
            When Redis does not answer; the next look tries again.
        """
        now = self._clock()
        if now < self._next:
            return None
        self._next = now + _LOOK_EVERY_S
        server = str(cast("dict[str, object]", self._client.info("server"))["run_id"])
        if server == self._known and misses == self._made_up_for:
            return None
        copied = self.fill()
        self._known, self._made_up_for = server, misses
        return copied

    def fill(self) -> int:
        """Copy what the topics hold, and return how many records that were."""
        return sum(
            self._fill(Partition(topic, number))
            for topic in self._topics
            for number in self._reader.partitions(topic)
        )

    def _fill(self, place: Partition) -> int:
        begin, end = self._reader.begin_offset(place), self._reader.end_offset(place)
        if begin == end:
            return 0
        if place.topic.endswith(".forecast.v1"):
            return self._forecasts(_Found(place, begin, end))
        if place.topic.endswith(".network.state.v1"):
            begin = end - 1  # The last state is all that is shown.
        copied = 0
        for record in _records(self._reader, _Found(place, begin, end)):
            kind = record.headers.get("ce_type")
            copied += kind in (STATE_TYPE, ALARM_TYPE, RUPTURE_TYPE)
            if kind == STATE_TYPE:
                self._live.put_state(decode_state(record.value))
            elif kind == ALARM_TYPE:
                self._live.put_alarms([decode_alarm(record.value)])
            elif kind == RUPTURE_TYPE:
                self._live.put_ruptures(decode_ruptures(record.value))
        return copied

    def _forecasts(self, found: _Found) -> int:
        """Publish the runs that Redis would still hold, each whole."""
        copied = 0
        before: frozenset[str] = frozenset()
        for run, is_last in _marked_last(_runs(self._reader, self._recent(found))):
            levels = frozenset(level.level for level in run.levels)
            # Its service was killed while it wrote the last one, and will write it again.
            if is_last and before - levels:
                break
            self._publisher.publish(run)
            copied += len(run.levels)
            before = levels
        return copied

    def _recent(self, found: _Found) -> _Found:
        """Leave out the runs that have expired when the last one was issued."""
        expiry = int(self._publisher.expiry.total_seconds()) * 1_000_000_000
        (last,) = self._reader.read(found.place, found.end - 1, 1)[:1]
        oldest = _issue_time(last, 0) - expiry
        low, high = found.begin, found.end - 1
        while low < high:
            middle = (low + high) // 2
            (record,) = self._reader.read(found.place, middle, 1)[:1]
            if _issue_time(record, oldest) < oldest:
                low = middle + 1
            else:
                high = middle
        return _Found(found.place, low, found.end)


def _records(reader: LogReader, found: _Found) -> Iterator[LogRecord]:
    offset = found.begin
    while offset < found.end:
        batch = reader.read(found.place, offset, _AT_ONCE)
        if not batch:
            return
        yield from batch
        offset = batch[-1].offset + 1


def _runs(reader: LogReader, found: _Found) -> Iterator[ForecastRun]:
    """Runs in their order; the levels of one follow each other."""
    levels: dict[str, ForecastLevel] = {}
    run_id, issue_time = "", 0
    for record in _records(reader, found):
        if record.headers.get("ce_type") != FORECAST_TYPE:
            continue
        level = decode_forecast(record.value)
        if level.meta.run_id != run_id:
            if levels:
                yield ForecastRun(run_id, issue_time, tuple(levels.values()))
            run_id, issue_time, levels = level.meta.run_id, level.issue_time, {}
        levels[level.level] = level
    if levels:
        yield ForecastRun(run_id, issue_time, tuple(levels.values()))


def _issue_time(record: LogRecord, otherwise: int) -> int:
    if record.headers.get("ce_type") != FORECAST_TYPE:
        return otherwise
    return decode_forecast(record.value).issue_time


def _marked_last(items: Iterator[T]) -> Iterator[tuple[T, bool]]:
    """Each item, and whether it is the last one."""
    missing = object()
    item: object = next(items, missing)
    while item is not missing:
        following: object = next(items, missing)
        yield cast("T", item), following is missing
        item = following
