from datetime import UTC, date
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from records.time import HOUR, parse_time
from stream.local_clock import LocalClock

MELBOURNE = ZoneInfo("Australia/Melbourne")
CLOCK = LocalClock(MELBOURNE)


def test_summer_time_begins_at_its_instant() -> None:
    before = parse_time("2014-10-04T15:59:59Z")
    assert CLOCK.offset(before) == 10 * HOUR
    assert CLOCK.offset(before + 1_000_000_000) == 11 * HOUR


def test_slots_are_hours_of_three_day_types() -> None:
    monday_noon, saturday_one, sunday_midnight = (
        "2014-11-10T01:00:00Z",
        "2014-11-14T14:30:00Z",
        "2014-11-15T13:00:00Z",
    )
    assert CLOCK.slot(parse_time(monday_noon)) == 12
    assert CLOCK.slot(parse_time(saturday_one)) == 24 + 1
    assert CLOCK.slot(parse_time(sunday_midnight)) == 48


def test_a_holiday_counts_as_a_sunday() -> None:
    cup_day = LocalClock(MELBOURNE, [date(2014, 11, 4)])
    assert cup_day.slot(parse_time("2014-11-04T01:00:00Z")) == 48 + 12


@given(st.integers(0, 2_000_000_000))
def test_the_table_agrees_with_the_timezone_library(second: int) -> None:
    from datetime import datetime

    if not second > 700_000_000:
        second += 700_000_000
    moment = datetime.fromtimestamp(second, UTC).astimezone(MELBOURNE)
    offset = moment.utcoffset()
    assert offset is not None
    assert CLOCK.offset(second * 1_000_000_000) == offset.total_seconds() * 1e9
