"""The recorder service: files what the log carries into the historian."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

import structlog

from console.historian_access import check_same_log, historian_url, open_keeper
from console.log_access import open_reader
from console.redis_access import open_redis
from console.services.heartbeat import Pulse
from console.services.run_file import RunFile
from console.settings import Settings
from records.envelope import watermark_of
from records.errors import RecordError
from records.log import (
    LogReader,
    LogRecord,
    LogUnavailableError,
    OffsetOutOfRangeError,
    Partition,
)
from records.topics import topic_name
from storage.disk_full import MAKE_ROOM, is_disk_full
from storage.filing import RECORDED_TOPICS
from storage.historian_classes import HistoryClass
from storage.postgresql_connection import HistorianUnavailableError
from storage.recorder import HistoryKeeper, Recorder
from storage.writer_lock import WriterLockedError

__all__ = ["record", "take_available"]

_logger = structlog.get_logger(__name__)

_BATCH = 500
_IDLE_S = 0.05
_COMMIT_EVERY_S = 15.0
_AGAIN_S = 1.0
_NICE = 10


def record(run: RunFile, stop: threading.Event) -> None:
    """Record until asked to stop; what was written by then is recorded to the end.

    While the disk is full, or the server of the historian away, nothing more is taken in, and what
    waits is committed when it can be. While the log does not answer, it is asked again.

    Raises
    ------
    OSError, storage.postgresql_connection.HistorianUnavailableError
        When asked to stop meanwhile: what waits is recorded by the next start.
    BadInputError
        When the historian is that of another log.
    """
    # What it files is in the log already: it may wait where alarms and forecasts may not.
    os.nice(_NICE)
    settings = run.settings
    reader, client = open_reader(settings), open_redis(settings)
    pulse = Pulse(client, settings.namespace, "recorder")
    writer = _opened(settings, pulse, stop)
    if writer is None:
        return
    check_same_log(settings, writer, reader)
    recorder = Recorder(writer)
    topics = [topic_name(settings.namespace, name) for name in RECORDED_TOPICS]
    tidied = committed = time.monotonic()
    tidy_every = settings.historian.tidy_every.total_seconds()
    retention = {HistoryClass(name): kept for name, kept in settings.historian.retention.items()}
    event_time: int | None = None
    stuck = False
    try:
        while True:
            ending = stop.is_set()
            taken = 0
            try:
                if stuck or time.monotonic() - committed > _COMMIT_EVERY_S:
                    recorder.flush()
                    committed, stuck = time.monotonic(), False
                if time.monotonic() - tidied > tidy_every:
                    dropped, merged = writer.tidy(
                        event_time, retention, recorded_now=time.time_ns()
                    )
                    tidied = time.monotonic()
                    _logger.info("tidied", dropped=dropped, merged=merged)
                taken, reached = take_available(recorder, reader, topics)
                event_time = max((t for t in (event_time, reached) if t is not None), default=None)
            except LogUnavailableError as error:
                _logger.warning("log_does_not_answer", error=str(error))
                stop.wait(_AGAIN_S)
            except OSError as error:
                if ending or not is_disk_full(error):
                    raise
                stuck = True
                _logger.error("no_room_for_history", error=str(error), remedy=MAKE_ROOM)
                pulse.beat(event_time, status="error", detail=MAKE_ROOM)
                stop.wait(_AGAIN_S)
                continue
            except (HistorianUnavailableError, WriterLockedError) as error:
                if ending:
                    raise
                # A session that was cut off may hold the lock for a while yet.
                stuck = True
                _away(error, pulse, event_time)
                stop.wait(_AGAIN_S)
                continue
            if taken == 0 and ending:
                break
            pulse.beat(event_time, detail=f"{recorder.waiting_rows} rows waiting")
            if taken == 0:
                stop.wait(_IDLE_S)
        recorder.flush()
        _logger.info("recorded", partitions=len(recorder.positions))
    finally:
        writer.close()
        reader.close()
        client.close()


def _opened(settings: Settings, pulse: Pulse, stop: threading.Event) -> HistoryKeeper | None:
    """The historian's writer, once its server answers; None when asked to stop before."""
    while not stop.is_set():
        try:
            return open_keeper(settings)
        except HistorianUnavailableError as error:
            _away(error, pulse, None)
            stop.wait(_AGAIN_S)
        except WriterLockedError as error:
            if historian_url(settings) is None:
                raise
            _away(error, pulse, None)
            stop.wait(_AGAIN_S)
    return None


def _away(error: Exception, pulse: Pulse, event_time: int | None) -> None:
    _logger.error("historian_does_not_answer", error=str(error))
    pulse.beat(event_time, status="error", detail=str(error))


def _read(reader: LogReader, where: Partition, offset: int) -> Sequence[LogRecord]:
    try:
        return reader.read(where, offset, _BATCH)
    except OffsetOutOfRangeError as error:
        if offset > error.begin:
            raise
        # The recorder was away for longer than the log keeps them; what is left is recorded.
        _logger.error("lost", topic=where.topic, partition=where.number, first=offset,
                      past=error.begin)  # fmt: skip
        return reader.read(where, error.begin, _BATCH)


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
            records = _read(reader, where, offset)
            if records:
                taken += recorder.take(records)
                told = (reached, _watermark(records[-1]))
                reached = max((t for t in told if t is not None), default=None)
    return taken, reached


def _watermark(record: LogRecord) -> int | None:
    """The watermark of a record; one that cannot be read is told, for the record is kept whole."""
    try:
        return watermark_of(record.headers)
    except RecordError as error:
        _logger.warning("watermark_not_readable", topic=record.topic, partition=record.partition,
                        offset=record.offset, error=str(error))  # fmt: skip
        return None
