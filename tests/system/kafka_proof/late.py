"""Scans that come last of all: long after their windows have left memory, with other values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ingest.batch import Batch, ticks
from ingest.twin.twin import Twin
from records.errors import RecordError
from records.log import LogRecord, Outgoing
from records.scada import FRAME_TYPE, ScadaFrame, decode_frame, frame_record
from records.time import MINUTE

__all__ = ["HOT_RETENTION", "with_late_scans"]

HOT_RETENTION = 110 * MINUTE
"""How long windows stay in memory: what the twin corrects by itself, within 90 minutes and in
windows of 15, is corrected there. What is made again while a run goes on could come before or
after what is made of it."""

_AGE = 20 * MINUTE
_WANTED = (HOT_RETENTION + 2 * _AGE, HOT_RETENTION + _AGE)
_CLOSING = (10 * MINUTE, 30 * MINUTE)
"""The first asks for the windows; they are made when one of each length has closed since."""
_VERSION = 9


def with_late_scans(batches: Iterable[Batch], twin: Twin) -> Iterator[Batch]:
    """Add a last batch that corrects, for each area, scans that no stage remembers.

    Ticks behind them close further windows, and so have those made again. It comes behind
    everything else, so what is made of it stands behind everything else in every topic, however
    long that takes. Nothing is added to a run that is too short for it.
    """
    kept: dict[int, list[ScadaFrame]] = {}
    moments = [twin.settings.end - age for age in _WANTED]
    last: Batch | None = None
    for batch in batches:
        last = batch
        if batch.time in moments:
            for frame in filter(None, map(_scan_of, batch.records)):
                if frame.scan_time == batch.time and frame.version == 1:
                    kept.setdefault(frame.area, []).append(frame)
        yield batch
    if last is None or not kept:
        return
    late = [_corrected(frame) for frames in kept.values() for frame in frames]
    topic = next(topic for topic, _ in twin.partitions if topic.endswith("scada.frame.v1"))
    records = [frame_record(topic, frame) for frame in late]
    for closed in _CLOSING:
        records += ticks(twin.partitions, last.time + closed)
    yield Batch(last.time, tuple(records), sum(len(frame.point) for frame in late))


def _scan_of(record: Outgoing) -> ScadaFrame | None:
    """The frame in a record; None where it is none, or was spoilt."""
    if record.headers.get("ce_type") != FRAME_TYPE:
        return None
    try:
        return decode_frame(
            LogRecord(
                record.topic, record.partition, 0, 0, record.value, record.key, record.headers
            )
        )
    except RecordError:
        return None


def _corrected(frame: ScadaFrame) -> ScadaFrame:
    # A little more than noise, and far less than what would not be believed.
    return replace(frame, version=_VERSION, value=frame.value * 1.001)
