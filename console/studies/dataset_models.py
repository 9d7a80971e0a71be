"""Models of a dataset, and what they forecast as of a time from what was known then alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.arrays import Artefact, FloatArray
from forecasting.backends import mid_term_backend, residual_backend
from forecasting.fleet import Fleet
from forecasting.hierarchy import Hierarchy
from forecasting.issue import Issue, issue
from forecasting.known import node_loads
from forecasting.live import LiveState
from forecasting.rolling_origin import Origins
from forecasting.training import History, train
from ingest.dataset import Dataset
from records.time import DAY, format_duration, format_time
from stream.backtest_inputs import issued_paths, refuse_early
from stream.dataset_plan import dataset_plan, dataset_training, hierarchy_of

__all__ = [
    "DatasetModels",
    "Forecast",
    "ModelsDoNotFitError",
    "end_of_load",
    "forecast_as_of",
    "train_on",
]

_LEAST_TRAINING = 60 * DAY


class ModelsDoNotFitError(ValueError):
    """A dataset, a time or models that do not go together; the message says what to do."""


@dataclass(frozen=True, slots=True)
class DatasetModels:
    """What a training leaves.

    Attributes
    ----------
    fleet, state
        Models of every node, and what they know at the end of the training.
    tree
        Nodes.
    stations
        Weather stations, in the order of the models' columns; empty without weather.
    trained_from
        Start of the first interval learnt from, ns UTC.
    n_steps
        Steps ahead whose errors were learnt.
    origin
        Where they come from: names and versions, for people.
    """

    fleet: Fleet
    state: LiveState
    tree: Hierarchy
    stations: tuple[str, ...]
    trained_from: int
    n_steps: int
    origin: dict[str, str]

    def to_arrays(self) -> Artefact:
        """Return everything as plain arrays and facts; what people look for comes first."""
        facts: dict[str, Any] = {
            **self.origin,
            "model_version": self.fleet.digest,
            "trained_from": format_time(self.trained_from),
            "trained_until": format_time(self.fleet.trained_until_ns),
            "horizon": format_duration(self.n_steps * self.fleet.calendar.step_ns),
            "stations": list(self.stations),
            "hierarchy": {
                "version": self.tree.version,
                "ids": list(self.tree.ids),
                "levels": list(self.tree.levels),
                "parents": list(self.tree.parents),
            },
            "origin": self.origin,
            "trained_from_ns": self.trained_from,
            "n_steps": self.n_steps,
        }
        models = Artefact({}, facts).with_part("fleet", self.fleet.to_arrays())
        return models.with_part("state", self.state.to_arrays())

    @classmethod
    def from_arrays(cls, stored: Artefact) -> DatasetModels:
        """Return what ``to_arrays`` wrote."""
        facts, tree = stored.facts, stored.facts["hierarchy"]
        return cls(
            Fleet.from_arrays(stored.part("fleet")),
            LiveState.from_arrays(stored.part("state")),
            Hierarchy(
                tuple(tree["ids"]), tuple(tree["levels"]), tuple(tree["parents"]), tree["version"]
            ),
            tuple(facts["stations"]),
            facts["trained_from_ns"],
            facts["n_steps"],
            dict(facts["origin"]),
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """An issue, and what weather it was made with: ``as_issued``, ``actual``, ``none``."""

    issue: Issue
    weather: str


def train_on(
    dataset: Dataset,
    until: int,
    n_steps: int,
    *,
    mid_term: str = "batched",
    residual: str = "batched",
    code: str = "",
) -> DatasetModels:
    """Train on what was known at a time (ns UTC) of the intervals that end by then.

    Raises
    ------
    ModelsDoNotFitError
        When fewer than 60 days precede it.
    stream.backtest_inputs.LeakError
        When a reading claims to be known before its interval is over.
    """
    refuse_early(dataset.load)
    step = dataset.hierarchy.step_ns
    plan = dataset_plan(dataset, horizon=n_steps * step, cadence=step)
    first, last = int(dataset.load.valid_time.min()), end_of_load(dataset)
    until = first + (until - first) // step * step
    if until > last or until - first < _LEAST_TRAINING:
        raise ModelsDoNotFitError(
            f"load runs from {format_time(first)} to {format_time(last)}; models trained until "
            f"{format_time(until)} need at least 60 days before that and nothing after the end"
        )
    known = dataset_training(dataset, until)
    load = node_loads(plan.hierarchy, known.loads)
    history = History(
        plan.hierarchy.ids,
        known.start + step * np.arange(len(load), dtype=np.int64),
        load,
        known.temperatures if plan.stations else None,
        plan.weights if plan.stations else None,
    )
    trained = train(
        plan.calendar,
        history,
        n_steps=n_steps,
        mid_term=mid_term_backend(mid_term),
        residual=residual_backend(residual),
    )
    origin = {"dataset": dataset.name, "code": code, "mid_term": mid_term, "residual": residual}
    return DatasetModels(
        trained.fleet, trained.state, plan.hierarchy, plan.stations, known.start, n_steps, origin
    )


def forecast_as_of(models: DatasetModels, dataset: Dataset, at: int, n_steps: int) -> Forecast:
    """Forecast the intervals from a time on, from what was known then.

    Weather ahead is the newest forecast issued by then; without any in the dataset, what was
    observed later stands in for it.

    Parameters
    ----------
    at
        Issue time, ns UTC; the last interval used ends by then.

    Raises
    ------
    ModelsDoNotFitError
        When the dataset is of other nodes or steps, or the time does not suit the models.
    stream.backtest_inputs.LeakError
        When a reading claims to be known before its interval is over.
    """
    refuse_early(dataset.load)
    _check(models, dataset, at)
    fleet, state, tree = _with_holidays(models.fleet, dataset), models.state, models.tree
    step = fleet.calendar.step_ns
    at -= (at - state.end_ns) % step
    known = dataset_training(dataset, at)
    loads = node_loads(tree, known.loads)
    state = _brought_up_to_date(models, state, loads, known.start)
    fresh = np.arange(state.end_ns, at, step)
    rows = (fresh - known.start) // step
    there = (rows >= 0) & (rows < len(loads))
    new = np.full((len(fresh), len(tree)), np.nan)
    new[there] = loads[rows[there]]
    weather, ahead, past = "none", None, None
    if models.stations:
        past = np.full((len(fresh), len(models.stations)), np.nan)
        reach = (rows >= 0) & (rows < len(known.temperatures))
        past[reach] = known.temperatures[rows[reach]]
        weather, ahead = _ahead(models, dataset, at, n_steps)
    if len(fresh):
        state = state.advanced(fleet, new, past)
    made = issue(fleet, state, fleet.reconciler(models.tree), n_steps, ahead)
    return Forecast(made, weather)


def end_of_load(dataset: Dataset) -> int:
    """Return the end of the last interval with a known load, ns UTC."""
    known = dataset.load.valid_time[np.isfinite(dataset.load.load_mw)]
    return int(known.max()) + dataset.hierarchy.step_ns


def _brought_up_to_date(
    models: DatasetModels, state: LiveState, loads: FloatArray, start: int
) -> LiveState:
    """Return the state with what is known now of the past it keeps."""
    step, kept = models.fleet.calendar.step_ns, state.loads
    rows = (state.end_ns - start) // step + np.arange(-len(kept), 0)
    there = (rows >= 0) & (rows < len(loads))
    corrected = kept.copy()
    corrected[there] = loads[rows[there]]
    if np.array_equal(corrected, kept, equal_nan=True):
        return state
    return state.corrected(models.fleet, corrected)


def _with_holidays(fleet: Fleet, dataset: Dataset) -> Fleet:
    """Return the fleet with the holidays that the dataset knows besides."""
    calendar = fleet.calendar
    days = np.union1d(calendar.holidays, dataset.holidays)
    return replace(fleet, calendar=replace(calendar, holidays=days))


def _ahead(
    models: DatasetModels, dataset: Dataset, at: int, n_steps: int
) -> tuple[str, FloatArray]:
    step = models.fleet.calendar.step_ns
    if len(dataset.forecasts):
        now = Origins(np.zeros(1, np.int64), n_steps)
        return "as_issued", issued_paths(dataset.forecasts, models.stations, at, step, now)[0]
    later = dataset_training(dataset, at + n_steps * step).temperatures[-n_steps:]
    return ("actual" if np.isfinite(later).any() else "none"), later


def _check(models: DatasetModels, dataset: Dataset, at: int) -> None:
    spec, fleet = dataset.hierarchy, models.fleet
    tree = hierarchy_of(spec)
    if spec.step_ns != fleet.calendar.step_ns or spec.timezone != fleet.calendar.timezone:
        raise ModelsDoNotFitError(
            f"the models are of steps of {format_duration(fleet.calendar.step_ns)} on the clock of "
            f"{fleet.calendar.timezone}, the dataset of {format_duration(spec.step_ns)} on that "
            f"of {spec.timezone}; train on this dataset"
        )
    if (tree.ids, tree.parents) != (models.tree.ids, models.tree.parents):
        raise ModelsDoNotFitError(
            f"the models are of hierarchy {models.tree.version!r}, the dataset of {tree.version!r} "
            "with other nodes; train on this dataset"
        )
    if at < fleet.trained_until_ns:
        raise ModelsDoNotFitError(
            f"the models have learnt from the time until {format_time(fleet.trained_until_ns)}; a "
            f"forecast of {format_time(at)} would know what came after it: train until then"
        )
