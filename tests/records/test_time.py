from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.time import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    floor_time,
    format_duration,
    format_time,
    parse_duration,
    parse_time,
)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no timezone"):
        parse_time("2014-01-01T00:00:00")


def test_an_offset_is_turned_into_utc() -> None:
    assert parse_time("2014-01-01T10:00:00+10:00") == parse_time("2014-01-01T00:00:00Z")


@given(st.integers(0, 2**52))
def test_times_come_back_to_the_microsecond(microseconds: int) -> None:
    assert parse_time(format_time(microseconds * 1000)) == microseconds * 1000


@given(st.integers(0, 10**7))
def test_durations_come_back_to_the_second(seconds: int) -> None:
    assert parse_duration(format_duration(seconds * SECOND)) == seconds * SECOND


def test_durations_read_as_iso_8601() -> None:
    assert parse_duration("P1DT1H") == DAY + HOUR
    assert parse_duration("P2W") == 14 * DAY
    with pytest.raises(ValueError, match="not of the form"):
        parse_duration("5m")
    with pytest.raises(ValueError, match="not of the form"):
        parse_duration("P")


def test_the_floor_of_a_time_is_the_start_of_its_interval() -> None:
    assert floor_time(14 * MINUTE, 5 * MINUTE) == 10 * MINUTE
    assert floor_time(-1, HOUR) == -HOUR
