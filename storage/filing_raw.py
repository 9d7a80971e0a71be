"""Rows of raw records: as received, with their place and time in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from records.log import LogRecord
from records.meter import decode_meter
from records.scada import decode_frame
from records.weather import decode_weather
from storage.historian_classes import HistoryClass

__all__ = ["Filed", "frame_rows", "meter_rows", "weather_rows", "whole_record"]


class Filed(NamedTuple):
    """Rows of one class out of one record: how many, and their columns (scalars repeat)."""

    kept_as: HistoryClass
    n_rows: int
    columns: Mapping[str, Any]


def whole_record(record: LogRecord, event_time: int) -> Filed:
    """One row that holds the whole record; `event_time` (ns UTC) chooses its date."""
    return _record_row(record, event_time, record.value, None, None, None, None)


def frame_rows(record: LogRecord) -> list[Filed]:
    """Rows of a SCADA frame and of its measurements, or raise `RecordError`."""
    frame = decode_frame(record)
    # What arrived as JSON is kept as it was written; an Arrow frame is its columns.
    as_json = record.headers.get("content-type") == "application/json"
    whole = _record_row(
        record,
        frame.scan_time,
        record.value if as_json else None,
        frame.source,
        frame.sequence,
        frame.scan_time,
        frame.version,
    )
    measurements = {
        "point": frame.point,
        "valid_time": frame.time,
        "value": frame.value,
        "quality": frame.quality,
        "offset_ms": frame.offset_ms,
        "version": frame.version,
        "append_time": record.append_time,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
    }
    return [whole, Filed(HistoryClass.SCADA, len(frame.point), measurements)]


def meter_rows(record: LogRecord) -> list[Filed]:
    """Rows of a meter document, or raise `RecordError`; `version` is its revision."""
    document = decode_meter(record)
    filed = []
    for series in document.series:
        n_readings = len(series.start)
        columns = {
            "series": series.meter,
            "valid_time": np.array(series.start, np.int64),
            "available_at": document.available_at,
            "recorded_at": record.append_time,
            "version": document.revision,
            "run": document.run,
            "document": document.document,
            "length_ns": document.period,
            "withdrawn_mwh": _floats(series.withdrawn_mwh),
            "injected_mwh": _floats(series.injected_mwh or [None] * n_readings),
            "withdrawn_reading": np.array(series.withdrawn_reading or [False] * n_readings),
            "partition": record.partition,
            "offset": record.offset,
        }
        filed.append(Filed(HistoryClass.METER_READS, n_readings, columns))
    return filed


def weather_rows(record: LogRecord) -> list[Filed]:
    """Rows of a weather record as issued, or raise `RecordError`."""
    weather = decode_weather(record)
    columns = {
        "series": weather.station,
        "quantity": weather.quantity.value,
        "valid_time": np.array(weather.valid_time, np.int64),
        "available_at": weather.available_at,
        "recorded_at": record.append_time,
        "version": 1,
        "issue_time": weather.issue_time,
        "value": _floats(weather.value),
        "partition": record.partition,
        "offset": record.offset,
    }
    return [Filed(HistoryClass.WEATHER, len(weather.value), columns)]


def _record_row(
    record: LogRecord,
    event_time: int,
    value: bytes | None,
    source: str | None,
    sequence: int | None,
    scan_time: int | None,
    version: int | None,
) -> Filed:
    columns = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "append_time": record.append_time,
        "event_time": event_time,
        "key": record.key,
        "headers": msgspec.json.encode(record.headers).decode(),
        "value": value,
        "source": source,
        "sequence": sequence,
        "scan_time": scan_time,
        "version": version,
    }
    return Filed(HistoryClass.RECORDS, 1, columns)


def _floats(values: list[float | None]) -> npt.NDArray[np.float64]:
    return np.array(values, np.float64)
