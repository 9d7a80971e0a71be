"""From an issue's numbers to the run that is published, each series with its provenance."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from forecasting.issue import Issue
from records.forecast import ForecastLevel, ForecastRun, SeriesMeta, level_meta, run_id
from records.lineage import RunLineage
from records.time import DAY
from stream.forecast_plan import ForecastPlan

__all__ = ["DAILY_SUFFIX", "to_run"]

DAILY_SUFFIX = "@P1D"
"""Appended to a level's name for its energies by local day."""


def to_run(
    plan: ForecastPlan, issue: Issue, lineage: RunLineage, quality: dict[str, dict[str, float]]
) -> ForecastRun:
    """Build the run of an issue.

    Parameters
    ----------
    lineage
        Where its numbers come from.
    quality
        Data quality of each leaf by id; a sum carries the mean over its leaves.
    """
    tree = plan.hierarchy
    issue_time = int(issue.times[0])
    name = run_id(issue_time, plan.product)
    version = lineage.training.version
    versions = {"gam": version, "residual": version}
    means = _node_quality(plan, quality)
    levels = []
    for level in dict.fromkeys(tree.levels):
        places = tree.level(level)
        series = {
            tree.ids[i]: SeriesMeta(
                tree.parents[i],
                {} if issue.method[i] == "seasonal_naive_7d" else versions,
                issue.method[i],
                issue.reason[i] or "model",
                means[i],
            )
            for i in places
        }
        values = np.concatenate(
            [issue.forecasts["reconciled"][places][:, None, :], issue.quantiles[places]], axis=1
        )
        described = partial(
            level_meta,
            run=name,
            issue_time=issue_time,
            hierarchy_version=issue.hierarchy_version,
            series=series,
            lineage=lineage,
        )
        meta = described(
            start=issue_time,
            step=plan.step,
            n_steps=len(issue.times),
            quantiles=issue.probabilities.tolist(),
            unit="MW",
        )
        levels.append(ForecastLevel(level, meta, tuple(series), values))
        whole = np.flatnonzero(issue.daily.complete)
        if len(whole):
            starts = _day_starts(issue, whole)
            meta = described(
                start=starts[0],
                step=DAY,
                n_steps=len(whole),
                quantiles=[],
                unit="MWh",
                valid_times=starts,
            )
            energy = issue.daily.energy_mwh[places][:, None, whole]
            levels.append(ForecastLevel(level + DAILY_SUFFIX, meta, tuple(series), energy))
    return ForecastRun(name, issue_time, tuple(levels))


def _day_starts(issue: Issue, whole: npt.NDArray[np.int64]) -> list[int]:
    """Start of each complete local day: its first step."""
    return [int(issue.times[np.argmax(issue.daily.place == day)]) for day in whole]


def _node_quality(
    plan: ForecastPlan, quality: dict[str, dict[str, float]]
) -> list[dict[str, float]]:
    tree = plan.hierarchy
    kinds = sorted({kind for leaf in quality.values() for kind in leaf})
    table = np.array([[quality[leaf].get(kind, 0.0) for kind in kinds] for leaf in plan.leaves])
    sums = tree.aggregate(table)
    counts = tree.aggregate(np.ones((len(plan.leaves), 1)))
    return [
        {kind: round(float(value), 4) for kind, value in zip(kinds, row, strict=True)}
        for row in sums / counts
    ]
