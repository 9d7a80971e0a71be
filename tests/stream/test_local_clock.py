from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.time import DAY, HOUR, MINUTE, parse_time
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


@pytest.mark.parametrize(
    ("zone", "noon", "begins", "hours"),
    [
        # 2014, by the rules of the tz database: France and the state of Victoria.
        ("Europe/Paris", "2014-03-30T10:00Z", "2014-03-29T23:00Z", 23),
        ("Europe/Paris", "2014-10-26T10:00Z", "2014-10-25T22:00Z", 25),
        ("Europe/Paris", "2014-11-10T10:00Z", "2014-11-09T23:00Z", 24),
        ("Australia/Melbourne", "2014-10-05T02:00Z", "2014-10-04T14:00Z", 23),
        ("Australia/Melbourne", "2014-04-06T02:00Z", "2014-04-05T13:00Z", 25),
        ("Asia/Kathmandu", "2014-11-10T06:00Z", "2014-11-09T18:15Z", 24),
        # In Santiago the clock skipped from midnight to one: that day begins at one.
        ("America/Santiago", "2014-09-07T12:00Z", "2014-09-07T04:00Z", 23),
    ],
)
def test_local_days_have_23_24_or_25_hours(zone: str, noon: str, begins: str, hours: int) -> None:
    start, end = LocalClock(ZoneInfo(zone)).day(parse_time(noon))
    assert start == parse_time(begins)
    assert end - start == hours * HOUR


def test_a_clock_put_back_over_midnight_does_not_split_a_day() -> None:
    # Until 2011 clocks in St. John's were put back from 00:01 to 23:01 of the day before.
    clock = LocalClock(ZoneInfo("America/St_Johns"))
    minute_past = parse_time("2010-11-07T02:30:30Z")
    start, end = clock.day(minute_past)
    assert start == parse_time("2010-11-07T02:30Z")
    assert clock.day(minute_past + 30 * MINUTE) == (start, end)
    assert clock.day(start - 1)[1] == start


@given(second=st.integers(650_000_000, 2_800_000_000))
def test_every_time_is_in_one_local_day(second: int) -> None:
    time_ns = second * 1_000_000_000
    start, end = CLOCK.day(time_ns)
    assert start <= time_ns < end
    assert 23 * HOUR <= end - start <= 25 * HOUR
    assert (start + CLOCK.offset(start)) % DAY == 0
    assert CLOCK.day(end)[0] == end
    assert CLOCK.day(start - 1)[1] == start
