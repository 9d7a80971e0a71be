"""From records of the log to rows of the historian: which class, which columns."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from records.deadletter import DEAD_LETTER_TYPE
from records.envelope import known_at
from records.errors import RecordError
from records.finding import FINDING_TYPE
from records.forecast import FORECAST_TYPE
from records.log import LogRecord
from records.meter import METER_TYPE
from records.meter_estimate import ESTIMATE_TYPE
from records.rupture import RUPTURE_TYPE
from records.scada import FRAME_TYPE
from records.state import STATE_TYPE
from records.tick import TICK_TYPE, decode_tick
from records.topics import CATALOGUE
from records.view import VIEW_TYPE
from records.weather import WEATHER_TYPE
from records.window import WINDOW_TYPE
from storage import filing_products as products
from storage import filing_raw as raw
from storage.filing_raw import Filed

__all__ = ["RECORDED_TOPICS", "file_record"]


RECORDED_TOPICS = tuple(name for name in CATALOGUE if name != "window.rebuilt.v1")
"""Catalogue names of the topics that are kept; windows made again are where they arrive."""

_FILERS: dict[str, Callable[[LogRecord, int], list[Filed]]] = {
    METER_TYPE: lambda record, _: raw.meter_rows(record),
    WEATHER_TYPE: lambda record, _: raw.weather_rows(record),
    VIEW_TYPE: products.view_rows,
    WINDOW_TYPE: products.window_rows,
    ESTIMATE_TYPE: products.estimate_rows,
    STATE_TYPE: products.state_rows,
    FORECAST_TYPE: lambda record, _: products.forecast_rows(record),
    FINDING_TYPE: products.finding_rows,
    RUPTURE_TYPE: lambda record, _: products.rupture_rows(record),
    DEAD_LETTER_TYPE: lambda record, _: products.dead_letter_rows(record),
}


def file_record(record: LogRecord) -> list[Filed]:
    """Rows of every class that `record` belongs to.

    A raw record is always kept whole in the class ``records``; one of another kind goes there
    when it has no class of its own or cannot be read, so that nothing is lost and nothing
    stops the recorder.
    """
    kind = record.headers.get("ce_type", "")
    try:
        if kind == FRAME_TYPE:
            return raw.frame_rows(record)
        if kind == TICK_TYPE:
            return [raw.whole_record(record, decode_tick(record.value).time)]
        filer = _FILERS.get(kind)
        known = known_at(record.headers)
        rows = filer(record, record.append_time if known is None else known) if filer else []
    except (RecordError, msgspec.MsgspecError, ValueError, KeyError):
        return [raw.whole_record(record, record.append_time)]
    topic = CATALOGUE.get(record.topic.split(".", 2)[-1])
    if filer is None or topic is None or topic.raw:
        return [raw.whole_record(record, record.append_time), *rows]
    return rows
