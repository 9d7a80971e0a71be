"""Weather: observations, and forecasts as issued with their issue time."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import LogRecord, Outgoing
from records.time import is_time

__all__ = ["WEATHER_TYPE", "WeatherQuantity", "WeatherRecord", "decode_weather", "weather_record"]

WEATHER_TYPE = "gridcast.weather.v1"
_MAX_BYTES = 4 << 20


class WeatherQuantity(StrEnum):
    """What is told, with its unit."""

    TEMPERATURE = "temperature_degc"
    WIND = "wind_mps"
    IRRADIANCE = "irradiance_wm2"


class WeatherRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values of one quantity at one station, each the mean of its interval.

    `issue_time` is None for observations, else when the forecast was issued; `available_at`
    is when the record could be known. `valid_time` labels interval starts; all ns UTC.
    None in `value` is missing.
    """

    station: str
    quantity: WeatherQuantity
    issue_time: int | None
    available_at: int
    valid_time: list[int]
    value: list[float | None]


_DECODER = msgspec.json.Decoder(WeatherRecord)


def weather_record(topic: str, weather: WeatherRecord, source: str) -> Outgoing:
    """Encode a record, keyed by station."""
    issued = "observed" if weather.issue_time is None else str(weather.issue_time)
    first = weather.valid_time[0] if weather.valid_time else 0
    headers = event_headers(
        WEATHER_TYPE,
        source,
        event_id=f"{weather.station}-{weather.quantity}-{issued}-{first}",
        content_type="application/json",
    )
    return Outgoing(topic, 0, msgspec.json.encode(weather), weather.station.encode(), headers)


def decode_weather(record: LogRecord) -> WeatherRecord:
    """Read a record, or raise `RecordError`."""
    if len(record.value) > _MAX_BYTES:
        raise RecordError(Reason.OVERSIZED, f"{len(record.value)} bytes, at most {_MAX_BYTES}")
    try:
        weather = _DECODER.decode(record.value)
    except msgspec.ValidationError as error:
        raise RecordError(Reason.SCHEMA_MISMATCH, str(error)[:200]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Reason.UNDECODABLE, str(error)[:200]) from error
    if len(weather.valid_time) != len(weather.value):
        raise RecordError(Reason.SCHEMA_MISMATCH, "columns differ in length")
    known = weather.available_at if weather.issue_time is None else weather.issue_time
    if not all(map(is_time, (weather.available_at, known, *weather.valid_time))):
        raise RecordError(Reason.TIME_OUT_OF_BOUNDS, "a time before 1970 or after 2116")
    if not all(value is None or math.isfinite(value) for value in weather.value):
        raise RecordError(Reason.NOT_FINITE, "a value is NaN or infinite")
    return weather
