"""Online aggregation of experts: ML-Poly, with feedback that comes late and experts that miss.

Weights are proportional to (cumulative regret, if positive) / (cumulative squared regret), by band
of leads (Gaillard, Stoltz and van Erven, COLT 2014, algorithm ML-Poly), with linearised square
loss so that the best fixed mixture is followed, not only the best expert.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, FloatArray, IntArray
from forecasting.feedback import lessons

__all__ = ["AggregationState", "aggregate", "lead_bands"]


def lead_bands(n_steps: int, n_instants: int, hours: float = 2.0) -> IntArray:
    """Return the band of each lead, shape (n_steps,): one every ``hours``.

    Examples
    --------
    >>> lead_bands(6, 24).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    width = max(1, int(hours * n_instants / 24))
    return np.arange(n_steps, dtype=np.int64) // width


@dataclass(frozen=True, slots=True)
class AggregationState:
    """What has been learnt, each of shape (n_bands, n_experts, n_series).

    Attributes
    ----------
    regret
        Cumulative linearised regret of the mixture against each expert.
    squares
        Cumulative squared regret.
    """

    regret: FloatArray
    squares: FloatArray

    @classmethod
    def starting(cls, n_bands: int, n_experts: int, n_series: int) -> AggregationState:
        """Return the state before any feedback: all experts alike."""
        zero = np.zeros((n_bands, n_experts, n_series))
        return cls(zero, zero + 1e-12)

    def weights(self) -> FloatArray:
        """Return the weight of each expert, summing to 1, (n_bands, n_experts, n_series)."""
        raw = np.maximum(self.regret, 0.0) / self.squares
        total = raw.sum(axis=1, keepdims=True)
        alike = 1.0 / raw.shape[1]
        return np.asarray(np.where(total > 0, raw / np.where(total > 0, total, 1.0), alike))

    def mixture(self, experts: FloatArray, band: IntArray) -> FloatArray:
        """Return the aggregated forecast, shape (n_steps, n_series).

        Parameters
        ----------
        experts
            Shape (n_steps, n_experts, n_series); NaN = that expert is silent, and the others
            share its weight. NaN comes out only where all are silent.
        band
            Band of each step.
        """
        speaking = np.isfinite(experts)
        weight = np.where(speaking, self.weights()[band], 0.0)
        weight = weight + np.where(speaking, 1e-12, 0.0)
        total = weight.sum(axis=1)
        value = (weight * np.where(speaking, experts, 0.0)).sum(axis=1)
        return np.asarray(np.where(total > 0, value / np.where(total > 0, total, 1.0), np.nan))

    def learnt(
        self, experts: FloatArray, mixture: FloatArray, actual: FloatArray, band: IntArray
    ) -> AggregationState:
        """Return the state after the outcome of some leads of one issue.

        Parameters
        ----------
        experts, mixture, band
            As issued.
        actual
            Shape (n_steps, n_series); NaN = not known (yet): no lesson.
        """
        known = np.isfinite(actual) & np.isfinite(mixture)
        slope = np.where(known, 2.0 * (mixture - np.where(known, actual, 0.0)), 0.0)
        told = known[:, None] & np.isfinite(experts)
        gap = np.where(told, mixture[:, None] - np.where(told, experts, 0.0), 0.0)
        gap = np.where(told, gap, 0.0)
        lesson = np.zeros_like(self.regret)
        count = np.zeros((len(lesson), 1, lesson.shape[2]))
        np.add.at(lesson, band, slope[:, None] * gap)
        np.add.at(count, band, known[:, None].astype(np.float64))
        lesson /= np.maximum(count, 1.0)
        return AggregationState(self.regret + lesson, self.squares + lesson**2)

    def to_arrays(self) -> Artefact:
        """Return the state as plain arrays."""
        return Artefact({"regret": self.regret, "squares": self.squares}, {})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> AggregationState:
        """Return the state that ``to_arrays`` wrote."""
        return cls(stored.arrays["regret"], stored.arrays["squares"])


def aggregate(
    experts: FloatArray,
    actual: FloatArray,
    origins: IntArray,
    band: IntArray,
    *,
    delay: int = 0,
) -> FloatArray:
    """Run the aggregation over rolling origins, each lesson as soon as its band is over.

    Parameters
    ----------
    experts
        Shape (n_origins, n_steps, n_experts, n_series).
    actual
        Shape (n_origins, n_steps, n_series).
    origins
        First row of each horizon, increasing.
    band
        Band of each lead.
    delay
        Rows from the end of an interval until its value is known.

    Returns
    -------
    FloatArray
        Shape (n_origins, n_steps, n_series).
    """
    _, _, n_experts, n_series = experts.shape
    n_bands = int(band[-1]) + 1
    state = AggregationState.starting(n_bands, n_experts, n_series)
    out = np.full(actual.shape, np.nan)
    for i, learnable in enumerate(lessons(origins, band, delay)):
        for source, bands in learnable:
            told = np.where(np.isin(band, bands)[:, None], actual[source], np.nan)
            state = state.learnt(experts[source], out[source], told, band)
        out[i] = state.mixture(experts[i], band)
    return out
