"""The recorder service: files what the log carries into the historian."""

from __future__ import annotations

import threading
import time

import structlog

from console.log_access import open_reader
from console.redis_access import open_redis
from console.services.heartbeat import Pulse
from console.services.run_file import RunFile
from records.envelope import watermark_of
from records.log import LogReader, Partition
from records.topics import topic_name
from storage.filing import RECORDED_TOPICS
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder

__all__ = ["record", "take_available"]

_logger = structlog.get_logger(__name__)

_BATCH = 500
_IDLE_S = 0.05
_COMMIT_EVERY_S = 15.0


def record(run: RunFile, stop: threading.Event) -> None:
    """Record until asked to stop; what was written by then is recorded to the end."""
    settings = run.settings
    reader, client = open_reader(settings), open_redis(settings)
    pulse = Pulse(client, settings.namespace, "recorder")
    writer = HistorianWriter(run.directory / "historian", durable=settings.checkpoint.durable)
    recorder = Recorder(writer)
    topics = [topic_name(settings.namespace, name) for name in RECORDED_TOPICS]
    committed = time.monotonic()
    event_time: int | None = None
    try:
        while True:
            ending = stop.is_set()
            taken, reached = take_available(recorder, reader, topics)
            event_time = max((t for t in (event_time, reached) if t is not None), default=None)
            if taken == 0 and ending:
                break
            if time.monotonic() - committed > _COMMIT_EVERY_S:
                recorder.flush()
                committed = time.monotonic()
            pulse.beat(event_time, detail=f"{recorder.waiting_rows} rows waiting")
            if taken == 0:
                stop.wait(_IDLE_S)
        recorder.flush()
        _logger.info("recorded", partitions=len(recorder.positions))
    finally:
        writer.close()
        reader.close()
        client.close()


def take_available(
    recorder: Recorder, reader: LogReader, topics: list[str]
) -> tuple[int, int | None]:
    """Take one batch from every partition that has more.

    Returns
    -------
    taken
        How many records were new.
    reached
        Greatest watermark among them, ns UTC; None when there was none.
    """
    taken, reached = 0, None
    for topic in topics:
        for number in reader.partitions(topic):
            where = Partition(topic, number)
            offset = recorder.positions.get(where)
            if offset is None:
                offset = reader.begin_offset(where)
            records = reader.read(where, offset, _BATCH)
            if records:
                taken += recorder.take(records)
                reached = max(
                    (t for t in (reached, watermark_of(records[-1].headers)) if t is not None),
                    default=None,
                )
    return taken, reached
