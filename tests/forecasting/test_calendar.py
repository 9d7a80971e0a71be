import numpy as np
import pytest

from forecasting.calendar import HOLIDAY, NS_PER_DAY, Calendar
from forecasting.holidays import country_holidays

HALF_HOUR = 1_800_000_000_000


def starts(first: str, n: int, step: int = 2 * HALF_HOUR) -> np.ndarray:
    return np.datetime64(first, "ns").astype(np.int64) + step * np.arange(n, dtype=np.int64)


def on(calendar: Calendar, day: str, column: str) -> float:
    """Value at local noon of a day in UTC (all tests below use UTC calendars)."""
    return float(calendar.predictors(starts(f"{day}T12", 1))[column][0])


def test_a_spring_day_has_23_hours_and_skips_the_instant_that_does_not_occur():
    calendar = Calendar("Europe/Paris", 2 * HALF_HOUR)
    day = starts("2024-03-30T23", 24)  # local midnight of 31 March
    instants = calendar.instant(day)
    assert 2 not in instants[:23]
    assert np.unique(calendar.day(day[:23])).size == 1
    assert calendar.day(day)[23] == calendar.day(day)[0] + 1


def test_an_autumn_day_has_25_hours_and_repeats_one_instant():
    calendar = Calendar("Europe/Paris", 2 * HALF_HOUR)
    day = starts("2024-10-26T22", 25)
    assert np.unique(calendar.day(day)).size == 1
    assert np.count_nonzero(calendar.instant(day) == 2) == 2


def test_eight_in_the_morning_stays_there_through_a_clock_change():
    calendar = Calendar("Europe/Paris", 2 * HALF_HOUR)
    before, after = starts("2024-03-30T07", 1), starts("2024-03-31T06", 1)
    assert calendar.instant(before)[0] == calendar.instant(after)[0] == 8


def test_summer_time_is_flagged_on_both_hemispheres():
    january, july = starts("2024-01-15T00", 1), starts("2024-07-15T00", 1)
    for zone, summer, winter in (
        ("Europe/Paris", july, january),
        ("Australia/Melbourne", january, july),
    ):
        calendar = Calendar(zone, HALF_HOUR)
        assert calendar.predictors(summer)["dst"][0] == 1.0
        assert calendar.predictors(winter)["dst"][0] == 0.0


def test_a_fixed_offset_never_changes_its_clock():
    calendar = Calendar("Etc/GMT+5", 2 * HALF_HOUR)
    year = starts("2024-01-01T05", 24 * 366)
    assert (calendar.instant(year) == np.arange(24 * 366) % 24).all()
    assert calendar.predictors(year)["dst"].max() == 0.0


def test_the_days_around_a_holiday_are_told_apart():
    # Thursday 9 May 2024: eve Wednesday, bridge Friday.
    calendar = Calendar("UTC", HALF_HOUR, np.array(["2024-05-09"], dtype="datetime64[D]"))
    assert on(calendar, "2024-05-09", "day_class") == HOLIDAY
    assert on(calendar, "2024-05-08", "eve") == 1.0
    assert on(calendar, "2024-05-10", "bridge") == 1.0
    assert on(calendar, "2024-05-10", "after_holiday") == 1.0
    assert on(calendar, "2024-05-10", "day_class") == 4.0
    assert on(calendar, "2024-05-11", "bridge") == 0.0


def test_a_monday_before_a_tuesday_holiday_is_a_bridge():
    calendar = Calendar("UTC", HALF_HOUR, np.array(["2024-05-07"], dtype="datetime64[D]"))
    assert on(calendar, "2024-05-06", "bridge") == 1.0
    assert on(calendar, "2024-05-06", "eve") == 1.0


def test_time_of_year_runs_from_zero_to_one_in_leap_years_too():
    calendar = Calendar("UTC", HALF_HOUR)
    values = calendar.predictors(starts("2024-01-01T00", 48 * 366, HALF_HOUR))["time_of_year"]
    assert values[0] == 0.0
    assert values[-1] == pytest.approx(1.0 - 1 / (48 * 366))
    assert (np.diff(values) > 0).all()


def test_vacations_mark_working_days_only():
    week = np.arange("2024-07-08", "2024-07-15", dtype="datetime64[D]")
    calendar = Calendar("UTC", HALF_HOUR, vacations=week)
    assert on(calendar, "2024-07-10", "vacation") == 1.0
    assert on(calendar, "2024-07-13", "vacation") == 0.0


def test_a_step_that_does_not_divide_a_day_is_refused():
    with pytest.raises(ValueError, match="does not divide a day"):
        Calendar("UTC", NS_PER_DAY // 7 + 1)


def test_country_holidays_know_subdivisions_and_refuse_unknown_codes():
    cup = np.datetime64("2023-11-07").astype(np.int64)
    assert cup in country_holidays("AU-VIC", 2023, 2023)
    assert cup not in country_holidays("AU-NSW", 2023, 2023)
    with pytest.raises(ValueError, match="no holiday calendar"):
        country_holidays("ZZ", 2023, 2023)
