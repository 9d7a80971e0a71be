"""Ticks: the only way the wall clock enters the log.

A tick says that, on this partition, time has reached `time` even if no measurement came; it
moves the watermark and so closes idle windows.
"""

from __future__ import annotations

import msgspec

from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import Outgoing
from records.time import is_time

__all__ = ["TICK_TYPE", "Tick", "decode_tick", "tick_record"]

TICK_TYPE = "gridcast.tick.v1"
_MAX_BYTES = 1 << 10


class Tick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time (ns UTC) that a partition has reached."""

    time: int


_DECODER = msgspec.json.Decoder(Tick)


def tick_record(topic: str, partition: int, time_ns: int, source: str) -> Outgoing:
    """Build the record that tells a partition that time has reached `time_ns`."""
    headers = event_headers(
        TICK_TYPE, source, event_id=f"tick-{time_ns}", content_type="application/json"
    )
    return Outgoing(topic, partition, msgspec.json.encode(Tick(time_ns)), b"tick", headers)


def decode_tick(value: bytes) -> Tick:
    """Read a tick or raise `RecordError`."""
    if len(value) > _MAX_BYTES:
        raise RecordError(Reason.OVERSIZED, f"{len(value)} bytes, at most {_MAX_BYTES}")
    try:
        tick = _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Reason.UNDECODABLE, str(error)[:200]) from error
    if not is_time(tick.time):
        raise RecordError(Reason.TIME_OUT_OF_BOUNDS, f"time is {tick.time}"[:200])
    return tick
