"""Working days, in which settlement counts its delays."""

from __future__ import annotations

from stream.local_clock import LocalClock

__all__ = ["due_after"]

_HOURS = 24


def due_after(clock: LocalClock, time_ns: int, working_days: int) -> int:
    """Return the end (ns UTC) of the n-th working day after the local day that holds a time.

    With no working days it is the end of that day itself.

    Examples
    --------
    >>> from datetime import UTC, date
    >>> from records.time import format_time, parse_time
    >>> friday = parse_time("2014-11-07T12:00:00Z")
    >>> format_time(due_after(LocalClock(UTC, [date(2014, 11, 11)]), friday, 2))
    '2014-11-13T00:00:00Z'
    """
    start, end = clock.day(time_ns)
    while working_days:
        start, end = clock.day(end)
        working_days -= clock.slot(start) < _HOURS
    return end
