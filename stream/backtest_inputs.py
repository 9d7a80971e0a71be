"""From a dataset to what a backtest may use, and the audit that refuses leaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.calendar import Calendar
from forecasting.known import NEVER, KnownLoads
from forecasting.rolling_origin import Origins
from ingest.dataset import Dataset, WeatherForecasts
from ingest.dataset.load import LoadReadings
from records.time import HOUR, format_time
from records.weather import WeatherQuantity, WeatherRecord
from stream.backtest_protocol import Protocol, ProtocolError
from stream.dataset_plan import hierarchy_of, station_weights
from stream.weather_book import WeatherBook

__all__ = ["BacktestInputs", "LeakError", "backtest_inputs", "issued_paths", "refuse_early"]

_FAR_LEAD = 6 * HOUR
_ALIKE = 0.9  # share of forecasts far ahead that no forecaster gets exactly right
_LEAST = 24


class LeakError(ValueError):
    """A value would have been used before it was there."""

    def __init__(self, series: str, valid_time: int, available_at: int, why: str) -> None:
        self.series, self.valid_time, self.available_at = series, valid_time, available_at
        super().__init__(
            f"leak: series {series}, valid_time {format_time(valid_time)}, "
            f"available_at {format_time(available_at)}: {why}"
        )


@dataclass(frozen=True, slots=True)
class BacktestInputs:
    """Loads by when they were known, and the weather.

    Parameters
    ----------
    stations
        Names, in the order of the columns; empty without weather.
    observed
        Temperatures, degC, shape (n_times, n_stations).
    weights
        Weight of each station for each node, shape (n_nodes, n_stations).
    n_train
        Steps before the test window.
    """

    calendar: Calendar
    known: KnownLoads
    stations: tuple[str, ...]
    observed: FloatArray
    weights: FloatArray | None
    n_train: int


def backtest_inputs(dataset: Dataset, protocol: Protocol) -> BacktestInputs:
    """Return the inputs between the start of the training and the end of the test.

    Raises
    ------
    ProtocolError
        When the data does not cover the protocol.
    LeakError
        When the data says of a value that it came before it could, or its weather forecasts
        cannot have been made at the time they claim.
    """
    spec = dataset.hierarchy
    step, load = spec.step_ns, dataset.load
    refuse_early(load)
    first, last = int(load.valid_time.min()), int(load.valid_time.max()) + step
    start = protocol.train_start + (first - protocol.train_start) % step
    end = protocol.test_end - (protocol.test_end - start) % step
    for key, moment in (("train_start", start), ("test_end", end)):
        if not first <= moment <= last:
            raise ProtocolError(
                f"{key}: {format_time(moment)} is outside the data, which is from "
                f"{format_time(first)} to {format_time(last)}"
            )
    times = np.arange(start, end, step, dtype=np.int64)
    n_train = int(np.searchsorted(times, protocol.test_start))
    stations, weights = station_weights(dataset)
    grid = dataset.observations.grids.get(WeatherQuantity.TEMPERATURE)
    observed = np.full((len(times), len(stations)), np.nan)
    if stations and grid is not None:
        book = WeatherBook(stations, start, step, observed)
        for column, station in enumerate(grid.stations):
            if station in stations:
                book.observe(station, grid.times, grid.values[:, column])
        observed = book.path(end, start, end)
    if protocol.as_issued:
        if not len(dataset.forecasts) or not stations:
            raise ProtocolError(
                "weather: 'as_issued' needs weather forecasts with issue_time in the dataset; "
                "add them, or write 'actual'"
            )
        _audit_weather(dataset.forecasts, stations, times, observed, step)
    return BacktestInputs(
        Calendar(spec.timezone, step, dataset.holidays),
        _known(dataset, times),
        stations,
        observed,
        weights,
        n_train,
    )


def refuse_early(load: LoadReadings) -> None:
    """Refuse readings that claim to be known before their interval is over.

    Raises
    ------
    LeakError
        With the first of them.
    """
    early = np.flatnonzero(load.available_at < load.valid_time + load.step_ns)
    if len(early):
        row = int(early[0])
        raise LeakError(
            load.series[load.row[row]],
            int(load.valid_time[row]),
            int(load.available_at[row]),
            "a mean cannot be known before its interval is over",
        )


def _known(dataset: Dataset, times: IntArray) -> KnownLoads:
    load, step = dataset.load, dataset.hierarchy.step_ns
    tree = hierarchy_of(dataset.hierarchy)
    place = (load.valid_time - times[0]) // step
    inside = (place >= 0) & (place < len(times))
    values, available = [], []
    for version in np.unique(load.version[inside]):
        rows = np.flatnonzero(inside & (load.version == version))
        one = np.full((len(times), len(load.series)), np.nan)
        when = np.full(one.shape, NEVER)
        one[place[rows], load.row[rows]] = load.load_mw[rows]
        when[place[rows], load.row[rows]] = load.available_at[rows]
        values.append(one)
        available.append(when)
    return KnownLoads(tree, times, tuple(values), tuple(available))


def _audit_weather(
    forecasts: WeatherForecasts,
    stations: tuple[str, ...],
    times: IntArray,
    observed: FloatArray,
    step: int,
) -> None:
    """Refuse forecasts that are the weather itself under another name."""
    kind = list(WeatherQuantity).index(WeatherQuantity.TEMPERATURE)
    mine = (forecasts.quantity == kind) & np.isin(
        forecasts.station, [i for i, s in enumerate(forecasts.stations) if s in stations]
    )
    late = np.flatnonzero(mine & (forecasts.issue_time >= forecasts.valid_time + step))
    if len(late):
        raise _weather_leak(forecasts, int(late[0]), "issued when its interval was over")
    place = (forecasts.valid_time - times[0]) // step
    far = mine & (forecasts.valid_time - forecasts.issue_time >= _FAR_LEAD)
    far &= (place >= 0) & (place < len(times)) & np.isfinite(forecasts.value)
    rows = np.flatnonzero(far)
    column = {name: i for i, name in enumerate(stations)}
    order = np.array([column.get(name, 0) for name in forecasts.stations])
    actual = observed[place[rows], order[forecasts.station[rows]]]
    rows, actual = rows[np.isfinite(actual)], actual[np.isfinite(actual)]
    exact = np.abs(forecasts.value[rows] - actual) < 1e-9
    if len(rows) >= _LEAST and exact.mean() > _ALIKE:
        raise _weather_leak(
            forecasts,
            int(rows[np.argmax(exact)]),
            f"{100 * exact.mean():.0f} % of the forecasts six hours and more ahead are exactly "
            "what was observed: realised weather given as a forecast",
        )


def _weather_leak(forecasts: WeatherForecasts, row: int, why: str) -> LeakError:
    return LeakError(
        forecasts.stations[forecasts.station[row]],
        int(forecasts.valid_time[row]),
        int(forecasts.issue_time[row]),
        why,
    )


def issued_paths(
    forecasts: WeatherForecasts,
    stations: tuple[str, ...],
    start: int,
    step: int,
    origins: Origins,
) -> FloatArray:
    """Return the temperatures forecast at each origin, (n_origins, n_steps, n_stations).

    Parameters
    ----------
    start, step
        Start of row 0 and length of a row, ns UTC and ns.
    """
    kind = list(WeatherQuantity).index(WeatherQuantity.TEMPERATURE)
    book = WeatherBook(stations, start, step, np.empty((0, len(stations))))
    keys = np.stack([forecasts.issue_time, forecasts.quantity, forecasts.station])
    bounds = np.flatnonzero(np.any(np.diff(keys, axis=1) != 0, axis=0)) + 1
    issues = np.split(np.arange(len(forecasts)), bounds)
    out = np.empty((len(origins.rows), origins.n_steps, len(stations)))
    taken = 0
    for number, row in enumerate(origins.rows.tolist()):
        now = start + step * row
        while taken < len(issues) and forecasts.issue_time[issues[taken][0]] <= now:
            rows = issues[taken]
            taken += 1
            if forecasts.quantity[rows[0]] == kind:
                book.take(
                    WeatherRecord(
                        forecasts.stations[forecasts.station[rows[0]]],
                        WeatherQuantity.TEMPERATURE,
                        int(forecasts.issue_time[rows[0]]),
                        int(forecasts.issue_time[rows[0]]),
                        forecasts.valid_time[rows].tolist(),
                        forecasts.value[rows].tolist(),
                    )
                )
        out[number] = book.path(start, now, now + step * origins.n_steps)
    return out
