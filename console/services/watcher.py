"""The watcher service: tells when forecasts are late, from outside the forecaster."""

from __future__ import annotations

import threading
import time

import structlog
from redis import Redis, RedisError

from console.log_access import open_reader, open_writer
from console.redis_access import open_redis
from console.services.deadline_watch import DeadlineWatch
from console.services.heartbeat import Pulse
from console.services.metrics import DEADLINES_MISSED
from console.services.run_file import RunFile
from console.settings import nanoseconds
from records.deadline import DEADLINE_TYPE, DeadlineEvent, deadline_record
from records.log import LogUnavailableError
from records.time import format_time
from records.topics import topic_name
from storage.redis_keys import events_key
from stream.deadline import DeadlinePolicy

__all__ = ["watch"]

_logger = structlog.get_logger(__name__)

_EVERY_S = 0.2
_PRODUCT = "short"
_EVENTS_KEPT = 10_000


def watch(run: RunFile, stop: threading.Event) -> None:
    """Watch until asked to stop; what changes goes to monitor.deadline.v1 and to Redis.

    While the log does not answer it is asked again, and the signs of life say so.
    """
    settings = run.settings
    deadline = settings.deadline
    policy = DeadlinePolicy(
        _PRODUCT,
        cadence=nanoseconds(settings.forecast.cadence),
        warning=nanoseconds(deadline.warning),
        alarm=nanoseconds(deadline.alarm),
        silence=nanoseconds(deadline.silence),
        clear_after=deadline.clear_after,
    )
    topic = topic_name(settings.namespace, "monitor.deadline.v1")
    reader, writer, client = open_reader(settings), open_writer(settings), open_redis(settings)
    pulse = Pulse(client, settings.namespace, "watcher")
    try:
        observed = DeadlineWatch(reader, settings.namespace, policy)
        missed = 0
        while not stop.wait(_EVERY_S):
            try:
                events = observed.poll(time.time_ns())
            except LogUnavailableError as error:
                # Whether a forecast is late cannot be told meanwhile, but that can.
                _logger.warning("log_does_not_answer", error=str(error))
                pulse.beat(observed.event_time, status="error", detail="the log does not answer")
                continue
            if events:
                writer.append(deadline_record(topic, event, "watcher") for event in events)
                writer.flush()
            for event in events:
                _tell(client, settings.namespace, event)
            DEADLINES_MISSED.inc(observed.state.missed - missed)
            missed = observed.state.missed
            severity = observed.state.severity
            detail = f"{missed} deadlines missed"
            if severity is None:
                pulse.beat(observed.event_time, detail=detail)
            else:
                pulse.beat(observed.event_time, status=severity.value, detail=detail)
    finally:
        reader.close()
        writer.close()
        client.close()


def _tell(client: Redis, namespace: str, event: DeadlineEvent) -> None:
    """Log an event and put it on the stream of events; the topic has it in any case."""
    issue_time = "" if event.issue_time is None else format_time(event.issue_time)
    _logger.warning(
        "deadline", severity=event.severity.value, issue_time=issue_time, reason=event.reason
    )
    try:
        client.xadd(
            events_key(namespace),
            {
                "type": DEADLINE_TYPE,
                "run_id": "",
                "issue_time": issue_time,
                "product": event.product,
                "severity": event.severity.value,
                "reason": event.reason,
            },
            maxlen=_EVENTS_KEPT,
        )
    except RedisError as error:
        _logger.warning("not_told", error=str(error))
