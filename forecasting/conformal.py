"""Keeps intervals honest online: they widen after misses and narrow after hits.

Adaptive conformal inference (Gibbs and Candes, NeurIPS 2021) on the logarithm of the width, by
band of leads and series, so that the share of actuals outside the outermost quantiles tends to
what the quantiles promise whatever the series does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray
from forecasting.feedback import lessons

__all__ = ["ConformalState", "calibrate", "log_scales"]

_RATE = 0.05
_LIMIT = 1.5  # widths stay within a factor exp(1.5) of what the training window says


@dataclass(frozen=True, slots=True)
class ConformalState:
    """Correction of the widths.

    Attributes
    ----------
    log_scale
        Logarithm of the factor on every quantile's distance from the forecast, shape
        (n_bands, n_series).
    """

    log_scale: FloatArray

    @classmethod
    def starting(cls, n_bands: int, n_series: int) -> ConformalState:
        """Return the state that corrects nothing."""
        return cls(np.zeros((n_bands, n_series)))

    def corrected(self, offsets: FloatArray, band: IntArray) -> FloatArray:
        """Return distances from the forecast, widened or narrowed; their order stays.

        Parameters
        ----------
        offsets
            Quantile minus forecast on the link scale, shape (n_quantiles, n_steps, n_series).
        band
            Band of each step.
        """
        return np.asarray(offsets * np.exp(self.log_scale[band]))

    def learnt(
        self, offsets: FloatArray, error: FloatArray, band: IntArray, promised: float
    ) -> ConformalState:
        """Return the state after the outcome of some leads of one issue.

        Parameters
        ----------
        offsets
            As issued (corrected), shape (n_quantiles, n_steps, n_series).
        error
            Actual minus forecast on the link scale, shape (n_steps, n_series); NaN = no lesson.
        promised
            Coverage between the outermost quantiles, such as 0.9.
        """
        known = np.isfinite(error)
        e = np.where(known, error, 0.0)
        missed = known & ((e < offsets[0]) | (e > offsets[-1]))
        misses, count = np.zeros_like(self.log_scale), np.zeros_like(self.log_scale)
        np.add.at(misses, band, missed.astype(np.float64))
        np.add.at(count, band, known.astype(np.float64))
        share = misses / np.maximum(count, 1.0)
        return self.moved(_RATE * (share - (1.0 - promised)), count > 0)

    def moved(self, change: FloatArray, where: BoolArray) -> ConformalState:
        """Return the state with the logarithms changed where told, within their limits."""
        log_scale = self.log_scale + np.where(where, change, 0.0)
        return ConformalState(np.clip(log_scale, -_LIMIT, _LIMIT))

    def to_arrays(self) -> Artefact:
        """Return the state as plain arrays."""
        return Artefact({"log_scale": self.log_scale}, {})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> ConformalState:
        """Return the state that ``to_arrays`` wrote."""
        return cls(stored.arrays["log_scale"])


def calibrate(
    offsets: FloatArray,
    errors: FloatArray,
    origins: IntArray,
    band: IntArray,
    promised: float,
    *,
    delay: int = 0,
) -> FloatArray:
    """Run the correction over rolling origins, each lesson as soon as its band is over.

    Parameters
    ----------
    offsets
        Shape (n_origins, n_quantiles, n_steps, n_series).
    errors
        Actual minus forecast, shape (n_origins, n_steps, n_series).
    delay
        Rows from the end of an interval until its value is known.

    Returns
    -------
    FloatArray
        Corrected offsets, same shape.
    """
    outer = offsets[:, [0, -1]]
    widths = log_scales(outer, errors, origins, band, promised, delay=delay)
    return np.asarray(offsets * np.exp(widths[:, band])[:, None])


def log_scales(
    outer: FloatArray,
    errors: FloatArray,
    origins: IntArray,
    band: IntArray,
    promised: float,
    *,
    delay: int = 0,
) -> FloatArray:
    """Return the correction in force at each origin, shape (n_origins, n_bands, n_series).

    Parameters
    ----------
    outer
        Offsets of the outermost quantiles, shape (n_origins, 2, n_steps, n_series).
    errors, delay
        As ``calibrate`` takes them.
    """
    state = ConformalState.starting(int(band[-1]) + 1, errors.shape[2])
    out = np.empty((len(origins), *state.log_scale.shape))
    for i, learnable in enumerate(lessons(origins, band, delay)):
        for source, bands in learnable:
            told = np.flatnonzero(np.isin(band, bands))
            issued = outer[source][:, told] * np.exp(out[source][band[told]])
            state = state.learnt(issued, errors[source][told], band[told], promised)
        out[i] = state.log_scale
    return out
