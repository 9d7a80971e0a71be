"""What came late: windows and periods that left memory, to be made again from the historian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.columns import ARROW_TYPE, ColumnFormat, Limits, whole_numbers
from records.envelope import event_headers, event_type
from records.errors import Reason, RecordError
from records.log import Outgoing
from records.time import DAY, is_time

__all__ = [
    "LATE_PARTS_TYPE",
    "LATE_TYPE",
    "MAX_LATE_ROWS",
    "LateParts",
    "LateReadings",
    "decode_late",
    "decode_late_parts",
    "decode_request",
    "late_parts_record",
    "late_record",
]

LATE_TYPE = "gridcast.window.late.v1"
LATE_PARTS_TYPE = "gridcast.window.late.parts.v1"

MAX_LATE_ROWS = 200_000
"""Largest record that is made; what is more is told in several."""
_FORMAT = ColumnFormat(
    pa.schema([pa.field("start", pa.int64()), pa.field("series", pa.string())]),
    Limits(max_bytes=15 << 20, max_rows=2 * MAX_LATE_ROWS),
)


@dataclass(frozen=True, slots=True)
class LateReadings:
    """Which series of which windows have readings that came after the window left memory.

    The readings themselves are in the historian, as every raw record is.

    Parameters
    ----------
    area
        Area number.
    input_offset
        Offset of the raw record at which this was told: raw records up to and including it
        are what the windows are made of.
    known
        Event time at which they are known, ns UTC: the area's watermark then.
    length
        Length of the windows, ns: of the long ones, which are made again with their parts.
    metered
        Whether they are periods of meters, and `series` names meters, not points.
    start
        Starts of the windows, ns UTC, ascending, shape (n_rows,).
    series
        Series (point) ids or meter ids, shape (n_rows,), object array of str.
    """

    area: int
    input_offset: int
    known: int
    length: int
    metered: bool
    start: npt.NDArray[np.int64]
    series: npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class LateParts:
    """Which quarters of an hour were corrected after what they are part of had left memory.

    Parameters
    ----------
    area
        Area number.
    input_offset
        Offset of the raw record behind the part at which this was told. What was rolled up
        before was made of earlier ones.
    parts_offset
        Offset of that part itself: parts up to and including it are what the half hours, hours
        and days are made of.
    known
        Event time at which they are known, ns UTC, and by which they had left memory.
    start
        Starts of the parts, ns UTC, ascending, shape (n_rows,).
    series
        Series ids, shape (n_rows,), object array of str.
    """

    area: int
    input_offset: int
    parts_offset: int
    known: int
    start: npt.NDArray[np.int64]
    series: npt.NDArray[np.object_]


def late_record(topic: str, late: LateReadings, watermark: int) -> Outgoing:
    """Encode; the key is the area, `watermark` (ns UTC) that of its partition."""
    metadata = {
        "area": late.area,
        "input_offset": late.input_offset,
        "known": late.known,
        "length": late.length,
        "metered": int(late.metered),
    }
    kind = "meter" if late.metered else "area"
    first = int(late.start[0]) if len(late.start) else 0
    headers = event_headers(
        LATE_TYPE,
        f"{kind}-{late.area}",
        event_id=f"late-{kind}-{late.area}-{late.length}-{late.input_offset}-{first}",
        content_type=ARROW_TYPE,
        watermark=watermark,
    )
    value = _FORMAT.encode({"start": late.start, "series": late.series}, metadata)
    return Outgoing(topic, late.area, value, str(late.area).encode(), headers)


def decode_late(value: bytes) -> LateReadings:
    """Read back, or raise `RecordError`."""
    columns, metadata = _FORMAT.decode(value)
    area, offset, known, length, metered = whole_numbers(
        metadata, "area", "input_offset", "known", "length", "metered"
    )
    if not 0 < length <= DAY or metered not in (0, 1):
        raise RecordError(Reason.SCHEMA_MISMATCH, f"length {length} ns, metered {metered}")
    return _placed(LateReadings(area, offset, known, length, bool(metered), **columns))


def late_parts_record(topic: str, late: LateParts) -> Outgoing:
    """Encode; the key is the area, the watermark is when they are known."""
    metadata = {
        "area": late.area,
        "input_offset": late.input_offset,
        "parts_offset": late.parts_offset,
        "known": late.known,
    }
    first = int(late.start[0]) if len(late.start) else 0
    headers = event_headers(
        LATE_PARTS_TYPE,
        f"rollup-{late.area}",
        event_id=f"late-parts-{late.area}-{late.input_offset}-{first}",
        content_type=ARROW_TYPE,
        watermark=late.known,
    )
    value = _FORMAT.encode({"start": late.start, "series": late.series}, metadata)
    return Outgoing(topic, late.area, value, str(late.area).encode(), headers)


def decode_late_parts(value: bytes) -> LateParts:
    """Read back, or raise `RecordError`."""
    columns, metadata = _FORMAT.decode(value)
    area, offset, parts, known = whole_numbers(
        metadata, "area", "input_offset", "parts_offset", "known"
    )
    if parts < 0:
        raise RecordError(Reason.SCHEMA_MISMATCH, f"offset {parts} of a part")
    return _placed(LateParts(area, offset, parts, known, **columns))


def decode_request(
    headers: Mapping[str, str], value: bytes, partition: int
) -> LateReadings | LateParts:
    """Read either kind back from its area's partition, or raise `RecordError`."""
    kind = event_type(headers)
    late: LateReadings | LateParts
    if kind == LATE_TYPE:
        late = decode_late(value)
    elif kind == LATE_PARTS_TYPE:
        late = decode_late_parts(value)
    else:
        raise RecordError(Reason.UNKNOWN_TYPE, f"{kind[:80]} on a topic of late readings")
    if late.area != partition:
        raise RecordError(Reason.WRONG_PARTITION, f"area {late.area} on partition {partition}")
    return late


_Late = TypeVar("_Late", LateReadings, LateParts)


def _placed(late: _Late) -> _Late:
    """Return a request that names something, at times and an offset that can be such."""
    if not len(late.start):
        raise RecordError(Reason.SCHEMA_MISMATCH, "names no window")
    if late.input_offset < 0:
        raise RecordError(Reason.SCHEMA_MISMATCH, f"offset {late.input_offset} of a raw record")
    if not all(map(is_time, [late.known, *late.start[[0, -1]].tolist()])):
        raise RecordError(Reason.TIME_OUT_OF_BOUNDS, "a time before 1970 or after 2116")
    if (np.diff(late.start) < 0).any():
        raise RecordError(Reason.SCHEMA_MISMATCH, "starts that do not ascend")
    return late
