"""The live view of an area: one validated and imputed scan, every replacement flagged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.columns import (
    ARROW_TYPE,
    ColumnFormat,
    Limits,
    whole_numbers,
)
from records.envelope import event_headers
from records.log import Outgoing

__all__ = ["VIEW_TYPE", "ScadaView", "decode_view", "view_record"]

VIEW_TYPE = "gridcast.scada.view.v1"

_FORMAT = ColumnFormat(
    pa.schema(
        [
            pa.field("point", pa.uint32()),
            pa.field("value", pa.float64()),
            pa.field("quality", pa.uint16()),
            pa.field("age_s", pa.float32()),
        ]
    ),
    Limits(max_bytes=4 << 20, max_rows=50_000),
)


@dataclass(frozen=True, slots=True)
class ScadaView:
    """All points of an area as believed at one scan.

    Parameters
    ----------
    area
        Area number.
    scan_time
        Nominal time of the scan, ns UTC.
    version
        The frame's version, so that a corrected scan replaces the first view.
    point
        Point numbers, shape (n_points,).
    value
        Values in the unit and sign of the register (MW, MVAr, kV), NaN where nothing is
        known, shape (n_points,).
    quality
        Source bits and ours: HELD, TYPICAL, SUSPECT, MISSING; shape (n_points,).
    age_s
        Age of the measurement behind the value at `scan_time`, shape (n_points,).
    input_offset
        Offset of the raw record it was made at; of two views of one scan time the greater counts.
    """

    area: int
    scan_time: int
    version: int
    point: npt.NDArray[np.uint32]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]
    age_s: npt.NDArray[np.float32]
    input_offset: int = 0


def view_record(topic: str, view: ScadaView, watermark: int) -> Outgoing:
    """Encode a view; `watermark` (ns UTC) is the area's after this scan."""
    metadata = {
        "area": view.area,
        "scan_time": view.scan_time,
        "version": view.version,
        "input_offset": view.input_offset,
    }
    columns = {
        "point": view.point,
        "value": view.value,
        "quality": view.quality,
        "age_s": view.age_s,
    }
    headers = event_headers(
        VIEW_TYPE,
        f"area-{view.area}",
        event_id=f"view-{view.area}-{view.scan_time}-{view.version}",
        content_type=ARROW_TYPE,
        watermark=watermark,
    )
    value = _FORMAT.encode(columns, metadata)
    return Outgoing(topic, view.area, value, str(view.area).encode(), headers)


def decode_view(value: bytes) -> ScadaView:
    """Read a view back, or raise `RecordError`."""
    columns, metadata = _FORMAT.decode(value)
    area, scan_time, version = whole_numbers(metadata, "area", "scan_time", "version")
    (input_offset,) = whole_numbers({"input_offset": 0, **metadata}, "input_offset")
    return ScadaView(area, scan_time, version, **columns, input_offset=input_offset)
