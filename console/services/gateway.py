"""The gateway service: sends what the network twin measures, as fast as the run wants it."""

from __future__ import annotations

import threading
from contextlib import suppress

import structlog

from console.json_file import write_json
from console.log_access import open_reader, open_writer
from console.redis_access import open_redis
from console.services.heartbeat import Pulse
from console.services.retention import Retention
from console.services.run_file import RunFile
from console.services.scenario import twin_of
from ingest.gateway import Gateway, GatewayReport
from ingest.network_files import read_case
from records.envelope import watermark_of
from records.errors import RecordError
from records.log import LogReader, Partition
from records.tick import TICK_TYPE, decode_tick
from records.time import HOUR
from records.topics import topic_name
from storage.embedded_log import EmbeddedLogWriter

__all__ = ["SENT_FILE", "ForecastBound", "last_tick", "send"]

_logger = structlog.get_logger(__name__)

SENT_FILE = "sent.json"
"""Where the gateway leaves what it has sent, once all of it is."""

WRITTEN_BY_PEOPLE = ("operator.act.v1", "meter.read.v1")
"""Catalogue names of the topics that commands write to beside it."""

_LEAD = 8 * HOUR
_LOOK_BACK = 50


def send(run: RunFile, stop: threading.Event) -> None:
    """Send the twin's whole period, then end; or end when asked to."""
    settings = run.settings
    twin = twin_of(run, read_case(run.directory / "network"))
    reader, writer, client = open_reader(settings), open_writer(settings), open_redis(settings)
    if isinstance(writer, EmbeddedLogWriter):
        # What people do and decide is written there too, while it sends.
        for topic, number in twin.partitions:
            if topic in {topic_name(settings.namespace, name) for name in WRITTEN_BY_PEOPLE}:
                writer.share(topic, [number])
    pulse = Pulse(client, settings.namespace, "gateway")
    retention = Retention(writer, [Partition(*place) for place in twin.partitions])
    bound = ForecastBound(reader, settings.namespace, run.start)

    def after_batch(report: GatewayReport) -> None:
        retention.apply_now_and_then()
        pulse.beat(report.until, detail=f"{report.measurements} measurements sent")

    gateway = Gateway(
        writer,
        stop,
        speed=run.speed,
        may_advance_to=bound if run.speed is None else None,
        on_batch=after_batch,
    )
    try:
        before = last_tick(reader, twin.partitions[0])
        batches = twin.batches(run.directory / "truth")
        # What the gateway that ran before has sent is there already.
        report = gateway.run(b for b in batches if before is None or b.time > before)
        if report.finished:
            sent = {"measurements": report.measurements, "records": report.records}
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


class ForecastBound:
    """How far the input may be sent: never far ahead of the forecasts that come of it.

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

    def __call__(self) -> int:
        """Event time (ns UTC) up to which may be sent now."""
        end = self._reader.end_offset(self._forecasts)
        for record in self._reader.read(self._forecasts, max(0, end - 1), 1):
            # One that cannot be read holds nothing back longer than the next forecast.
            with suppress(RecordError):
                self._reached = max(self._reached, watermark_of(record.headers) or 0)
        return self._reached + self._lead
