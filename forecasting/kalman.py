"""A mid-term model that adapts: its term effects, reweighted day by day with a Kalman filter.

For each instant of the day z_d = effects_d . theta_d + noise, theta a random walk that starts at
one for every term (de Vilmarest and Goude, arXiv 2110.00334; Obst, de Vilmarest and Goude, IEEE
Trans. Power Systems 36(5), 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatArray, IntArray

__all__ = ["KalmanForecasts", "adapt", "choose_drift"]

_CLIP = 6.0
_START_VARIANCE = 1e-2


@dataclass(frozen=True, slots=True)
class KalmanForecasts:
    """Adapted forecasts by age of the knowledge.

    Attributes
    ----------
    by_age
        ``by_age[a]`` used readings of the same instant up to a + 1 days before, shape
        (n_ages, n_times, n_series), standardised link scale; NaN before the first whole day.
    """

    by_age: FloatArray

    def at(self, rows: IntArray, n_instants: int) -> FloatArray:
        """Return forecasts as an origin knew them, shape (n_origins, n_steps, n_series).

        Parameters
        ----------
        rows
            Rows forecast, shape (n_origins, n_steps); lead k takes the age k // n_instants.
        """
        age = np.minimum(np.arange(rows.shape[1]) // n_instants, len(self.by_age) - 1)
        return np.asarray(self.by_age[age[None, :], rows])


def adapt(
    effects: FloatArray,
    values: FloatArray,
    n_instants: int,
    drift: FloatArray,
    *,
    n_ages: int = 2,
) -> KalmanForecasts:
    """Run the filter over a record and keep what it would have forecast.

    Parameters
    ----------
    effects
        Term contributions, row 0 the level, shape (n_terms, n_times, n_series), standardised
        link scale.
    values
        Loads on that scale, shape (n_times, n_series); NaN = missing, no update.
    n_instants
        Intervals of a day; row t belongs to slot t modulo n_instants.
    drift
        Variance of the daily step of theta over that of the noise, shape (n_terms,) or
        (n_terms, n_series).
    """
    n_terms, n_times, n_series = effects.shape
    n_days = n_times // n_instants
    used = n_days * n_instants
    x = effects[:, :used].reshape(n_terms, n_days, n_instants, n_series)
    size = np.maximum(x.std(axis=1, keepdims=True), 1e-3)
    size[0] = 1.0
    x = np.ascontiguousarray((x / size).transpose(1, 2, 3, 0))
    z = values[:used].reshape(n_days, n_instants, n_series)
    theta = size[:, 0].transpose(1, 2, 0).copy()
    noise = _noise(z - effects[:, :used].sum(axis=0).reshape(z.shape))
    walk = np.broadcast_to(drift.reshape(n_terms, -1).T, (n_series, n_terms))
    diagonal = np.arange(n_terms)
    P = np.zeros((n_instants, n_series, n_terms, n_terms))
    P[..., diagonal, diagonal] = _START_VARIANCE
    out = np.full((n_ages, n_days, n_instants, n_series), np.nan)
    recent = [theta] * n_ages
    for day in range(n_days):
        for age in range(n_ages):
            out[age, day] = (x[day] * recent[-1 - age]).sum(axis=-1)
        P[..., diagonal, diagonal] += walk
        Px = (P @ x[day][..., None])[..., 0]
        innovation_variance = (x[day] * Px).sum(axis=-1) + 1.0
        gap = z[day] - (x[day] * theta).sum(axis=-1)
        limit = _CLIP * np.sqrt(innovation_variance) * noise
        known = np.isfinite(gap)
        gap = np.where(known, np.clip(np.where(known, gap, 0.0), -limit, limit), 0.0)
        gain = np.where(known, 1.0 / innovation_variance, 0.0)[..., None] * Px
        theta = theta + gain * gap[..., None]
        P -= gain[..., :, None] * Px[..., None, :]
        recent = [*recent[1:], theta]
    by_age = np.full((n_ages, n_times, n_series), np.nan)
    by_age[:, :used] = out.reshape(n_ages, used, n_series)
    return KalmanForecasts(by_age)


def choose_drift(
    effects: FloatArray,
    values: FloatArray,
    n_instants: int,
    score_rows: slice,
    candidates: tuple[float, ...] = (1e-6, 1e-5, 1e-4, 3e-4, 1e-3),
) -> FloatArray:
    """Return the drift of each series that forecasts two days ahead best, (n_terms, n_series).

    One drift for all terms of a series, by squared error over ``score_rows`` of a record that
    ends before anything is tested.
    """
    n_terms, _, n_series = effects.shape
    errors = []
    for candidate in candidates:
        forecasts = adapt(effects, values, n_instants, np.full(n_terms, candidate))
        gap = (values - forecasts.by_age[1])[score_rows]
        known = np.isfinite(gap)
        total = (np.where(known, gap, 0.0) ** 2).sum(axis=0)
        errors.append(total / np.maximum(known.sum(axis=0), 1))
    best = np.array(candidates)[np.argmin(np.stack(errors), axis=0)]
    return np.broadcast_to(best, (n_terms, n_series)).copy()


def _noise(residual: FloatArray) -> FloatArray:
    """Return the standard deviation over days, NaN left out, shape (n_instants, n_series)."""
    known = np.isfinite(residual)
    square = (np.where(known, residual, 0.0) ** 2).sum(axis=0)
    return np.asarray(np.maximum(np.sqrt(square / np.maximum(known.sum(axis=0), 1)), 1e-6))
