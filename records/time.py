"""The time base: int64 nanoseconds since the epoch in UTC, and ISO 8601 at the edges.

Intervals are ``[start, end)`` and labelled by their start.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "floor_time",
    "format_duration",
    "format_time",
    "from_datetime",
    "is_time",
    "parse_duration",
    "parse_time",
]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


def is_time(number: int) -> bool:
    """Whether a number can be a time (ns UTC) of a record: from 1970 to 2116.

    Within these, times and their differences fit into 64 bits.

    >>> is_time(0), is_time(-1), is_time(10**30)
    (True, False, False)
    """
    return 0 <= number < 2**62


def from_datetime(moment: datetime) -> int:
    """Nanoseconds since the epoch of a timezone-aware moment.

    Raises
    ------
    ValueError
        If `moment` carries no timezone: a naive time is ambiguous.
    """
    if moment.tzinfo is None:
        raise ValueError(f"time {moment.isoformat()} has no timezone; write e.g. 2014-01-01T00:00Z")
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1_000


def parse_time(text: str) -> int:
    """Parse an RFC 3339 time with a zone into nanoseconds since the epoch.

    >>> parse_time("1970-01-01T00:00:01Z")
    1000000000
    """
    return from_datetime(datetime.fromisoformat(text))


def format_time(time_ns: int) -> str:
    """Format nanoseconds since the epoch as RFC 3339 in UTC.

    >>> format_time(1_500_000_000)
    '1970-01-01T00:00:01.500000Z'
    >>> format_time(0)
    '1970-01-01T00:00:00Z'
    """
    moment = _EPOCH + timedelta(microseconds=time_ns // 1_000)
    return moment.isoformat().replace("+00:00", "Z")


def parse_duration(text: str) -> int:
    """Parse an ISO 8601 duration of fixed length (weeks to seconds) into nanoseconds.

    >>> parse_duration("PT5H30M") // MINUTE
    330
    """
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groupdict().values()):
        raise ValueError(f"duration {text!r} is not of the form P1D, PT5M or PT5H30M")
    parts = {name: int(value or 0) for name, value in match.groupdict().items()}
    return (
        parts["weeks"] * 7 * DAY
        + parts["days"] * DAY
        + parts["hours"] * HOUR
        + parts["minutes"] * MINUTE
        + parts["seconds"] * SECOND
    )


def format_duration(duration_ns: int) -> str:
    """Format a non-negative duration of whole seconds as ISO 8601, days only if whole.

    >>> format_duration(90 * MINUTE), format_duration(DAY), format_duration(0)
    ('PT1H30M', 'P1D', 'PT0S')
    """
    if duration_ns > 0 and duration_ns % DAY == 0:
        return f"P{duration_ns // DAY}D"
    seconds = duration_ns // SECOND
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = [(hours, "H"), (minutes, "M"), (rest, "S")]
    text = "".join(f"{number}{unit}" for number, unit in parts if number)
    return f"PT{text or '0S'}"


def floor_time(time_ns: int, step_ns: int) -> int:
    """Return the start of the interval of length `step_ns` that holds `time_ns`.

    >>> floor_time(7 * MINUTE, 5 * MINUTE) // MINUTE
    5
    """
    return time_ns - time_ns % step_ns
