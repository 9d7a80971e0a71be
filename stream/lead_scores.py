"""Scores of issued forecasts by lead: kept as issued, judged when the truth is complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.hierarchy import Hierarchy
from forecasting.scores import score
from records.time import HOUR, format_duration

__all__ = ["LeadRow", "LeadScores"]


@dataclass(frozen=True, slots=True)
class LeadRow:
    """One line of a replay's table; `series` is None for the mean over a level."""

    series: str | None
    level: str
    lead: str
    method: str
    n: int
    mape: float


class LeadScores:
    """Collects the forecasts of every issue at chosen leads.

    Parameters
    ----------
    hierarchy
        Nodes in the order of the forecasts' rows.
    step
        Length of a forecast step, ns.
    leads
        Leads to score, ns; the lead of a step runs from the issue to the END of the step.
    """

    def __init__(self, hierarchy: Hierarchy, step: int, leads: Sequence[int]) -> None:
        for lead in leads:
            if lead <= 0 or lead % step:
                raise ValueError(f"lead {format_duration(lead)} is not a multiple of the step")
        self._hierarchy = hierarchy
        self._step = step
        self._leads = tuple(leads)
        self._issues: list[int] = []
        self._kept: dict[str, list[npt.NDArray[np.float64]]] = {}

    def take(self, issue_time: int, methods: Mapping[str, npt.NDArray[np.float64]]) -> None:
        """Keep an issue.

        Parameters
        ----------
        methods
            Forecasts by method, each of shape (n_nodes, n_steps), MW; the first step starts at
            the issue time.
        """
        self._issues.append(issue_time)
        for method, values in methods.items():
            rows = [
                values[:, lead // self._step - 1]
                if lead // self._step <= values.shape[1]
                else np.full(len(values), np.nan)
                for lead in self._leads
            ]
            self._kept.setdefault(method, []).append(np.stack(rows))

    def rows(self, start: int, truth: npt.NDArray[np.float64]) -> list[LeadRow]:
        """Judge everything kept.

        Parameters
        ----------
        start
            Start of the truth's first step, ns UTC.
        truth
            Step means of all nodes, shape (n_steps, n_nodes), MW, NaN where not known.

        Returns
        -------
        list of LeadRow
            One row a series, lead and method, and one a level as the mean over its series'
            MAPEs (`n` then counts all pairs).
        """
        found: list[LeadRow] = []
        for number, lead in enumerate(self._leads):
            valid = (np.array(self._issues, np.int64) + lead - self._step - start) // self._step
            inside = (valid >= 0) & (valid < len(truth))
            actual = np.full((len(valid), truth.shape[1]), np.nan)
            actual[inside] = truth[valid[inside]]
            for method, kept in self._kept.items():
                forecast = np.stack(kept)[:, number, :]
                found += self._judged(_lead_name(lead), method, actual, forecast)
        return found

    def _judged(
        self,
        lead: str,
        method: str,
        actual: npt.NDArray[np.float64],
        forecast: npt.NDArray[np.float64],
    ) -> list[LeadRow]:
        scores = score(actual, forecast)
        tree = self._hierarchy
        rows = []
        for level in dict.fromkeys(tree.levels):
            places = tree.level(level)
            known = places[np.isfinite(scores.mape[places])]
            mean = float(scores.mape[known].mean()) if len(known) else float("nan")
            rows.append(LeadRow(None, level, lead, method, int(scores.n[places].sum()), mean))
        rows += [
            LeadRow(series, level, lead, method, int(n), float(mape))
            for series, level, n, mape in zip(
                tree.ids, tree.levels, scores.n, scores.mape, strict=True
            )
        ]
        return rows


def _lead_name(lead: int) -> str:
    """Leads are told in hours, days too: PT24H."""
    return format_duration(lead) if lead % HOUR else f"PT{lead // HOUR}H"
