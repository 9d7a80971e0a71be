"""Records of every type as plain JSON, for people and for programs in other languages.

Times are RFC 3339 text, durations ISO 8601; a number that is not known is null, never NaN.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from records.alarm import ALARM_TYPE, decode_alarm
from records.deadletter import DEAD_LETTER_TYPE, decode_dead_letter
from records.deadline import DEADLINE_TYPE, decode_deadline
from records.envelope import event_type, watermark_of
from records.errors import RecordError
from records.finding import FINDING_TYPE, decode_findings
from records.forecast import FORECAST_TYPE, decode_forecast
from records.late import LATE_PARTS_TYPE, LATE_TYPE, decode_late, decode_late_parts
from records.log import LogRecord
from records.meter import METER_TYPE, decode_meter
from records.meter_approval import APPROVAL_TYPE, decode_approval
from records.meter_estimate import ESTIMATE_TYPE, decode_estimate
from records.operator_act import ACT_TYPE, decode_act
from records.rupture import RUPTURE_TYPE, decode_ruptures
from records.scada import FRAME_TYPE, decode_frame
from records.state import STATE_TYPE, as_floats, decode_state
from records.tick import TICK_TYPE, decode_tick
from records.time import format_duration, format_time
from records.view import VIEW_TYPE, decode_view
from records.weather import WEATHER_TYPE, decode_weather
from records.window import WINDOW_TYPE, decode_window

__all__ = ["as_json_line", "as_tree"]

_TIMES = {
    "acknowledged", "append_time", "at", "available_at", "cleared", "decided_at", "detected_at",
    "due_from",
    "issue_time", "known", "known_at", "profile_from", "profile_until", "raised", "scan_time",
    "shelved_until", "since", "start", "time", "until", "updated", "valid_time",
}  # fmt: skip
_DURATIONS = {"length", "period", "permitted"}


def as_tree(record: LogRecord) -> dict[str, Any]:
    """Where a record stands, what it is, and its content under ``data``.

    Content that cannot be read is given as ``error`` and base64 ``bytes`` instead.
    """
    tree: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "append_time": format_time(record.append_time),
        "key": record.key.decode(errors="replace"),
    }
    try:
        kind = event_type(record.headers)
        tree["type"] = kind
        watermark = watermark_of(record.headers)
        if watermark is not None:
            tree["watermark"] = format_time(watermark)
        if kind not in _READERS:
            raise ValueError(f"type {kind} is not in the catalogue")
        tree["data"] = _READERS[kind](record)
    except (RecordError, msgspec.DecodeError, ValueError) as error:
        tree["error"] = str(error)
        tree["bytes"] = base64.b64encode(record.value).decode()
    return tree


def as_json_line(record: LogRecord) -> str:
    """Return `as_tree` as one line of strict JSON."""
    return json.dumps(as_tree(record), separators=(",", ":"), allow_nan=False)


def _plain(value: Any, name: str = "") -> Any:
    """Builtins only: no NaN, times and durations as text."""
    if isinstance(value, dict):
        return {key: _plain(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), name)
    if isinstance(value, list | tuple):
        return [_plain(inner, name) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and name in _TIMES:
        return format_time(value)
    if isinstance(value, int) and name in _DURATIONS:
        return format_duration(value)
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _fields(value: object) -> Any:
    """Content of a frozen dataclass of arrays."""
    return _plain({name: getattr(value, name) for name in type(value).__slots__})  # type: ignore[attr-defined]


def _struct(value: object) -> Any:
    return _plain(msgspec.to_builtins(value, builtin_types=(bytes,)))


def _state(record: LogRecord) -> Any:
    state = decode_state(record.value)
    tree = msgspec.structs.asdict(state)
    columns = {k: as_floats(v) for k, v in tree.items() if isinstance(v, bytes)}
    parts = {name: msgspec.to_builtins(tree[name]) for name in ("removed", "regions")}
    # Nothing was switched before the epoch: 0 is the case itself.
    parts["topology_since"] = format_time(state.topology_since) if state.topology_since else None
    return _plain({**tree, **columns, **parts})


def _forecast(record: LogRecord) -> Any:
    level = decode_forecast(record.value)
    meta = msgspec.to_builtins(level.meta)
    for row, name in enumerate(level.series):
        meta["series"][name]["mean"] = level.values[row, 0]
        meta["series"][name]["quantile_values"] = level.values[row, 1:]
    return {"level": level.level, **_plain(meta)}


_READERS: dict[str, Callable[[LogRecord], Any]] = {
    TICK_TYPE: lambda record: _struct(decode_tick(record.value)),
    FRAME_TYPE: lambda record: _fields(decode_frame(record)),
    METER_TYPE: lambda record: _struct(decode_meter(record)),
    APPROVAL_TYPE: lambda record: _struct(decode_approval(record)),
    ESTIMATE_TYPE: lambda record: _struct(decode_estimate(record.value)),
    WEATHER_TYPE: lambda record: _struct(decode_weather(record)),
    VIEW_TYPE: lambda record: _fields(decode_view(record.value)),
    WINDOW_TYPE: lambda record: _fields(decode_window(record.value)),
    LATE_TYPE: lambda record: _fields(decode_late(record.value)),
    LATE_PARTS_TYPE: lambda record: _fields(decode_late_parts(record.value)),
    FINDING_TYPE: lambda record: _struct(decode_findings(record.value)),
    STATE_TYPE: _state,
    ALARM_TYPE: lambda record: _struct(decode_alarm(record.value)),
    ACT_TYPE: lambda record: _struct(decode_act(record.value)),
    FORECAST_TYPE: _forecast,
    RUPTURE_TYPE: lambda record: _struct(decode_ruptures(record.value)),
    DEADLINE_TYPE: lambda record: _struct(decode_deadline(record.value)),
    DEAD_LETTER_TYPE: lambda record: _struct(decode_dead_letter(record.value)),
}
