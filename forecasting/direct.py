"""A second short-term model: one ridge regression a lead on the recent residuals.

Where the autoregression iterates one model, this regresses each lead on what is known: the last
residuals, those of the same instant on the past days and means over hours to weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, FloatArray, IntArray

__all__ = ["DirectModel", "fit_direct"]

_RIDGE = 1e-3
_MEAN_DAYS = (0.25, 1.0, 3.0, 7.0, 21.0)
MEMORY_DAYS = 21


@dataclass(frozen=True, slots=True)
class DirectModel:
    """Coefficients of every lead.

    Attributes
    ----------
    coefficients
        Shape (n_steps, n_features, n_series).
    n_instants
        Intervals of a day.
    """

    coefficients: FloatArray
    n_instants: int

    def forecast(self, residuals: FloatArray, origins: IntArray) -> FloatArray:
        """Return expected residuals, shape (n_origins, n_steps, n_series).

        Parameters
        ----------
        residuals
            Shape (n_times, n_series); NaN counts as zero. Only rows before an origin are read.
        origins
            First row of each horizon, at least ``MEMORY_DAYS`` days in, shape (n_origins,).
        """
        known, sums = _prepared(residuals)
        n_steps = len(self.coefficients)
        out = np.empty((len(origins), n_steps, residuals.shape[1]))
        for lead in range(n_steps):
            features = _features(known, sums, origins, lead, self.n_instants)
            out[:, lead] = np.einsum("ofs,fs->os", features, self.coefficients[lead])
        return out

    def to_arrays(self) -> Artefact:
        """Return the model as plain arrays and facts."""
        return Artefact({"coefficients": self.coefficients}, {"n_instants": self.n_instants})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> DirectModel:
        """Return the model that ``to_arrays`` wrote."""
        return cls(stored.arrays["coefficients"], stored.facts["n_instants"])


def fit_direct(
    residuals: FloatArray, n_steps: int, n_instants: int, *, days: int = 730, stride: int = 3
) -> DirectModel:
    """Fit every lead on held-out residuals.

    Parameters
    ----------
    residuals
        Shape (n_times, n_series); NaN = missing, left out as target, zero as feature.
    n_steps
        Leads.
    days
        Latest days to learn from.
    stride
        Intervals between training origins.
    """
    n_times, n_series = residuals.shape
    first = max(MEMORY_DAYS * n_instants, n_times - days * n_instants)
    origins = np.arange(first, n_times - n_steps + 1, stride, dtype=np.int64)
    known, sums = _prepared(residuals)
    coefficients = []
    for lead in range(n_steps):
        features = _features(known, sums, origins, lead, n_instants)
        target = residuals[origins + lead]
        there = np.isfinite(target)
        x = np.ascontiguousarray(np.where(there[:, None], features, 0.0).transpose(2, 1, 0))
        A = x @ x.transpose(0, 2, 1)
        b = x @ np.where(there, target, 0.0).T[:, :, None]
        n_features = A.shape[1]
        ridge = _RIDGE * np.trace(A, axis1=1, axis2=2) / n_features + 1e-9
        A += ridge[:, None, None] * np.eye(n_features)
        coefficients.append(np.linalg.solve(A, b)[:, :, 0].T)
    return DirectModel(np.stack(coefficients).reshape(n_steps, -1, n_series), n_instants)


def _prepared(residuals: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = np.where(np.isfinite(residuals), residuals, 0.0)
    zero = np.zeros((1, residuals.shape[1]))
    return known, np.concatenate([zero, np.cumsum(known, axis=0)])


def _features(
    known: FloatArray, sums: FloatArray, origins: IntArray, lead: int, n_instants: int
) -> FloatArray:
    """Return what is known at each origin about a lead, shape (n_origins, n_features, n_series)."""
    columns = [known[origins - k] for k in (1, 2, 3)]
    back = lead // n_instants + 1  # days to the latest known residual of the same instant
    same = origins + lead
    columns += [known[same - (back + j) * n_instants] for j in range(7)]
    columns.append(known[same - back * n_instants - 1])
    columns.append(known[np.minimum(same - back * n_instants + 1, origins - 1)])
    for days in _MEAN_DAYS:
        width = int(days * n_instants)
        columns.append((sums[origins] - sums[origins - width]) / width)
    return np.stack(columns, axis=1)
