"""From a user's dataset to what the forecaster is asked to do, and its past."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from ingest.dataset import Dataset, HierarchySpec
from records.time import DAY
from records.weather import WeatherQuantity
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.weather_book import WeatherBook

__all__ = ["dataset_plan", "dataset_training", "hierarchy_of", "station_weights"]

_MONTH = 30 * DAY


def hierarchy_of(spec: HierarchySpec) -> Hierarchy:
    """Return the nodes of a dataset as a hierarchy."""
    return Hierarchy(
        tuple(node.id for node in spec.nodes),
        tuple(node.level for node in spec.nodes),
        tuple(node.parent for node in spec.nodes),
        version=spec.version,
    )


def dataset_plan(
    dataset: Dataset,
    *,
    horizon: int = 2 * DAY,
    cadence: int,
    refit_every: int | None = _MONTH,
    mid_term: str = "batched",
    residual: str = "batched",
) -> ForecastPlan:
    """Return the plan of a dataset: metered intervals, its own step and clock.

    Parameters
    ----------
    horizon
        Longest lead, ns.
    cadence
        Event time between two issues, ns.
    refit_every
        Event time between two trainings, ns; None trains once.
    mid_term, residual
        Who fits, as in `ForecastPlan`.
    """
    spec = dataset.hierarchy
    stations, weights = station_weights(dataset)
    return ForecastPlan(
        product="short",
        hierarchy=hierarchy_of(spec),
        calendar=Calendar(spec.timezone, spec.step_ns, dataset.holidays),
        n_steps=horizon // spec.step_ns,
        cadence=cadence,
        fine_step=spec.step_ns,
        source="meter.interval.v1",
        stations=stations,
        weights=weights,
        refit_every=refit_every,
        mid_term=mid_term,
        residual=residual,
    )


def dataset_training(dataset: Dataset, until: int) -> TrainingSet:
    """Return what was known at `until` (ns UTC) of the steps that end by then."""
    grid = dataset.load.grid(as_of=until)
    start, step = int(grid.times[0]), dataset.hierarchy.step_ns
    n_steps = (until - start) // step
    stations, _ = station_weights(dataset)
    temperatures = np.full((n_steps, len(stations)), np.nan)
    observed = dataset.observations.grids.get(WeatherQuantity.TEMPERATURE)
    if stations and observed is not None:
        book = WeatherBook(stations, start, step, temperatures)
        known = observed.times + observed.step_ns <= until
        for column, station in enumerate(observed.stations):
            book.observe(station, observed.times[known], observed.values[known, column])
        temperatures = book.path(until, start, until)
    return TrainingSet(start, grid.load_mw[:n_steps], temperatures)


def station_weights(dataset: Dataset) -> tuple[tuple[str, ...], npt.NDArray[np.float64] | None]:
    """Stations in use, and their weights for every node."""
    spec = dataset.hierarchy
    shares = [spec.stations_of(node.id) for node in spec.nodes]
    stations = tuple(sorted({station for share in shares for station in share}))
    if not stations or any(not share for share in shares):
        return (), None
    table = [[share.get(station, 0.0) for station in stations] for share in shares]
    return stations, np.array(table)
