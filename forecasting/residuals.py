"""The short-term model: a periodic seasonal autoregression of residuals, all series at once.

Each instant of the day has coefficients of its own (a periodic autoregression: Franses and Paap,
Periodic Time Series Models, 2004), tied to those of the neighbouring instants, because residuals
live differently in the morning ramp and at night. The forecast of the residual decays to zero, so
the short-term forecast joins the mid-term one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, FloatArray, IntArray
from forecasting.recent import Recent
from forecasting.threads import in_parts

__all__ = ["ArModel", "default_lags", "fit_ar"]

_RIDGE = 1e-4
_TIE = 0.03  # how strongly an instant is drawn to the coefficients all share
_REACH_HOURS = 1.0  # width of the kernel over which neighbouring instants are pooled
_PART = 1024  # series worth a thread of their own
_CHUNK = 64  # series a batch of normal equations, so that lagged copies stay in the cache


def default_lags(n_instants: int, n_times: int | None = None) -> tuple[int, ...]:
    """Return lags around the last hours, the last days and a week ago, in intervals.

    Lags longer than a quarter of a short history are left out.

    Examples
    --------
    >>> default_lags(24)
    (1, 2, 3, 4, 22, 23, 24, 25, 26, 47, 48, 49, 72, 96, 120, 144, 167, 168, 169)
    """
    d = n_instants
    recent = (1, 2, 3, 4, 6) if d >= 48 else (1, 2, 3, 4)
    days = (d - 2, d - 1, d, d + 1, d + 2, 2 * d - 1, 2 * d, 2 * d + 1, 3 * d, 4 * d, 5 * d, 6 * d)
    lags = {*recent, *days, 7 * d - 1, 7 * d, 7 * d + 1}
    return tuple(sorted(k for k in lags if k > 0 and (n_times is None or 4 * k <= n_times)))


@dataclass(frozen=True, slots=True)
class ArModel:
    """Autoregression on chosen lags, e_t = sum_k phi_{h(t), k} e_{t - lag_k} + innovation.

    Attributes
    ----------
    lags
        In intervals, increasing.
    coefficients
        phi by instant h of the day, shape (n_instants, n_lags, n_series); one row = the same at
        every instant.
    innovation_sd
        Standard deviation of the one-step error, shape (n_series,).
    """

    lags: tuple[int, ...]
    coefficients: FloatArray
    innovation_sd: FloatArray

    @property
    def memory(self) -> int:
        """Number of past residuals that a forecast needs."""
        return self.lags[-1]

    def chosen(self, series: IntArray) -> ArModel:
        """Return the model of some of the series."""
        return ArModel(self.lags, self.coefficients[:, :, series], self.innovation_sd[series])

    def empty_history(self) -> Recent:
        """Return the history before any reading: ``memory`` rows of zeros."""
        return Recent.of(np.zeros((self.memory, self.coefficients.shape[2])), self.memory)

    def forecast(self, history: FloatArray, instant: IntArray) -> FloatArray:
        """Return the expected residuals of the next intervals, shape (n_steps, ..., n_series).

        Parameters
        ----------
        history
            The last ``memory`` residuals or more, oldest first, shape (n, ..., n_series), no NaN
            (``advanced`` sees to that). Axes between may hold origins.
        instant
            Instant of day of each step, shape (n_steps, ...).
        """
        out = np.empty((len(instant), *history.shape[1:]))
        own = instant % len(self.coefficients)

        def of_series(part: slice) -> None:
            past, ahead = history[..., part], out[..., part]
            coefficients = self.coefficients[..., part]
            scratch = np.empty(ahead.shape[1:])
            for step, row in enumerate(ahead):
                phi = coefficients[own[step]]
                for k, lag in enumerate(self.lags):
                    # A negative index reaches back into the history.
                    lagged = past[step - lag] if step < lag else ahead[step - lag]
                    np.multiply(lagged, phi[..., k, :], out=scratch if k else row)
                    if k:
                        row += scratch

        in_parts(out.shape[-1], of_series, at_least=_PART)
        return out

    def advanced(self, history: Recent, residuals: FloatArray, instant: IntArray) -> Recent:
        """Return the history after new residuals; a missing one takes its one-step forecast.

        Parameters
        ----------
        history
            The last ``memory`` rows of (n_series,), no NaN.
        residuals
            New residuals, oldest first, shape (n_new, n_series); NaN = missing.
        instant
            Instant of day of each of them, shape (n_new,).
        """
        gaps = ~np.isfinite(residuals)
        start = 0
        for step in np.flatnonzero(gaps.any(axis=1)).tolist():
            history = history.appended(residuals[start:step])
            expected = self.forecast(history.rows, instant[step : step + 1])
            history = history.appended(np.where(gaps[step], expected, residuals[step]))
            start = step + 1
        return history.appended(residuals[start:])

    def innovations(self, residuals: FloatArray, instant: IntArray) -> FloatArray:
        """Return one-step errors, shape (n_times, n_series); NaN where a lag is missing."""
        out = np.full(residuals.shape, np.nan)
        m, n = self.memory, len(residuals)
        own = instant % len(self.coefficients)
        if n > m:
            out[m:] = residuals[m:]
            for k, lag in enumerate(self.lags):
                out[m:] -= self.coefficients[own[m:], k] * residuals[m - lag : n - lag]
        return out

    def to_arrays(self) -> Artefact:
        """Return the model as plain arrays and facts."""
        arrays = {"coefficients": self.coefficients, "innovation_sd": self.innovation_sd}
        return Artefact(arrays, {"lags": list(self.lags)})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> ArModel:
        """Return the model that ``to_arrays`` wrote."""
        arrays = stored.arrays
        lags = tuple(stored.facts["lags"])
        return cls(lags, arrays["coefficients"], arrays["innovation_sd"])


def fit_ar(
    residuals: FloatArray, lags: tuple[int, ...], instant: IntArray, n_instants: int
) -> ArModel:
    """Fit the autoregression of every series by least squares.

    Intervals where the residual or one of its lags is missing are left out, series by series. A
    series whose fit explodes is shrunk until its response to a shock dies out.

    Parameters
    ----------
    residuals
        Held-out residuals of one mid-term model, shape (n_times, n_series); NaN = missing.
    lags
        In intervals, increasing.
    instant
        Instant of day of each interval, shape (n_times,).
    n_instants
        Instants of the day; 1 = the same coefficients all day.
    """
    n_series = residuals.shape[1]
    coefficients = np.empty((n_instants, len(lags), n_series))
    own = instant % n_instants
    for start in range(0, n_series, _CHUNK):
        part = slice(start, start + _CHUNK)
        coefficients[:, :, part] = _least_squares(residuals[:, part], lags, own, n_instants)
    stable = _stabilised(coefficients, lags)
    model = ArModel(lags, stable, np.ones(n_series))
    square, count = np.zeros(n_series), np.zeros(n_series)
    for start in range(0, n_series, _CHUNK):
        members = np.arange(start, min(start + _CHUNK, n_series))
        errors = model.chosen(members).innovations(residuals[:, members], instant)
        known = np.isfinite(errors)
        square[members] = (np.where(known, errors, 0.0) ** 2).sum(axis=0)
        count[members] = known.sum(axis=0)
    return ArModel(lags, stable, np.sqrt(square / np.maximum(count, 1.0)))


def _least_squares(
    residuals: FloatArray, lags: tuple[int, ...], own: IntArray, n_instants: int
) -> FloatArray:
    """Return coefficients by instant, shape (n_instants, n_lags, n_series)."""
    m, n, n_lags = lags[-1], len(residuals), len(lags)
    n_series = residuals.shape[1]
    if n <= m:
        return np.zeros((n_instants, n_lags, n_series))
    A = np.zeros((n_series, n_instants, n_lags, n_lags))
    b = np.zeros((n_series, n_instants, n_lags))
    shift = np.array(lags)[:, None]
    for h in range(n_instants):
        rows = np.flatnonzero(own[m:] == h) + m
        target = residuals[rows].T
        lagged = residuals[rows[None, :] - shift].transpose(2, 0, 1)
        known = np.isfinite(target) & np.isfinite(lagged).all(axis=1)
        lagged = np.where(known[:, None, :], lagged, 0.0)
        A[:, h] = lagged @ lagged.transpose(0, 2, 1)
        b[:, h] = (lagged @ np.where(known, target, 0.0)[:, :, None])[:, :, 0]
    shared = _ridge_solve(A.sum(axis=1), b.sum(axis=1), _RIDGE)
    if n_instants == 1:
        return shared.T[None]
    kernel = _kernel(n_instants)
    A = np.tensordot(kernel, A, axes=(1, 1)).transpose(1, 0, 2, 3)
    b = np.tensordot(kernel, b, axes=(1, 1)).transpose(1, 0, 2)
    left = b - (A @ shared[:, None, :, None])[..., 0]
    own_part = _ridge_solve(A, left, _TIE)
    return np.asarray((shared[:, None] + own_part).transpose(1, 2, 0))


def _ridge_solve(A: FloatArray, b: FloatArray, ridge: float) -> FloatArray:
    n_lags = A.shape[-1]
    load = ridge * np.trace(A, axis1=-2, axis2=-1) / n_lags + 1e-12
    return np.asarray(
        np.linalg.solve(A + load[..., None, None] * np.eye(n_lags), b[..., None])[..., 0]
    )


def _kernel(n_instants: int) -> FloatArray:
    """Return circular Gaussian weights between instants, shape (n_instants, n_instants)."""
    steps = np.abs(np.arange(n_instants)[:, None] - np.arange(n_instants))
    hours = np.minimum(steps, n_instants - steps) * 24.0 / n_instants
    return np.asarray(np.exp(-0.5 * (hours / _REACH_HOURS) ** 2))


def _stabilised(coefficients: FloatArray, lags: tuple[int, ...]) -> FloatArray:
    """Shrink the series whose response to a shock does not die out."""
    out = coefficients.copy()
    m = lags[-1]
    suspects = np.flatnonzero((np.abs(out).sum(axis=1) >= 1.0).any(axis=0))
    shock = np.random.default_rng(0).normal(size=m)[:, None]  # excites every direction
    instant = np.arange(6 * m, dtype=np.int64)
    for _ in range(60):
        if not len(suspects):
            break
        model = ArModel(lags, out[:, :, suspects], np.ones(len(suspects)))
        response = model.forecast(np.repeat(shock, len(suspects), axis=1), instant)
        early = np.abs(response[2 * m : 4 * m]).sum(axis=0)
        late = np.abs(response[4 * m :]).sum(axis=0)
        suspects = suspects[(late > 0.9 * early) & (late > 1e-6)]
        out[:, :, suspects] *= 0.97
    return out
