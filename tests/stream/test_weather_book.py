from __future__ import annotations

import numpy as np

from records.snapshot import pack, unpack
from records.time import HOUR, MINUTE
from records.weather import WeatherQuantity, WeatherRecord
from stream.weather_book import WeatherBook


def book() -> WeatherBook:
    return WeatherBook(["north", "south"], 0, HOUR, np.empty((0, 2)))


def told(
    values: list[float | None],
    start: int = 0,
    spacing: int = HOUR,
    issue: int | None = None,
    station: str = "north",
) -> WeatherRecord:
    times = [start + i * spacing for i in range(len(values))]
    return WeatherRecord(station, WeatherQuantity.TEMPERATURE, issue, start, times, values)


def test_observations_stand_up_to_now_and_the_newest_forecast_after() -> None:
    weather = book()
    weather.take(told([10.0, 11.0, 12.0]))
    weather.take(told([0.0, 0.0, 13.0, 14.0], issue=0))
    path = weather.path(now=2 * HOUR, since=0, until=4 * HOUR)
    assert path[:, 0].tolist() == [10.0, 11.0, 13.0, 14.0]
    assert np.isnan(path[:, 1]).all()


def test_an_older_vintage_that_arrives_late_changes_nothing() -> None:
    weather = book()
    weather.take(told([5.0, 6.0], issue=2 * HOUR))
    weather.take(told([1.0, 1.0], issue=HOUR))
    assert weather.path(now=0, since=0, until=2 * HOUR)[:, 0].tolist() == [5.0, 6.0]
    assert weather.vintages() == {"north": 2 * HOUR}


def test_finer_values_are_averaged_and_coarser_ones_drawn_as_lines() -> None:
    weather = book()
    weather.take(told([1.0, 3.0, None, 5.0], spacing=30 * MINUTE))
    weather.take(told([0.0, 3.0], spacing=3 * HOUR, station="south"))
    path = weather.path(now=4 * HOUR, since=0, until=4 * HOUR)
    assert path[:2, 0].tolist() == [2.0, 5.0]
    assert path[:, 1].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_a_station_or_quantity_not_in_use_is_refused() -> None:
    weather = book()
    assert not weather.take(told([1.0], station="west"))
    wind = WeatherRecord("north", WeatherQuantity.WIND, None, 0, [0], [1.0])
    assert not weather.take(wind)


def test_a_restored_book_tells_the_same() -> None:
    weather = book()
    weather.take(told([10.0, 11.0]))
    weather.take(told([20.0, 21.0], start=2 * HOUR, issue=2 * HOUR))
    again = WeatherBook.load(unpack(pack(weather.dump())))
    np.testing.assert_array_equal(
        again.path(2 * HOUR, HOUR, 4 * HOUR), weather.path(2 * HOUR, HOUR, 4 * HOUR)
    )
