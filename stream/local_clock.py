"""Local hours, day types and days, from a table made once: no zone look-up while running."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from datetime import UTC, date, datetime, tzinfo

from records.time import DAY, HOUR, SECOND

__all__ = ["N_SLOTS", "LocalClock"]

N_SLOTS = 72
"""24 hours of three day types: workday, Saturday, Sunday or holiday."""

_FIRST_YEAR, _LAST_YEAR = 1990, 2060
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0.


class LocalClock:
    """Slots of typical values: hour of the local day times day type.

    Parameters
    ----------
    timezone
        The area's timezone. Changes of its offset between 1990 and 2060 are known; outside,
        the nearest one holds.
    holidays
        Local dates that count as Sundays.

    Examples
    --------
    >>> clock = LocalClock(UTC)
    >>> clock.slot(0), clock.slot(2 * DAY + 5 * HOUR)  # a Thursday, a Saturday
    (0, 29)
    """

    def __init__(self, timezone: tzinfo, holidays: Collection[date] = ()) -> None:
        self._starts, self._offsets = _offset_table(timezone)
        epoch = date(1970, 1, 1)
        self._holidays = frozenset((day - epoch).days for day in holidays)
        self._begun: dict[int, int] = {}

    def offset(self, time_ns: int) -> int:
        """Return local time less UTC, ns."""
        place = max(bisect_right(self._starts, time_ns) - 1, 0)
        return self._offsets[place]

    def slot(self, time_ns: int) -> int:
        """Return the slot of `time_ns` (ns UTC), 0 to 71: ``24 * day_type + hour``."""
        local = time_ns + self.offset(time_ns)
        day, within = divmod(local, DAY)
        weekday = (day + _EPOCH_WEEKDAY) % 7
        day_type = 1 if weekday == 5 else 0
        if weekday == 6 or day in self._holidays:
            day_type = 2
        return 24 * day_type + within // HOUR

    def day(self, time_ns: int) -> tuple[int, int]:
        """Start and end (ns UTC) of the local day that holds `time_ns`, 23 to 25 hours apart.

        A day begins when its date first comes up: at midnight, or later where the clock skips it.

        >>> clock = LocalClock(UTC)
        >>> clock.day(5 * HOUR) == (0, DAY)
        True
        """
        date_number = (time_ns + self.offset(time_ns)) // DAY
        # A clock put back over midnight shows yesterday's date again: today has begun all the same.
        start, end = self._begin(date_number), self._begin(date_number + 1)
        if end <= time_ns:
            start, end = end, self._begin(date_number + 2)
        return start, end

    def _begin(self, date_number: int) -> int:
        """First time (ns UTC) at which the local date is so many days from 1970 or later."""
        begun = self._begun.get(date_number)
        if begun is None:
            begun = self._begun[date_number] = self._sought(date_number)
        return begun

    def _sought(self, date_number: int) -> int:
        midnight = date_number * DAY
        first = max(bisect_right(self._starts, midnight - 2 * DAY) - 1, 0)
        for place in range(first, len(self._starts)):
            begun = midnight - self._offsets[place]
            if place:
                begun = max(begun, self._starts[place])
            if place + 1 == len(self._starts) or begun < self._starts[place + 1]:
                return begun
        raise AssertionError("the last period has no end")


def _offset_table(timezone: tzinfo) -> tuple[list[int], list[int]]:
    """Starts (ns UTC) and offsets (ns) of each period of constant offset, to the second."""
    first = int(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(_LAST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    starts, offsets = [first], [_seconds(timezone, first)]
    for day in range(first, last, 86_400):
        low, high = day, day + 86_400
        after = _seconds(timezone, high)
        if after == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if _seconds(timezone, middle) == offsets[-1]:
                low = middle
            else:
                high = middle
        starts.append(high)
        offsets.append(after)
    return [start * SECOND for start in starts], [offset * SECOND for offset in offsets]


def _seconds(timezone: tzinfo, moment: int) -> int:
    offset = datetime.fromtimestamp(moment, timezone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
