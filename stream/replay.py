"""Replaying a dataset: its records go through the very same stages as live data.

Everything is known only from when it became available; what is issued is kept, and scored at
the end against the final truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ingest.dataset import Dataset
from ingest.dataset.realised import with_realised_forecasts
from ingest.dataset.sending import dataset_batches
from records.log import Outgoing
from records.time import DAY, HOUR, format_time
from records.topics import topic_name
from stream.cascade import Cascade
from stream.dataset_plan import dataset_plan, dataset_training
from stream.forecast_stage import ForecastStage
from stream.lead_scores import LeadRow, LeadScores
from stream.metering import MeteringStage
from stream.stage import Issued, Outcome

__all__ = ["Replay", "ReplayOptions", "TooShortError", "replay_dataset"]

_LEAST_TRAINING = 60 * DAY
_WEATHER_REACH = 4 * DAY


class TooShortError(ValueError):
    """A dataset without enough history to train on and replay."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How a dataset is replayed.

    Parameters
    ----------
    namespace
        Namespace of the topics: never that of live data.
    start, end
        Period replayed, ns UTC; None replays the last year, or the last fifth of less.
    cadence
        Event time between two issues, ns.
    leads
        Leads that are scored, ns.
    mid_term, residual
        Who fits the models, as in `ForecastPlan`.
    """

    namespace: str = "replay"
    start: int | None = None
    end: int | None = None
    cadence: int = HOUR
    leads: Sequence[int] = (HOUR, DAY, 2 * DAY)
    mid_term: str = "batched"
    residual: str = "batched"


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay told.

    Parameters
    ----------
    rows
        Scores by series, level, lead and method.
    start, end
        Period replayed, ns UTC.
    records_in
        Readings and weather values that went in.
    n_issues, n_dead_letters
        Forecast runs issued, and records refused.
    realised_weather
        Whether realised weather stood in for forecasts: then the scores flatter.
    """

    rows: list[LeadRow]
    start: int
    end: int
    records_in: int
    n_issues: int
    n_dead_letters: int
    realised_weather: bool


def replay_dataset(
    dataset: Dataset,
    options: ReplayOptions,
    *,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Replay:
    """Train on what precedes the period, then replay it.

    Parameters
    ----------
    on_outcome
        Called with every outcome of every stage, in order.
    on_progress
        Called with the share done, 0 to 1.

    Raises
    ------
    TooShortError
        When fewer than two months precede the period.
    """
    start, end = _period(dataset, options)
    realised = not len(dataset.forecasts) and bool(dataset.observations.grids)
    if realised:
        reach = dataset.hierarchy.step_ns
        dataset = with_realised_forecasts(dataset, start - DAY + reach, end, horizon=_WEATHER_REACH)
    plan = dataset_plan(
        dataset,
        horizon=max(options.leads),
        cadence=options.cadence,
        mid_term=options.mid_term,
        residual=options.residual,
    )
    space = options.namespace
    forecasting = ForecastStage(space, plan, dataset_training(dataset, start))
    metering = MeteringStage(space)
    topics = {topic for stage in (metering, forecasting) for topic in stage.inputs}
    cascade = Cascade([metering, forecasting], dict.fromkeys(topics, (0,)))
    scores = LeadScores(plan.hierarchy, plan.step, options.leads)
    dead = topic_name(space, "dead-letter.v1")
    n_values = n_issues = n_dead = 0
    for batch in dataset_batches(dataset, space, start=start, end=end):
        n_values += batch.n_measurements
        for outcome in cascade.send(batch.records, batch.time):
            if isinstance(outcome, Issued):
                n_issues += 1
                scores.take(outcome.run.issue_time, outcome.issue.forecasts)
            elif isinstance(outcome, Outgoing) and outcome.topic == dead:
                n_dead += 1
            if on_outcome is not None:
                on_outcome(outcome)
        if on_progress is not None:
            on_progress((batch.time - start) / (end - start))
    grid = dataset.load.grid()
    truth = plan.hierarchy.aggregate(grid.load_mw.T).T
    rows = scores.rows(int(grid.times[0]), truth)
    return Replay(rows, start, end, n_values, n_issues, n_dead, realised)


def _period(dataset: Dataset, options: ReplayOptions) -> tuple[int, int]:
    """The period to replay: as asked, else the last year, or the last fifth of less."""
    step = dataset.hierarchy.step_ns
    known = dataset.load.valid_time[np.isfinite(dataset.load.load_mw)]
    first, last = int(known.min()), int(known.max()) + step
    span = last - first
    asked = options.start
    if asked is None:
        asked = last - (365 * DAY if span >= 2 * 365 * DAY else span // 5)
    start = first + (asked - first) // step * step
    end = last if options.end is None else min(options.end, last)
    end = first + (end - first) // step * step
    if start - first < _LEAST_TRAINING or end <= start:
        raise TooShortError(
            f"load runs from {format_time(first)} to {format_time(last)}; replaying from "
            f"{format_time(start)} to {format_time(end)} needs at least 60 days before it"
        )
    return start, end
