"""The weather of a dataset: observations, and forecasts as they were issued."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from ingest.dataset.columns import NO_TIME, Coded, float_column, text_column, time_column
from ingest.dataset.grid import complain_repeats, first_rows, usual_step
from ingest.dataset.tables import RawTable
from records.time import HOUR
from records.weather import WeatherQuantity

__all__ = [
    "WEATHER_OPTIONAL",
    "WEATHER_REQUIRED",
    "WeatherForecasts",
    "WeatherGrid",
    "WeatherObservations",
    "read_weather",
]

WEATHER_REQUIRED = ("station", "valid_time", "quantity", "value")
WEATHER_OPTIONAL = ("issue_time",)
_QUANTITIES = tuple(WeatherQuantity)
_PLAUSIBLE = {
    WeatherQuantity.TEMPERATURE: (-95.0, 65.0),
    WeatherQuantity.WIND: (0.0, 120.0),
    WeatherQuantity.IRRADIANCE: (-50.0, 2_000.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class WeatherGrid:
    """Observations of one quantity, each the mean of its interval.

    Parameters
    ----------
    stations
        Station ids, length n_stations.
    step_ns
        Usual distance of two observations, taken as their length, ns.
    times
        Interval starts, ns UTC, ascending, shape (n_times,).
    values
        In the quantity's unit, NaN where missing, shape (n_times, n_stations).
    """

    stations: tuple[str, ...]
    step_ns: int
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WeatherObservations:
    """Observations by quantity; a quantity that was never observed is absent."""

    grids: dict[WeatherQuantity, WeatherGrid]


@dataclass(frozen=True, slots=True, eq=False)
class WeatherForecasts:
    """Forecasts as issued, one value a row, sorted by issue, quantity, station and time.

    Parameters
    ----------
    stations
        Station ids.
    station, quantity
        Indices into `stations` and into the members of `WeatherQuantity`, shape (n_values,).
    issue_time, valid_time
        ns UTC, shape (n_values,).
    value
        In the quantity's unit, NaN where missing, shape (n_values,).
    """

    stations: tuple[str, ...]
    station: npt.NDArray[np.int64]
    quantity: npt.NDArray[np.int64]
    issue_time: npt.NDArray[np.int64]
    valid_time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.value)


def read_weather(
    table: RawTable, timezone: str
) -> tuple[WeatherObservations, WeatherForecasts] | None:
    """Read the weather table; None when a problem was found."""
    station = text_column(table, "station")
    quantity = text_column(table, "quantity")
    times = time_column(table, "valid_time")
    value = float_column(table, "value")
    issue = (
        time_column(table, "issue_time", required=False).ns
        if "issue_time" in table
        else np.full(table.n_rows, NO_TIME)
    )
    kind = _kinds(table, quantity)
    complain_repeats(
        table,
        times,
        (station.code, kind, issue),
        timezone,
        lambda row: f"{station.at(row)} {quantity.at(row)}",
    )
    _complain_implausible(table, kind, value)
    if table.problems:
        return None
    names, code = _sorted_names(station)
    grids: dict[WeatherQuantity, WeatherGrid] = {}
    observed = issue == NO_TIME
    for number, entry in enumerate(_QUANTITIES):
        rows = np.flatnonzero(observed & (kind == number))
        if len(rows):
            grids[entry] = _grid(names, code[rows], times.ns[rows], value[rows])
    rows = np.flatnonzero(~observed)
    rows = rows[np.lexsort((times.ns[rows], code[rows], kind[rows], issue[rows]))]
    forecasts = WeatherForecasts(
        names, code[rows], kind[rows], issue[rows], times.ns[rows], value[rows]
    )
    return WeatherObservations(grids), forecasts


def _kinds(table: RawTable, quantity: Coded) -> npt.NDArray[np.int64]:
    numbers = {entry.value: number for number, entry in enumerate(_QUANTITIES)}
    kind = np.array([*(numbers.get(name, -1) for name in quantity.names), -1])[quantity.code]
    for row in first_rows(quantity.code, (kind < 0) & (quantity.code >= 0)).tolist():
        table.complain(
            row, f"quantity {quantity.at(row)!r} is not known", f"write {', '.join(_QUANTITIES)}"
        )
    return kind


def _complain_implausible(
    table: RawTable, kind: npt.NDArray[np.int64], value: npt.NDArray[np.float64]
) -> None:
    """Tell values that no place on earth has: most often another unit."""
    for number, entry in enumerate(_QUANTITIES):
        low, high = _PLAUSIBLE[entry]
        off = np.isfinite(value) & (kind == number) & ((value < low) | (value > high))
        table.complain_rows(
            np.flatnonzero(off),
            partial(_outside, entry.value, value, low, high),
            "convert it to the quantity's unit",
        )


def _outside(name: str, value: npt.NDArray[np.float64], low: float, high: float, row: int) -> str:
    return f"{name} is {value[row]:g}, outside {low:g} to {high:g}"


def _sorted_names(station: Coded) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    used = np.unique(station.code)
    names = tuple(sorted(station.names[code] for code in used.tolist()))
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place.get(name, -1) for name in station.names])[station.code]


def _grid(
    names: tuple[str, ...],
    code: npt.NDArray[np.int64],
    ns: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
) -> WeatherGrid:
    present = np.unique(code)
    times, position = np.unique(ns, return_inverse=True)
    values = np.full((len(times), len(present)), np.nan)
    values[position, np.searchsorted(present, code)] = value
    stations = tuple(names[number] for number in present.tolist())
    return WeatherGrid(stations, usual_step(times) or HOUR, times, values)
