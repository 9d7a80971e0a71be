"""What a replayed run measured, hour by hour: the truth that its forecasts are scored on."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader
from stream.forecast_plan import ForecastPlan
from stream.series_history import SeriesHistory

__all__ = ["replay_truth"]

_MOST_IMPUTED = 0.5
"""No forecast is judged by what was mostly filled in."""


def replay_truth(
    historian: HistoryReader, plan: ForecastPlan, start: int, end: int
) -> tuple[int, npt.NDArray[np.float64]]:
    """Step means of every node by what was known at the end of the replay.

    Parameters
    ----------
    start, end
        Period, ns UTC; widened to whole steps.

    Returns
    -------
    start
        Start of the first step, ns UTC.
    values
        Shape (n_steps, n_nodes), MW; NaN where a leaf of the node is not known
        or was mostly not measured.
    """
    first, past = start - start % plan.step, end + -end % plan.step
    leaves = plan.leaves
    _, loads = historian.matrix(leaves, first, past, plan.step, most_imputed=_MOST_IMPUTED)
    values = np.ascontiguousarray(loads.T)
    if plan.losses:
        n_fine = (past - first) // plan.fine_step
        history = SeriesHistory(
            leaves, first, plan.step, values, fine_step=plan.fine_step, fine_keep=n_fine
        )
        for time, losses in _losses(historian, first, past):
            named = {plan.losses[area]: mw for area, mw in losses.items() if area in plan.losses}
            history.take_means(time - plan.fine_step, plan.fine_step, named)
        values = history.values[: len(values)]
    return first, plan.hierarchy.aggregate(values.T).T


def _losses(historian: HistoryReader, start: int, end: int) -> list[tuple[int, dict[str, float]]]:
    """Losses of the areas, MW by area, at every valid state of ``(start, end]``, in order."""
    states = historian.as_of(HistoryClass.STATES, start + 1, end + 1)
    times = states["valid_time"].cast(pa.int64()).to_pylist()
    losses = [
        msgspec.json.decode(text, type=dict[str, float]) for text in states["losses_mw"].to_pylist()
    ]
    valid = states["valid"].to_pylist()
    found = [(time, loss) for time, loss, good in zip(times, losses, valid, strict=True) if good]
    return sorted(found, key=lambda entry: entry[0])
