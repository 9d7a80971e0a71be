"""The short-term model: seasonal autoregression of mid-term residuals, all series at once.

The forecast of the residual decays to zero, so the short-term forecast joins the mid-term one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, FloatArray, IntArray

__all__ = ["ArModel", "default_lags", "fit_ar"]

_RIDGE = 1e-4
_CHUNK = 64  # series a batch of normal equations, so that lagged copies stay in the cache


def default_lags(n_instants: int, n_times: int | None = None) -> tuple[int, ...]:
    """Return lags around the last hours, yesterday and a week ago, in intervals.

    Lags that would leave less than three quarters of a short history to learn from are left out.

    Examples
    --------
    >>> default_lags(24)
    (1, 2, 3, 4, 23, 24, 25, 48, 72, 167, 168, 169)
    """
    d = n_instants
    recent = (1, 2, 3, 4, 6) if d >= 48 else (1, 2, 3, 4)
    lags = {*recent, d - 1, d, d + 1, 2 * d, 3 * d, 7 * d - 1, 7 * d, 7 * d + 1}
    return tuple(sorted(k for k in lags if k > 0 and (n_times is None or 4 * k <= n_times)))


@dataclass(frozen=True, slots=True)
class ArModel:
    """Autoregression on chosen lags, e_t = sum_k phi_k e_{t - lag_k} + innovation.

    Attributes
    ----------
    lags
        In intervals, increasing.
    coefficients
        phi, shape (n_lags, n_series).
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
        return ArModel(self.lags, self.coefficients[:, series], self.innovation_sd[series])

    def empty_history(self) -> FloatArray:
        """Return the history before any reading: zeros, shape (memory, n_series)."""
        return np.zeros((self.memory, self.coefficients.shape[1]))

    def forecast(self, history: FloatArray, n_steps: int) -> FloatArray:
        """Return the expected residuals of the next intervals, shape (n_steps, n_series).

        Parameters
        ----------
        history
            The last ``memory`` residuals or more, oldest first, shape (n, n_series), no NaN
            (``advanced`` sees to that).
        """
        m = self.memory
        buffer = np.empty((m + n_steps, history.shape[1]))
        buffer[:m] = history[len(history) - m :]
        scratch = np.empty(history.shape[1])
        for t in range(m, m + n_steps):
            row = buffer[t]
            np.multiply(buffer[t - self.lags[0]], self.coefficients[0], out=row)
            for lag, phi in zip(self.lags[1:], self.coefficients[1:], strict=True):
                np.multiply(buffer[t - lag], phi, out=scratch)
                row += scratch
        return buffer[m:]

    def advanced(self, history: FloatArray, residuals: FloatArray) -> FloatArray:
        """Return the history after new residuals; a missing one takes its one-step forecast.

        Parameters
        ----------
        history
            Shape (memory, n_series), no NaN.
        residuals
            New residuals, oldest first, shape (n_new, n_series); NaN = missing.
        """
        m = self.memory
        joined = np.concatenate([history, residuals])
        gaps = ~np.isfinite(residuals)
        for step in np.flatnonzero(gaps.any(axis=1)):
            expected = self.forecast(joined[step : step + m], 1)[0]
            row = joined[m + step]
            np.copyto(row, expected, where=gaps[step])
        return joined[len(joined) - m :]

    def innovations(self, residuals: FloatArray) -> FloatArray:
        """Return one-step errors, shape (n_times, n_series); NaN where a lag is missing."""
        out = np.full(residuals.shape, np.nan)
        m, n = self.memory, len(residuals)
        if n > m:
            out[m:] = residuals[m:]
            for lag, phi in zip(self.lags, self.coefficients, strict=True):
                out[m:] -= phi * residuals[m - lag : n - lag]
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


def fit_ar(residuals: FloatArray, lags: tuple[int, ...]) -> ArModel:
    """Fit the autoregression of every series by least squares.

    Intervals where the residual or one of its lags is missing are left out, series by series. A
    series whose fit explodes is shrunk until its impulse response dies out.

    Parameters
    ----------
    residuals
        Held-out residuals of one mid-term model, shape (n_times, n_series); NaN = missing.
    lags
        In intervals, increasing.
    """
    n_series = residuals.shape[1]
    coefficients = np.empty((len(lags), n_series))
    for start in range(0, n_series, _CHUNK):
        part = slice(start, start + _CHUNK)
        coefficients[:, part] = _least_squares(residuals[:, part], lags)
    stable = _stabilised(coefficients, lags)
    model = ArModel(lags, stable, np.ones(n_series))
    errors = model.innovations(residuals)
    known = np.isfinite(errors)
    square = np.where(known, errors, 0.0) ** 2
    sd = np.sqrt(square.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return ArModel(lags, stable, sd)


def _least_squares(residuals: FloatArray, lags: tuple[int, ...]) -> FloatArray:
    m, n = lags[-1], len(residuals)
    if n <= m:
        return np.zeros((len(lags), residuals.shape[1]))
    series = np.ascontiguousarray(residuals.T)
    target = series[:, m:]
    lagged = np.stack([series[:, m - lag : n - lag] for lag in lags], axis=1)
    known = np.isfinite(target) & np.isfinite(lagged).all(axis=1)
    lagged = np.where(known[:, None, :], lagged, 0.0)
    target = np.where(known, target, 0.0)
    A = lagged @ lagged.transpose(0, 2, 1)
    b = lagged @ target[:, :, None]
    ridge = _RIDGE * np.trace(A, axis1=1, axis2=2) / len(lags) + 1e-12
    A += ridge[:, None, None] * np.eye(len(lags))
    return np.asarray(np.linalg.solve(A, b)[:, :, 0].T, dtype=np.float64)


def _stabilised(coefficients: FloatArray, lags: tuple[int, ...]) -> FloatArray:
    """Shrink the series whose impulse response does not die out."""
    out = coefficients.copy()
    m = lags[-1]
    suspects = np.flatnonzero(np.abs(out).sum(axis=0) >= 1.0)
    for _ in range(60):
        if not len(suspects):
            break
        impulse = np.zeros((m, len(suspects)))
        impulse[-1] = 1.0
        model = ArModel(lags, out[:, suspects], np.ones(len(suspects)))
        response = model.forecast(impulse, 6 * m)
        early = np.abs(response[2 * m : 4 * m]).sum(axis=0)
        late = np.abs(response[4 * m :]).sum(axis=0)
        suspects = suspects[(late > 0.9 * early) & (late > 1e-6)]
        out[:, suspects] *= 0.97
    return out
