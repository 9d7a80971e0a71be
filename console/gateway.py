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
from console.run_file import RunFile
from console.scenario import twin_of
from ingest.network_files import read_case
from records.envelope import watermark_of
from records.log import LogReader, Partition
from records.time import HOUR, MINUTE
from records.topics import topic_name

__all__ = ["SENT_FILE", "Pacer", "Throttle", "send"]

_logger = structlog.get_logger(__name__)

SENT_FILE = "sent.json"
"""Where the gateway leaves what it has sent, once all of it is."""

_LEAD = 8 * HOUR
_LOOK_EVERY = 10 * MINUTE
_WAIT_S = 0.02


def send(run: RunFile, stop: threading.Event) -> None:
    """Send the twin's whole period, then end; or end when asked to."""
    settings = run.settings
    twin = twin_of(run, read_case(run.directory / "network"))
    reader, writer, client = open_reader(settings), open_writer(settings), open_redis(settings)
    pulse = Pulse(client, settings.namespace, "gateway")
    pace: Pacer | Throttle = (
        Throttle(reader, settings.namespace, run.start)
        if run.speed is None
        else Pacer(run.start, run.speed)
    )
    measurements = records = 0
    try:
        for batch in twin.batches(run.directory / "truth"):
            if not pace.wait(batch.time, stop, writer.flush):
                return
            writer.append(batch.records)
            measurements += batch.n_measurements
            records += len(batch.records)
            pulse.beat(batch.time, detail=f"{measurements} measurements sent")
        writer.flush()
        sent = {"measurements": measurements, "records": records}
        write_json(run.directory / SENT_FILE, sent)
        _logger.info("sent", **sent)
    finally:
        writer.close()
        reader.close()
        client.close()


class Pacer:
    """Lets event time pass at a multiple of wall time.

    Parameters
    ----------
    start
        Event time of the first batch, ns UTC.
    speed
        Event time per wall time.
    """

    def __init__(self, start: int, speed: float) -> None:
        self._start = start
        self._speed = speed
        self._began = time.monotonic()

    def wait(self, event_time: int, stop: threading.Event, flush: Callable[[], None]) -> bool:
        """Wait until `event_time` is due; False when asked to stop meanwhile.

        What was appended before is flushed first, so that nobody waits for it.
        """
        due = self._began + (event_time - self._start) / 1e9 / self._speed
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
