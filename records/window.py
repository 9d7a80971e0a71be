"""Closed windows: what an area's series were over one interval, with their revision."""

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
from records.errors import Reason, RecordError
from records.log import Outgoing
from records.time import DAY, is_time

__all__ = ["WINDOW_TYPE", "WindowBatch", "decode_window", "window_record"]

WINDOW_TYPE = "gridcast.window.v1"
_LONGEST = 366 * DAY

_FORMAT = ColumnFormat(
    pa.schema(
        [
            pa.field("series", pa.string()),
            pa.field("revision", pa.int32()),
            pa.field("mean", pa.float64()),
            pa.field("q95", pa.float64()),
            pa.field("minimum", pa.float64()),
            pa.field("maximum", pa.float64()),
            pa.field("energy_mwh", pa.float64()),
            pa.field("count", pa.int32()),
            pa.field("imputed_share", pa.float64()),
            pa.field("quality", pa.uint16()),
        ]
    ),
    Limits(max_bytes=8 << 20, max_rows=100_000),
)


@dataclass(frozen=True, slots=True)
class WindowBatch:
    """The series of one area over ``[start, start + length)``.

    The first batch of a window holds every series at revision 1 and is emitted even when
    nothing was measured; later batches hold only the series that were corrected. (A window
    before the first one of all is made of late readings only, and holds only their series.)

    Parameters
    ----------
    area
        Area number.
    start, length
        The window, ns UTC and ns.
    input_offset
        Offset of the raw record that closed or corrected the window.
    series
        Series (point) ids, shape (n_series,), object array of str.
    revision
        1 provisional, 2 and up corrected; shape (n_series,).
    mean
        Time-weighted mean in the series' unit, NaN where nothing is known.
    q95
        Exact time-weighted 95 % quantile; NaN for metered intervals.
    minimum, maximum
        Extremes of the values believed.
    energy_mwh
        Mean times length for powers in MW; NaN for other quantities.
    count
        Number of measured values believed.
    imputed_share
        Share of the window's time covered by replaced values, 0 to 1.
    quality
        OR of the quality bits of what went in, and MISSING where nothing did.
    """

    area: int
    start: int
    length: int
    input_offset: int
    series: npt.NDArray[np.object_]
    revision: npt.NDArray[np.int32]
    mean: npt.NDArray[np.float64]
    q95: npt.NDArray[np.float64]
    minimum: npt.NDArray[np.float64]
    maximum: npt.NDArray[np.float64]
    energy_mwh: npt.NDArray[np.float64]
    count: npt.NDArray[np.int32]
    imputed_share: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]

    @property
    def end(self) -> int:
        """End of the window, ns UTC."""
        return self.start + self.length


def window_record(
    topic: str, batch: WindowBatch, watermark: int | None, *, known: int | None = None
) -> Outgoing:
    """Encode a batch; the key is the area.

    Parameters
    ----------
    watermark
        The area's after it, ns UTC. None where the batch was rebuilt from the historian,
        beside the stage that moves the watermark.
    known
        When a rebuilt batch is known, ns UTC.
    """
    metadata = {
        "area": batch.area,
        "start": batch.start,
        "length": batch.length,
        "input_offset": batch.input_offset,
    }
    columns = {field.name: getattr(batch, field.name) for field in _FORMAT.schema}
    top = int(batch.revision.max()) if len(batch.revision) else 1
    headers = event_headers(
        WINDOW_TYPE,
        f"area-{batch.area}" if watermark is not None else f"rebuild-{batch.area}",
        event_id=f"window-{batch.area}-{batch.start}-{batch.length}-{top}-{batch.input_offset}",
        content_type=ARROW_TYPE,
        watermark=watermark,
        known=known,
    )
    value = _FORMAT.encode(columns, metadata)
    return Outgoing(topic, batch.area, value, str(batch.area).encode(), headers)


def decode_window(value: bytes) -> WindowBatch:
    """Read a batch back, or raise `RecordError`."""
    columns, metadata = _FORMAT.decode(value)
    area, start, length, offset = whole_numbers(metadata, "area", "start", "length", "input_offset")
    if not is_time(start) or not 0 <= length < _LONGEST:
        raise RecordError(Reason.TIME_OUT_OF_BOUNDS, f"a window of {length} ns from {start}")
    if len(columns["revision"]) and columns["revision"].min() < 1:
        raise RecordError(Reason.SCHEMA_MISMATCH, "a revision is below 1")
    return WindowBatch(area, start, length, offset, **columns)
