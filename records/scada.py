"""SCADA frames: one scan of one area, columnar.

A frame may hold any subset of the area's points: telemetry by exception sends only what
moved beyond its deadband.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.columns import ARROW_TYPE, ColumnFormat, Limits
from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import LogRecord, Outgoing
from records.time import SECOND

__all__ = [
    "FRAME_LIMITS",
    "FRAME_TYPE",
    "ScadaFrame",
    "decode_frame",
    "frame_record",
    "frame_value",
]

FRAME_TYPE = "gridcast.scada.frame.v1"
FRAME_LIMITS = Limits(max_bytes=1 << 20, max_rows=5_000)

_FORMAT = ColumnFormat(
    pa.schema(
        [
            pa.field("point", pa.uint32()),
            pa.field("value", pa.float64()),
            pa.field("quality", pa.uint16()),
            pa.field("offset_ms", pa.int32()),
        ]
    ),
    FRAME_LIMITS,
)
_MAX_OFFSET_MS = 60_000


@dataclass(frozen=True, slots=True)
class ScadaFrame:
    """One scan of one area.

    Parameters
    ----------
    area
        Area number, the partition it travels on.
    source
        The gateway that made it.
    sequence
        The gateway's running number.
    scan_time
        Nominal time of the scan, ns UTC.
    version
        1 for a first sending; a correction of the same points and times is higher.
    point
        Point numbers of the register, shape (n_rows,).
    value
        Values in the register's unit before scaling, finite, shape (n_rows,).
    quality
        `records.quality.Quality` bits, shape (n_rows,).
    offset_ms
        Each measurement's own time after `scan_time`, shape (n_rows,).
    """

    area: int
    source: str
    sequence: int
    scan_time: int
    version: int
    point: npt.NDArray[np.uint32]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]
    offset_ms: npt.NDArray[np.int32]

    @property
    def time(self) -> npt.NDArray[np.int64]:
        """Each measurement's own time, ns UTC, shape (n_rows,)."""
        return self.scan_time + self.offset_ms.astype(np.int64) * 1_000_000


class _JsonFrame(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON form accepted at the edge for people and small systems."""

    area: int
    source: str
    sequence: int
    scan_time: int
    point: list[int]
    value: list[float]
    version: int = 1
    quality: list[int] | None = None
    offset_ms: list[int] | None = None


_JSON = msgspec.json.Decoder(_JsonFrame)


def frame_value(frame: ScadaFrame) -> bytes:
    """Encode a frame as the value of its record."""
    metadata = {
        "area": frame.area,
        "source": frame.source,
        "sequence": frame.sequence,
        "scan_time": frame.scan_time,
        "version": frame.version,
    }
    columns = {
        "point": frame.point,
        "value": frame.value,
        "quality": frame.quality,
        "offset_ms": frame.offset_ms,
    }
    return _FORMAT.encode(columns, metadata)


def frame_record(topic: str, frame: ScadaFrame) -> Outgoing:
    """Encode a frame as the record of its area's partition."""
    headers = event_headers(
        FRAME_TYPE,
        frame.source,
        event_id=f"{frame.source}-{frame.area}-{frame.sequence}-{frame.version}",
        content_type=ARROW_TYPE,
    )
    return Outgoing(topic, frame.area, frame_value(frame), str(frame.area).encode(), headers)


def decode_frame(record: LogRecord) -> ScadaFrame:
    """Read a frame, Arrow or JSON by its content type.

    Raises
    ------
    RecordError
        When the record cannot be read, carries values that are not finite, or claims another
        area than its partition.
    """
    if record.headers.get("content-type") == "application/json":
        frame = _from_json(record.value)
    else:
        columns, metadata = _FORMAT.decode(record.value)
        try:
            frame = ScadaFrame(
                int(metadata["area"]),
                str(metadata["source"]),
                int(metadata["sequence"]),
                int(metadata["scan_time"]),
                int(metadata["version"]),
                **columns,
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RecordError(Reason.SCHEMA_MISMATCH, f"metadata: {error!r}"[:200]) from error
    _check(frame, record.partition)
    return frame


def _from_json(value: bytes) -> ScadaFrame:
    if len(value) > FRAME_LIMITS.max_bytes:
        raise RecordError(
            Reason.OVERSIZED, f"{len(value)} bytes, at most {FRAME_LIMITS.max_bytes} are read"
        )
    try:
        raw = _JSON.decode(value)
        n_rows = len(raw.point)
        quality = [0] * n_rows if raw.quality is None else raw.quality
        offset = [0] * n_rows if raw.offset_ms is None else raw.offset_ms
        return ScadaFrame(
            raw.area,
            raw.source,
            raw.sequence,
            raw.scan_time,
            raw.version,
            np.array(raw.point, np.uint32),
            np.array(raw.value, np.float64),
            np.array(quality, np.uint16),
            np.array(offset, np.int32),
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Reason.UNDECODABLE, str(error)[:200]) from error
    except (ValueError, OverflowError) as error:
        raise RecordError(Reason.SCHEMA_MISMATCH, str(error)[:200]) from error


def _check(frame: ScadaFrame, partition: int) -> None:
    n_rows = len(frame.point)
    if n_rows > FRAME_LIMITS.max_rows:
        raise RecordError(
            Reason.OVERSIZED, f"{n_rows} rows, at most {FRAME_LIMITS.max_rows} are read"
        )
    if not len(frame.value) == len(frame.quality) == len(frame.offset_ms) == n_rows:
        raise RecordError(Reason.SCHEMA_MISMATCH, "columns differ in length")
    if frame.area != partition:
        raise RecordError(
            Reason.WRONG_PARTITION, f"area {frame.area} was sent to partition {partition}"
        )
    if not 1 <= frame.version < 2**31:
        raise RecordError(Reason.SCHEMA_MISMATCH, f"version is {frame.version}"[:200])
    if not -(2**63) <= frame.sequence < 2**63:
        raise RecordError(Reason.SCHEMA_MISMATCH, f"sequence is {frame.sequence}"[:200])
    if not 0 < frame.scan_time < 2**62:
        raise RecordError(Reason.TIME_OUT_OF_BOUNDS, f"scan_time is {frame.scan_time}"[:200])
    if (
        n_rows
        and not -_MAX_OFFSET_MS
        <= int(frame.offset_ms.min())
        <= int(frame.offset_ms.max())
        <= _MAX_OFFSET_MS
    ):
        raise RecordError(
            Reason.TIME_OUT_OF_BOUNDS,
            f"offset_ms beyond {_MAX_OFFSET_MS * 1_000_000 // SECOND} s of the scan",
        )
    if np.count_nonzero(np.isfinite(frame.value)) != n_rows:
        raise RecordError(Reason.NOT_FINITE, "a value is NaN or infinite")
