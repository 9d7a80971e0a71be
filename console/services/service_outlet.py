"""The outlet of a service: what the stages emit goes to the log, and a copy to the read model."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import structlog
from redis import Redis, RedisError

from console.services.heartbeat import Pulse
from console.services.metrics import FORECAST_LAST_SUCCESS
from records.alarm import ALARM_TYPE, decode_alarm
from records.envelope import watermark_of
from records.forecast import FORECAST_TYPE
from records.log import LogUnavailableError, LogWriter, Outgoing
from records.rupture import RUPTURE_TYPE, decode_ruptures
from records.state import STATE_TYPE, decode_state
from storage.redis_forecasts import ForecastPublisher
from storage.redis_refill import ReadModelRefill
from storage.redis_state import LiveState
from stream.outlet import LogOutlet
from stream.stage import Issued, Outcome

__all__ = ["ServiceOutlet", "SlottedWriter"]

_logger = structlog.get_logger(__name__)

_COPY_EVERY_S = 0.1
"""Alarms go to Redis at most so often, lest a flood of them wait for an answer each."""


class SlottedWriter:
    """Moves the records of some topics to a partition of this process's own.

    A partition of the embedded log has one writer process. Where several processes write to a
    topic of one partition (dead letters), each takes another partition.

    Parameters
    ----------
    writer
        The log.
    slots
        Partition of this process by full topic name.
    """

    def __init__(self, writer: LogWriter, slots: Mapping[str, int]) -> None:
        self._writer = writer
        self._slots = slots

    def append(self, records: Iterable[Outgoing]) -> None:
        """Hand records over, in order within each partition."""
        slots = self._slots
        self._writer.append(
            replace(record, partition=slots[record.topic]) if record.topic in slots else record
            for record in records
        )

    def flush(self) -> None:
        """Return once everything appended can be read by others."""
        self._writer.flush()

    def close(self) -> None:
        """Close the log."""
        self._writer.close()


class ServiceOutlet:
    """Delivers to the log first, then to Redis; leaves heartbeats on the way.

    Redis is a copy: when it does not answer that is logged, and the log goes on. What it missed
    meanwhile, or lost when it was restarted, it is given from the log when it answers again.

    Parameters
    ----------
    writer
        The log.
    client
        The run's Redis.
    namespace
        Of the run.
    service
        Name of the service in heartbeats.
    refill
        Copies from the log what Redis lacks; None where the service puts nothing there but
        signs of life.
    """

    def __init__(
        self,
        writer: LogWriter,
        client: Redis,
        namespace: str,
        service: str,
        refill: ReadModelRefill | None = None,
    ) -> None:
        self._publisher = ForecastPublisher(client, namespace)
        self._live = LiveState(client, namespace)
        self._log = LogOutlet(writer, namespace, self._publish)
        self._pulse = Pulse(client, namespace, service)
        self._refill = refill
        self._alarms: list[Outgoing] = []
        self._copied = -_COPY_EVERY_S
        self.event_time: int | None = None

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Hand outcomes over, in order."""
        self._log.deliver(outcomes)
        for outcome in outcomes:
            if isinstance(outcome, Outgoing):
                self._note(outcome)
        if time.monotonic() - self._copied >= _COPY_EVERY_S:
            self._copy_alarms()
        self._pulse.beat(self.event_time)

    def flush(self) -> None:
        """Return once everything delivered is kept by the log."""
        misses = 0 if self._refill is None else self._refill.misses
        self._log.flush()
        self._copy_alarms()
        self._pulse.beat(self.event_time)
        if self._refill is not None:
            try:
                copied = self._refill.look(misses)
            except (RedisError, LogUnavailableError) as error:
                _logger.warning("redis_not_filled", error=str(error))
            else:
                if copied:
                    _logger.info("redis_filled_from_the_log", records=copied)

    def _note(self, record: Outgoing) -> None:
        watermark = watermark_of(record.headers)
        if watermark is not None:
            self.event_time = max(self.event_time or 0, watermark)
        kind = record.headers.get("ce_type")
        if kind == ALARM_TYPE:
            self._alarms.append(record)
            return
        try:
            if kind == STATE_TYPE:
                self._live.put_state(decode_state(record.value))
            elif kind == RUPTURE_TYPE:
                self._live.put_ruptures(decode_ruptures(record.value))
        except RedisError as error:
            self._missed(kind or "", error)

    def _copy_alarms(self) -> None:
        """Put the alarms that wait into Redis: those of a flood in one piece."""
        if not self._alarms:
            return
        waiting, self._alarms = self._alarms, []
        try:
            self._live.put_alarms([decode_alarm(record.value) for record in waiting])
        except RedisError as error:
            self._missed(ALARM_TYPE, error)
        self._copied = time.monotonic()

    def _publish(self, issued: Issued) -> None:
        self.event_time = max(self.event_time or 0, issued.run.issue_time)
        try:
            self._publisher.publish(issued.run)
            FORECAST_LAST_SUCCESS.set(time.time())
        except RedisError as error:
            self._missed(FORECAST_TYPE, error)

    def _missed(self, kind: str, error: RedisError) -> None:
        _logger.warning("not_in_redis", type=kind, error=str(error))
        if self._refill is not None:
            self._refill.missed()
