"""Quantiles from the model's own past errors, scaled by lead and by hour of the target.

error = spread(lead, series) x factor(instant, series) x shape(lead band, series): the first two
carry how far errors reach, the last their distribution; never crossing by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray

__all__ = ["PROBABILITIES", "QuantileModel", "fit_quantiles", "joined", "point_mass"]

PROBABILITIES = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95])
"""The published quantiles: 80 and 90 % intervals, and enough between them to draw a fan."""

_BAND_HOURS = (3.0, 12.0, 24.0)
_PRIOR_ERRORS = 20.0  # errors' worth of belief that an instant is like the others


@dataclass(frozen=True, slots=True)
class QuantileModel:
    """Distribution of the errors of every series, on its standardised link scale.

    Attributes
    ----------
    probabilities
        Increasing, shape (n_quantiles,).
    spread
        Mean absolute error by lead, shape (n_steps, n_series).
    factor
        By instant of the target, mean 1, shape (n_instants, n_series).
    shape
        Quantiles of the scaled errors by band of leads, shape (n_bands, n_quantiles, n_series).
    band
        Band of each lead, shape (n_steps,).
    """

    probabilities: FloatArray
    spread: FloatArray
    factor: FloatArray
    shape: FloatArray
    band: IntArray

    def scale(self, instant: IntArray, log_scale: FloatArray | None = None) -> FloatArray:
        """Return how far errors reach, shape (n_steps, n_series).

        Parameters
        ----------
        instant
            Instant of day of each step, shape (n_steps,); steps beyond the leads seen in training
            take the last lead's.
        log_scale
            Logarithm of what each band's width is multiplied by, shape (n_bands, n_series).
        """
        lead = np.minimum(np.arange(len(instant)), len(self.spread) - 1)
        scale = self.spread[lead] * self.factor[instant]
        if log_scale is not None:
            scale *= np.exp(log_scale)[self.band[lead]]
        return np.asarray(scale)

    def offsets(self, instant: IntArray) -> FloatArray:
        """Return what to add to the forecast, shape (n_quantiles, n_steps, n_series).

        Parameters
        ----------
        instant
            As ``scale`` takes it.
        """
        lead = np.minimum(np.arange(len(instant)), len(self.spread) - 1)
        return self.shape[self.band[lead]].transpose(1, 0, 2) * self.scale(instant)

    def to_arrays(self) -> Artefact:
        """Return the model as plain arrays."""
        names = ("probabilities", "spread", "factor", "shape", "band")
        return Artefact({name: getattr(self, name) for name in names}, {})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> QuantileModel:
        """Return the model that ``to_arrays`` wrote."""
        names = ("probabilities", "spread", "factor", "shape", "band")
        return cls(**{name: stored.arrays[name] for name in names})


def fit_quantiles(
    errors: FloatArray,
    instant: IntArray,
    n_instants: int,
    probabilities: FloatArray = PROBABILITIES,
) -> QuantileModel:
    """Fit the distribution of rolling-origin errors.

    Parameters
    ----------
    errors
        Actual minus forecast on the link scale, shape (n_origins, n_steps, n_series); NaN = not
        known. A series without any error gets quantiles equal to its forecast.
    instant
        Instant of day of each target, shape (n_origins, n_steps).
    """
    n_steps, n_series = errors.shape[1:]
    band = np.searchsorted(
        np.array(_BAND_HOURS), (np.arange(n_steps) + 1) * 24.0 / n_instants, side="left"
    )
    known = np.isfinite(errors)
    size = np.where(known, np.abs(errors), 0.0)
    spread = _smooth_leads(size.sum(axis=0), known.sum(axis=0), max(1, n_instants // 24))
    unit = np.where(spread > 0, spread, 1.0)
    factor = _instant_factor(size / unit, known, instant, n_instants)
    scaled = np.where(known, errors / (unit * factor[instant]), np.nan)
    n_bands = int(band.max()) + 1
    shape = np.zeros((n_bands, len(probabilities), n_series))
    for b in range(n_bands):
        sample = scaled[:, band == b].reshape(-1, n_series)
        shape[b] = _quantiles(sample, probabilities)
    return QuantileModel(probabilities, spread, factor, shape, band)


def point_mass(n_series: int, n_instants: int, probabilities: FloatArray) -> QuantileModel:
    """Return the distribution of series whose errors are not known: no spread at all."""
    return QuantileModel(
        probabilities,
        np.zeros((1, n_series)),
        np.ones((n_instants, n_series)),
        np.zeros((1, len(probabilities), n_series)),
        np.zeros(1, dtype=np.int64),
    )


def joined(parts: Sequence[QuantileModel]) -> QuantileModel:
    """Return one model of the series of all parts, in order."""
    return QuantileModel(
        parts[0].probabilities,
        np.concatenate([part.spread for part in parts], axis=1),
        np.concatenate([part.factor for part in parts], axis=1),
        np.concatenate([part.shape for part in parts], axis=2),
        parts[0].band,
    )


def _smooth_leads(total: FloatArray, count: IntArray, half_width: int) -> FloatArray:
    """Return the mean over neighbouring leads, shape (n_steps, n_series)."""
    zero = np.zeros((1, total.shape[1]))
    sums = np.concatenate([zero, np.cumsum(total, axis=0)])
    counts = np.concatenate([zero, np.cumsum(count, axis=0)])
    lead = np.arange(len(total))
    reach = np.minimum(half_width, lead)  # the first leads are steep: look no further than behind
    low, high = lead - reach, np.minimum(lead + reach, len(total) - 1) + 1
    n = counts[high] - counts[low]
    return np.where(n > 0, (sums[high] - sums[low]) / np.where(n > 0, n, 1.0), 0.0)


def _instant_factor(
    relative: FloatArray, known: BoolArray, instant: IntArray, n_instants: int
) -> FloatArray:
    """Return the mean relative error by instant, shrunk towards 1 and smoothed over the clock."""
    n_series = relative.shape[2]
    flat = instant.ravel()
    total = np.zeros((n_instants, n_series))
    count = np.zeros((n_instants, n_series))
    np.add.at(total, flat, np.where(known, relative, 0.0).reshape(-1, n_series))
    np.add.at(count, flat, known.reshape(-1, n_series).astype(np.float64))
    raw = (total + _PRIOR_ERRORS) / (count + _PRIOR_ERRORS)
    smooth = (np.roll(raw, 1, axis=0) + 2.0 * raw + np.roll(raw, -1, axis=0)) / 4.0
    return np.asarray(smooth / smooth.mean(axis=0))


def _quantiles(sample: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Return quantiles of each column, NaN left out, shape (n_quantiles, n_series)."""
    known = np.isfinite(sample)
    count = known.sum(axis=0)
    ordered = np.sort(np.where(known, sample, np.inf), axis=0)
    # Plotting position p (n + 1): a finite sample reaches less far than the distribution.
    position = np.clip(probabilities[:, None] * (count + 1) - 1.0, 0.0, np.maximum(count - 1, 0))
    low = position.astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    some = count > 0
    if not len(ordered):
        return np.zeros((len(probabilities), sample.shape[1]))
    lower = np.where(some, np.take_along_axis(ordered, low, axis=0), 0.0)
    upper = np.where(some, np.take_along_axis(ordered, high, axis=0), 0.0)
    return np.asarray(lower + (position - low) * (upper - lower))
