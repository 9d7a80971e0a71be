"""The reference regression of load forecasting, Tao Hong's vanilla model, for all series at once.

Load on trend, month, weekday by hour, and a cubic of temperature by month and by hour (Hong, Short
Term Electric Load Forecasting, PhD thesis, North Carolina State University, 2010; the benchmark of
GEFCom2012). On steps shorter than an hour the instant of the day takes the hour's place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolArray, FloatArray
from forecasting.gram import RIDGE
from forecasting.predictors import Predictors

__all__ = ["VanillaModel", "fit_vanilla"]

_MONTHS, _WEEKDAYS, _POWERS = 12, 7, 3
_CHUNK = 8192  # rows of the design that exist at once
_MIDDLE, _SPAN = 15.0, 10.0  # degC; keeps the cubes of temperature near one


@dataclass(frozen=True, slots=True)
class VanillaModel:
    """A fitted regression; forecasts are in the unit of the load.

    Attributes
    ----------
    coefficients
        Shape (n_columns, n_series).
    n_instants
        Instants of the day.
    middle
        Middle of the training window on the scale of ``years``.
    """

    coefficients: FloatArray
    n_instants: int
    middle: float

    def predict(self, predictors: Predictors, weekday: FloatArray, month: FloatArray) -> FloatArray:
        """Return forecasts, shape (n_times, n_series); NaN where the temperature is not known.

        Parameters
        ----------
        predictors
            With ``years`` and, if the model was fitted on it, ``temperature``.
        weekday, month
            0 (Monday) to 6 and 0 (January) to 11, shape (n_times,).
        """
        parts = [
            _design(predictors.rows(part), weekday[part], month[part], self.n_instants, self.middle)
            @ self.coefficients
            for part in _chunks(len(predictors))
        ]
        return np.concatenate(parts)


def fit_vanilla(
    predictors: Predictors,
    weekday: FloatArray,
    month: FloatArray,
    load: FloatArray,
    n_instants: int,
) -> VanillaModel:
    """Fit by least squares on the intervals each series knows.

    Series with the same gaps share their normal equations.

    Parameters
    ----------
    predictors, weekday, month
        As ``VanillaModel.predict`` takes them.
    load
        Shape (n_times, n_series); NaN = missing.
    """
    known = np.isfinite(load)
    if "temperature" in predictors.columns:
        known &= np.isfinite(predictors["temperature"])[:, None]
    patterns, owner = np.unique(known.T, axis=0, return_inverse=True)
    coefficients = None
    middle = float(predictors["years"].mean())
    for number, pattern in enumerate(patterns):
        members = np.flatnonzero(owner.reshape(-1) == number)
        beta = _solved(predictors, weekday, month, load[:, members], pattern, n_instants, middle)
        if coefficients is None:
            coefficients = np.empty((len(beta), load.shape[1]))
        coefficients[:, members] = beta
    if coefficients is None:
        msg = "there is no series to fit"
        raise ValueError(msg)
    return VanillaModel(coefficients, n_instants, middle)


def _solved(
    predictors: Predictors,
    weekday: FloatArray,
    month: FloatArray,
    load: FloatArray,
    known: BoolArray,
    n_instants: int,
    middle: float,
) -> FloatArray:
    gram: FloatArray | None = None
    cross: FloatArray | None = None
    rows = np.flatnonzero(known)
    for part in _chunks(max(len(rows), 1)):
        own = rows[part]
        X = _design(predictors.rows(own), weekday[own], month[own], n_instants, middle)
        gram = X.T @ X if gram is None else gram + X.T @ X
        cross = X.T @ load[own] if cross is None else cross + X.T @ load[own]
    assert gram is not None and cross is not None
    # Months and instants of the temperature overlap: the ridge decides what the data cannot.
    ridge = 1e-3 * RIDGE * float(np.trace(gram)) / len(gram) + 1e-12
    return np.asarray(np.linalg.solve(gram + ridge * np.eye(len(gram)), cross))


def _design(
    predictors: Predictors, weekday: FloatArray, month: FloatArray, n_instants: int, middle: float
) -> FloatArray:
    """Return the columns, shape (n_times, n_columns)."""
    rows = np.arange(len(predictors))
    months = np.zeros((len(rows), _MONTHS))
    months[rows, month.astype(np.int64)] = 1.0
    instants = np.zeros((len(rows), n_instants))
    instants[rows, predictors.instant] = 1.0
    week = np.zeros((len(rows), _WEEKDAYS * n_instants))
    week[rows, weekday.astype(np.int64) * n_instants + predictors.instant] = 1.0
    columns = [predictors["years"][:, None] - middle, months, week]
    if "temperature" in predictors.columns:
        scaled = (predictors["temperature"] - _MIDDLE) / _SPAN
        for power in range(1, _POWERS + 1):
            value = (scaled**power)[:, None]
            columns += [months * value, instants * value]
    return np.concatenate(columns, axis=1)


def _chunks(n: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
