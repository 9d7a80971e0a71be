"""The gateway service: sends what the network twin measures, as fast as the run wants it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from console.heartbeat import Pulse
from console.json_file import write_json
from console.log_access import open_reader, open_writer
from console.redis_access import open_redis
from console.retention import Retention
from console.run_file import RunFile
from console.scenario import twin_of
from ingest.network_files import read_case
from records.envelope import watermark_of
from records.log import LogReader, Partition
from records.tick import TICK_TYPE, decode_tick
from records.time import HOUR, MINUTE
from records.topics import topic_name

__all__ = ["SENT_FILE", "Pacer", "Throttle", "last_tick", "send"]

_logger = structlog.get_logger(__name__)

SENT_FILE = "sent.json"
"""Where the gateway leaves what it has sent, once all of it is."""

_LEAD = 8 * HOUR
_LOOK_EVERY = 10 * MINUTE
_WAIT_S = 0.02
_LOOK_BACK = 50


def send(run: RunFile, stop: threading.Event) -> None:
    """Send the twin's whole period, then end; or end when asked to."""
    settings = run.settings
    twin = twin_of(run, read_case(run.directory / "network"))
    reader, writer, client = open_reader(settings), open_writer(settings), open_redis(settings)
    pulse = Pulse(client, settings.namespace, "gateway")
    pace: Pacer | Throttle = (
        Throttle(reader, settings.namespace, run.start) if run.speed is None else Pacer(run.speed)
    )
    measurements = records = 0
    sent_to = last_tick(reader, twin.partitions[0])
    retention = Retention(writer, [Partition(*place) for place in twin.partitions])
    try:
        for batch in twin.batches(run.directory / "truth"):
            if sent_to is not None and batch.time <= sent_to:
                continue  # by the gateway that ran before
            if not pace.wait(batch.time, stop, writer.flush):
                return
            writer.append(batch.records)
            measurements += batch.n_measurements
            records += len(batch.records)
            retention.apply_now_and_then()
            pulse.beat(batch.time, detail=f"{measurements} measurements sent")
        writer.flush()
        sent = {"measurements": measurements, "records": records}
        write_json(run.directory / SENT_FILE, sent)
        _logger.info("sent", **sent)
    finally:
        writer.close()
        reader.close()
        client.close()


def last_tick(reader: LogReader, place: tuple[str, int]) -> int | None:
    """Event time (ns UTC) of the last tick on a partition, None when there is none."""
    where = Partition(*place)
    end, begin = reader.end_offset(where), reader.begin_offset(where)
    for first in range(end - _LOOK_BACK, begin - _LOOK_BACK, -_LOOK_BACK):
        for record in reversed(reader.read(where, max(first, begin), _LOOK_BACK)):
            if record.headers.get("ce_type") == TICK_TYPE:
                return decode_tick(record.value).time
    return None


class Pacer:
    """Lets event time pass at a multiple of wall time, from the first batch on.

    Parameters
    ----------
    speed
        Event time per wall time.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start: tuple[int, float] | None = None

    def wait(self, event_time: int, stop: threading.Event, flush: Callable[[], None]) -> bool:
        """Wait until `event_time` is due; False when asked to stop meanwhile.

        What was appended before is flushed first, so that nobody waits for it.
        """
        if self._start is None:
            self._start = (event_time, time.monotonic())
        first, began = self._start
        due = began + (event_time - first) / 1e9 / self._speed
        if due > time.monotonic():
            flush()
            stop.wait(due - time.monotonic())
        return not stop.is_set()


class Throttle:
    """As fast as it goes, but never far ahead of the forecasts that come out at the other end.

    Parameters
    ----------
    reader
        The log.
    namespace
        Of the run.
    start
        Event time of the first batch, ns UTC.
    lead
        How far ahead of the last forecast the input may be, ns of event time.
    """

    def __init__(self, reader: LogReader, namespace: str, start: int, *, lead: int = _LEAD) -> None:
        self._reader = reader
        self._forecasts = Partition(topic_name(namespace, "forecast.v1"), 0)
        self._lead = lead
        self._reached = start
        self._look_at = start

    def wait(self, event_time: int, stop: threading.Event, flush: Callable[[], None]) -> bool:
        """Wait while `event_time` is too far ahead; False when asked to stop meanwhile."""
        if event_time >= self._look_at:
            flush()
            self._look_at = event_time + _LOOK_EVERY
            while event_time > self._last_issue() + self._lead and not stop.wait(_WAIT_S):
                pass
        return not stop.is_set()

    def _last_issue(self) -> int:
        end = self._reader.end_offset(self._forecasts)
        for record in self._reader.read(self._forecasts, max(0, end - 1), 1):
            issue_time = watermark_of(record.headers)
            self._reached = max(self._reached, issue_time or 0)
        return self._reached
