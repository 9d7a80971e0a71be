"""How wide the published quantiles are, corrected by what came of the model's own forecasts.

One forecast at a time is on trial: the path that the short-term model expected at its start. When
its last step is over, the share of readings outside the outermost quantiles moves the width of
each band of leads (adaptive conformal inference, as in ``conformal``), and an hour later the next
begins, so that trials start at every hour of the day in turn. The mid-term part is the one of the
weather observed, so errors of weather forecasts do not teach here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import Artefact, FloatArray, IntArray
from forecasting.calendar import Calendar
from forecasting.conformal import ConformalState
from forecasting.quantiles import QuantileModel
from forecasting.residuals import ArModel

__all__ = ["LiveWidths"]

_RATE = 0.1  # a trial is one lesson a band, so it weighs more than each of many


@dataclass(frozen=True, slots=True)
class LiveWidths:
    """Widths in force and the forecast on trial.

    Attributes
    ----------
    conformal
        Correction by band of leads, shape (n_bands, n_series).
    path
        Residuals expected by the forecast on trial, shape (n_steps, n_series).
    age
        Steps since the trial began; at or beyond ``n_steps`` none runs.
    misses, count
        Readings outside and readings in all, by band, shape (n_bands, n_series).
    """

    conformal: ConformalState
    path: FloatArray
    age: int
    misses: FloatArray
    count: FloatArray

    @classmethod
    def starting(cls, model: QuantileModel) -> LiveWidths:
        """Return the widths of the training window, with no trial yet."""
        n_bands, n_series = int(model.band[-1]) + 1, model.spread.shape[1]
        zero = np.zeros((n_bands, n_series))
        nothing = np.empty((0, n_series))
        return cls(ConformalState.starting(n_bands, n_series), nothing, 0, zero, zero)

    def room(self, calendar: Calendar) -> int:
        """Return how many steps may be taken in before a trial begins; 0 = it begins now."""
        pause = max(1, calendar.n_instants // 24) if len(self.path) else 0
        return max(0, len(self.path) + pause - self.age)

    def begun(self, ar: ArModel, residuals: FloatArray, instant: IntArray) -> LiveWidths:
        """Return the state with a forecast from here on trial.

        Parameters
        ----------
        residuals
            Last residuals, gaps filled, shape (memory, n_series).
        instant
            Instant of day of each of its steps.
        """
        path = ar.forecast(residuals, instant)
        zero = np.zeros_like(self.misses)
        return replace(self, path=path, age=0, misses=zero, count=zero)

    def after(self, model: QuantileModel, residuals: FloatArray, instant: IntArray) -> LiveWidths:
        """Return the state after the next residuals, ``room`` of them at most.

        Parameters
        ----------
        residuals
            Shape (n_new, n_series); NaN = no lesson.
        instant
            Instant of day of each, shape (n_new,).
        """
        n_steps = len(self.path)
        done = self.age + len(residuals)
        lead = np.arange(self.age, min(done, n_steps))
        if not len(lead):
            return replace(self, age=done)
        band = model.band[lead]
        scale = model.spread[lead] * model.factor[instant[: len(lead)]]
        scale *= np.exp(self.conformal.log_scale[band])
        error = residuals[: len(lead)] - self.path[lead]
        known = np.isfinite(error)
        error = np.where(known, error, 0.0)
        outside = error < model.shape[band, 0] * scale
        outside |= error > model.shape[band, -1] * scale
        outside &= known
        misses, count = self.misses.copy(), self.count.copy()
        for b in np.unique(band):
            misses[b] += outside[band == b].sum(axis=0)
            count[b] += known[band == b].sum(axis=0)
        told = replace(self, age=done, misses=misses, count=count)
        return told._learnt(model) if self.age < n_steps <= done else told

    def _learnt(self, model: QuantileModel) -> LiveWidths:
        promised = float(model.probabilities[-1] - model.probabilities[0])
        share = self.misses / np.maximum(self.count, 1.0)
        conformal = self.conformal.moved(_RATE * (share - (1.0 - promised)), self.count > 0)
        return replace(self, conformal=conformal)

    def to_arrays(self) -> Artefact:
        """Return the state as plain arrays and facts."""
        arrays = {"path": self.path, "misses": self.misses, "count": self.count}
        return Artefact(arrays, {"age": self.age}).with_part(
            "conformal", self.conformal.to_arrays()
        )

    @classmethod
    def from_arrays(cls, stored: Artefact) -> LiveWidths:
        """Return the state that ``to_arrays`` wrote."""
        arrays = stored.arrays
        conformal = ConformalState.from_arrays(stored.part("conformal"))
        age = stored.facts["age"]
        return cls(conformal, arrays["path"], age, arrays["misses"], arrays["count"])
