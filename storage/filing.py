"""From records of the log to rows of the historian: which class, which columns."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pyarrow as pa

from records.deadletter import DEAD_LETTER_TYPE
from records.envelope import known_at
from records.errors import Reason, RecordError
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
from storage.historian_classes import CLASSES

__all__ = ["RECORDED_TOPICS", "file_record"]


RECORDED_TOPICS = tuple(name for name in CATALOGUE if name != "window.rebuilt.v1")
"""Catalogue names of the topics that are kept; windows made again are where they arrive."""

_UNREADABLE = (
    RecordError, msgspec.MsgspecError, ValueError, KeyError, OverflowError, RecursionError,
)  # fmt: skip
_SIZES = {
    kept_as: {
        field.name: 2 ** (field.type.bit_width - 1)
        for field in kept.schema
        if pa.types.is_signed_integer(field.type) or pa.types.is_timestamp(field.type)
    }
    for kept_as, kept in CLASSES.items()
}
"""Size that a number in a column stays below, by class."""

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
        for filed in rows:
            _check_sizes(filed)
    except _UNREADABLE:
        return [raw.whole_record(record, record.append_time)]
    topic = CATALOGUE.get(record.topic.split(".", 2)[-1])
    if filer is None or topic is None or topic.raw:
        return [raw.whole_record(record, record.append_time), *rows]
    return rows


def _check_sizes(filed: Filed) -> None:
    """Raise `RecordError` where a number that all rows share does not fit into its column."""
    for name, most in _SIZES[filed.kept_as].items():
        number = filed.columns.get(name)
        if type(number) is int and abs(number) >= most:
            raise RecordError(Reason.SCHEMA_MISMATCH, f"{name} is {number}"[:200])
