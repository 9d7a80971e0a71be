"""A dataset as the records that would have carried it, in the order they became known.

Load travels as meter documents, weather as weather records, so that a replay goes through
the very same steps as live data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ingest.batch import Batch, ticks
from ingest.dataset.folder import Dataset
from ingest.dataset.load import LoadReadings
from ingest.dataset.weather import WeatherForecasts, WeatherGrid
from records.log import Outgoing
from records.meter import MeterDocument, MeterSeries, meter_record
from records.time import DAY, HOUR, format_time
from records.topics import topic_name
from records.weather import WeatherQuantity, WeatherRecord, weather_record

__all__ = ["dataset_batches", "meter_documents", "weather_records"]

_SOURCE = "dataset"
_QUANTITIES = tuple(WeatherQuantity)


def dataset_batches(
    dataset: Dataset,
    namespace: str,
    *,
    start: int,
    end: int,
    every: int | None = None,
    areas: Mapping[str, int] | None = None,
) -> Iterator[Batch]:
    """Yield what became known over ``(start, end]``, in order, each moment with its ticks.

    Parameters
    ----------
    dataset
        What is sent.
    namespace
        Namespace of the topics.
    start, end
        Period of availability, ns UTC.
    every
        Distance of the moments, ns; by default the dataset's step. What became known since
        the moment before is one document an area: with a day, one document a day.
    areas
        Area of each series; by default all are of area 0.
    """
    every = every or dataset.hierarchy.step_ns
    areas = areas or {}
    meters, weather = topic_name(namespace, "meter.read.v1"), topic_name(namespace, "weather.v1")
    partitions = [(meters, area) for area in sorted({0, *areas.values()})] + [(weather, 0)]
    documents = meter_documents(dataset.load, start, end, every, areas)
    observed = weather_records(dataset, start, end, every)
    document, told = next(documents, None), next(observed, None)
    for moment in range(start + every, end + every, every):
        records: list[Outgoing] = []
        count = 0
        while told is not None and told.available_at <= moment:
            records.append(weather_record(weather, told, _SOURCE))
            count += len(told.value)
            told = next(observed, None)
        while document is not None and document.available_at <= moment:
            records.append(meter_record(meters, document))
            count += sum(len(series.start) for series in document.series)
            document = next(documents, None)
        records += ticks(partitions, moment, _SOURCE)
        yield Batch(moment, tuple(records), count)


def _runs(*keys: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield [low, high) of each run of rows that agree in every key."""
    new = np.zeros(max(len(keys[0]) - 1, 0), bool)
    for key in keys:
        new |= np.diff(key) != 0
    if len(keys[0]):
        yield from pairwise([0, *(np.flatnonzero(new) + 1).tolist(), len(keys[0])])


def _moments(available_at: npt.NDArray[np.int64], start: int, every: int) -> npt.NDArray[np.int64]:
    """The first moment of the grid at or after each time."""
    return start - (start - available_at) // every * every


def meter_documents(
    load: LoadReadings, start: int, end: int, every: int, areas: Mapping[str, int]
) -> Iterator[MeterDocument]:
    """Yield documents in the order of their availability.

    A document holds the readings of one area and version that became known over
    ``(available_at - every, available_at]``. A version becomes the settlement run, for it
    replaces the one before; an empty later version withdraws the reading.
    """
    area_of = np.array([areas.get(name, 0) for name in load.series])
    rows = np.flatnonzero((load.available_at > start) & (load.available_at <= end))
    first_version = np.ones(len(load), bool)
    first_version[1:] = (np.diff(load.row) != 0) | (np.diff(load.valid_time) != 0)
    rows = rows[np.isfinite(load.load_mw[rows]) | ~first_version[rows]]
    moment = _moments(load.available_at[rows], start, every)
    area, version = area_of[load.row[rows]], load.version[rows]
    order = np.lexsort((load.valid_time[rows], load.row[rows], version, area, moment))
    rows, moment, area, version = rows[order], moment[order], area[order], version[order]
    hours = load.step_ns / HOUR
    for low, high in _runs(moment, area, version):
        yield MeterDocument(
            area=int(area[low]),
            source=_SOURCE,
            document=f"load-{area[low]}-{format_time(int(moment[low]))}",
            run=int(version[low]) - 1,
            revision=1,
            period=load.step_ns,
            available_at=int(moment[low]),
            unit="MWh",
            series=_series(load, rows[low:high], hours),
        )


def _series(load: LoadReadings, rows: npt.NDArray[np.intp], hours: float) -> list[MeterSeries]:
    energy = load.load_mw[rows] * hours
    known = np.isfinite(energy)
    injects = bool((energy[known] < 0).any())
    out: list[MeterSeries] = []
    series = load.row[rows]
    start = load.valid_time[rows].tolist()
    withdrawn = _optional(np.maximum(energy, 0.0), known)
    injected = _optional(np.maximum(-energy, 0.0), known) if injects else None
    taken_back = None if known.all() else (~known).tolist()
    for low, high in _runs(series):
        out.append(
            MeterSeries(
                load.series[series[low]],
                start[low:high],
                withdrawn[low:high],
                None if injected is None else injected[low:high],
                None if taken_back is None else taken_back[low:high],
            )
        )
    return out


def _optional(values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]) -> list[float | None]:
    listed: list[float | None] = values.tolist()
    for row in np.flatnonzero(~known).tolist():
        listed[row] = None
    return listed


def weather_records(
    dataset: Dataset, start: int, end: int, every: int = DAY
) -> Iterator[WeatherRecord]:
    """Yield observations and forecasts in the order of their availability.

    An observation is known when its interval is over, a forecast when it was issued; the
    newest forecast of before `start` comes first.
    """
    told: list[WeatherRecord] = []
    for quantity, grid in dataset.observations.grids.items():
        told += _observed(quantity, grid, start, end, every)
    told += _forecast(dataset.forecasts, start, end)
    told.sort(key=lambda record: record.available_at)
    yield from told


def _observed(
    quantity: WeatherQuantity, grid: WeatherGrid, start: int, end: int, every: int
) -> Iterator[WeatherRecord]:
    available_at = grid.times + grid.step_ns
    rows = np.flatnonzero((available_at > start) & (available_at <= end))
    moments = _moments(available_at[rows], start, every)
    for low, high in _runs(moments):
        part, moment = rows[low:high], int(moments[low])
        times = grid.times[part].tolist()
        for column, station in enumerate(grid.stations):
            values = grid.values[part, column]
            known = np.isfinite(values)
            if known.any():
                listed = _optional(values, known)
                yield WeatherRecord(station, quantity, None, moment, times, listed)


def _forecast(forecasts: WeatherForecasts, start: int, end: int) -> Iterator[WeatherRecord]:
    issue = forecasts.issue_time
    before = issue[issue <= start]
    since = before.max() if len(before) else start
    rows = np.flatnonzero((issue >= since) & (issue <= end))
    station, quantity = forecasts.station[rows], forecasts.quantity[rows]
    for low, high in _runs(issue[rows], quantity, station):
        part = rows[low:high]
        issued = int(issue[part[0]])
        yield WeatherRecord(
            forecasts.stations[forecasts.station[part[0]]],
            _QUANTITIES[forecasts.quantity[part[0]]],
            issued,
            issued,
            forecasts.valid_time[part].tolist(),
            _optional(forecasts.value[part], np.isfinite(forecasts.value[part])),
        )
