"""Watches the sources of a forecast product by the balance of what is metered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray
from forecasting.balance import Balances
from forecasting.source_guard import GuardRules, GuardState, Judged, judge, taken
from records.snapshot import Tree
from records.time import DAY
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.series_history import SeriesHistory

__all__ = ["SourceWatch"]


class SourceWatch:
    """What other meters say of the leaves; owned and changed in place by its forecaster.

    Parameters
    ----------
    metered
        The meters of the balances.
    balances
        What they say.
    state
        What the days so far told.
    """

    rules = GuardRules()

    def __init__(self, metered: SeriesHistory, balances: Balances, state: GuardState) -> None:
        self.metered = metered
        self._balances = balances
        self._state = state

    @classmethod
    def starting(cls, plan: ForecastPlan, training: TrainingSet) -> SourceWatch:
        """Learn what is usual from the past before the first record."""
        n_steps = len(training.loads)
        past = training.metered
        if past is None:
            past = np.full((n_steps, len(plan.balances)), np.nan)
        metered = SeriesHistory(
            tuple(plan.balances.values()), training.start, plan.step, past,
            fine_step=plan.fine_step,
        )  # fmt: skip
        balances = Balances.learnt(
            plan.hierarchy, tuple(plan.balances), training.loads, past, plan.calendar.n_instants
        )
        state = GuardState.starting(len(plan.leaves), training.start // DAY, cls.rules)
        return cls(metered, balances, state)

    def credible(
        self, leaves: FloatArray, start: int, distrusted: BoolArray, since: IntArray
    ) -> FloatArray:
        """Return leaves from `start` (ns UTC) on; what is distrusted is what the balance leaves it.

        Parameters
        ----------
        leaves
            MW, shape (n_steps, n_leaves).
        distrusted, since
            Of each leaf, shape (n_leaves,).
        """
        if not distrusted.any():
            return leaves
        starts = start + self.metered.step * np.arange(len(leaves), dtype=np.int64)
        return self._balances.credible(
            leaves, self._rows(start, len(leaves)), starts, distrusted, since
        )

    def step(
        self, start: int, readings: FloatArray, expected: FloatArray, distrusted: BoolArray
    ) -> Judged:
        """Take in one step; at the first of a day tell which sources the last one found false.

        Parameters
        ----------
        start
            Of the step, ns UTC.
        readings, expected
            MW, shape (n_leaves,): as read, and as the models of the mid term say.
        distrusted
            Leaves that are not believed as it is, shape (n_leaves,).
        """
        crowded = np.asarray((self._balances.member & distrusted).any(axis=1))
        alone = (self._balances.of_leaf >= 0) & ~crowded[self._balances.of_leaf]
        self._state, judged = judge(
            self._state, self._balances, start // DAY, alone & ~distrusted, self.rules
        )
        gap = self._balances.gap(readings[None], self._rows(start, 1))[0]
        self._state = taken(
            self._state, self._balances, readings, expected, np.where(crowded, np.nan, gap)
        )
        return judged

    def forget(self, leaves: BoolArray) -> None:
        """Begin anew with some leaves and their kin, shape (n_leaves,)."""
        kin = np.asarray((self._balances.member & leaves).any(axis=1))
        alike = (self._balances.of_leaf >= 0) & kin[self._balances.of_leaf]
        self._state = self._state.forgotten(alike | leaves)

    def _rows(self, start: int, n_steps: int) -> FloatArray:
        first = (start - self.metered.start) // self.metered.step
        self.metered.extend_to(start + n_steps * self.metered.step)
        return self.metered.values[first : first + n_steps]

    def dump(self) -> Tree:
        """State as a tree."""
        balances, state = self._balances.to_arrays(), self._state.to_arrays()
        return {
            "metered": self.metered.dump(),
            "balances": dict(balances.arrays),
            "guard": dict(state.arrays),
            "day": self._state.day,
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> SourceWatch:
        """State from its tree."""
        return cls(
            SeriesHistory.load(tree["metered"]),
            Balances.from_arrays(Artefact(tree["balances"], {})),
            GuardState.from_arrays(Artefact(tree["guard"], {"day": tree["day"]})),
        )
