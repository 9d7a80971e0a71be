"""Reading a user's dataset folder whole, or telling everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.dataset.errors import Problems
from ingest.dataset.hierarchy import HierarchySpec
from ingest.dataset.hierarchy_file import HIERARCHY_FILE, read_hierarchy
from ingest.dataset.holidays import read_holidays
from ingest.dataset.load import LOAD_OPTIONAL, LOAD_REQUIRED, LoadReadings, read_load
from ingest.dataset.tables import open_table
from ingest.dataset.weather import (
    WEATHER_OPTIONAL,
    WEATHER_REQUIRED,
    WeatherForecasts,
    WeatherObservations,
    read_weather,
)

__all__ = ["Dataset", "read_dataset"]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A dataset folder, understood.

    Parameters
    ----------
    name
        Name of the folder.
    hierarchy
        Nodes, clock and step.
    holidays
        Local days since 1970-01-01, sorted, shape (n_holidays,).
    load
        Readings in MW means over the step.
    observations, forecasts
        Weather; both empty where the folder has none.
    notes
        What a person may want to know, none of it an error.
    """

    name: str
    hierarchy: HierarchySpec
    holidays: npt.NDArray[np.int64]
    load: LoadReadings
    observations: WeatherObservations
    forecasts: WeatherForecasts
    notes: tuple[str, ...]


def read_dataset(folder: Path) -> Dataset:
    """Read ``load``, ``weather`` and ``hierarchy.toml`` of a folder.

    Raises
    ------
    DatasetError
        With everything that is wrong, each with its file, its row and what to do.
    """
    problems = Problems()
    notes: list[str] = []
    if not folder.is_dir():
        problems.add(str(folder), None, "there is no such folder", "name a folder of a dataset")
        problems.raise_if_any()
    hierarchy = read_hierarchy(folder, problems)
    load_table = open_table(folder, "load", LOAD_REQUIRED, LOAD_OPTIONAL, problems)
    weather_table = open_table(folder, "weather", WEATHER_REQUIRED, WEATHER_OPTIONAL, problems)
    if load_table is None and not any(p.file.startswith("load.") for p in problems.listed):
        problems.add(
            "load.parquet", None, "there is no load.parquet or load.csv", f"put one into {folder}"
        )
    if hierarchy is None or load_table is None:
        problems.raise_if_any()
    assert hierarchy is not None and load_table is not None
    load = read_load(load_table, hierarchy, notes)
    weather = read_weather(weather_table, hierarchy.timezone) if weather_table else _no_weather()
    if weather is not None and not any(p.file.startswith("weather.") for p in problems.listed):
        _check_stations(hierarchy, weather, problems, notes)
    holidays = read_holidays(folder, hierarchy, _years(load), problems)
    problems.raise_if_any()
    assert load is not None and weather is not None
    if not len(holidays):
        notes.append(f"{HIERARCHY_FILE}: no holidays are named, so none are modelled")
    return Dataset(folder.resolve().name, hierarchy, holidays, load, *weather, tuple(notes))


def _no_weather() -> tuple[WeatherObservations, WeatherForecasts]:
    nothing = np.empty(0, np.int64)
    forecasts = WeatherForecasts((), nothing, nothing, nothing, nothing, np.empty(0))
    return WeatherObservations({}), forecasts


def _check_stations(
    hierarchy: HierarchySpec,
    weather: tuple[WeatherObservations, WeatherForecasts],
    problems: Problems,
    notes: list[str],
) -> None:
    observations, forecasts = weather
    present = set(forecasts.stations).union(*(g.stations for g in observations.grids.values()))
    for node in hierarchy.nodes:
        for station in node.stations:
            if station not in present:
                problems.add(
                    HIERARCHY_FILE,
                    None,
                    f"node {node.id!r} names station {station!r}, which has no weather",
                    "add its rows to the weather file, or take it out of stations",
                )
    used = {station for node in hierarchy.nodes for station in node.stations}
    if present and not used:
        notes.append(f"{HIERARCHY_FILE}: no node names a station, so no weather is used")
    elif present - used:
        notes.append(f"weather: stations {', '.join(sorted(present - used))} are used by no node")


def _years(load: LoadReadings | None) -> tuple[int, int]:
    """First and last year that holidays must cover: those of the load, and one on each side."""
    if load is None:
        return 2000, 2001
    edges = np.array([load.valid_time.min(), load.valid_time.max()], "datetime64[ns]")
    first, last = (edges.astype("datetime64[Y]").astype(np.int64) + 1970).tolist()
    return first - 1, last + 1
