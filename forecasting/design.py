"""The design matrix of a specification: built once a weather zone, shared by all its series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.predictors import Predictors
from forecasting.specification import GamSpecification
from forecasting.terms import Penalty

__all__ = ["Design"]

INTERCEPT = "intercept"


@dataclass(frozen=True)
class Design:
    """Columns and penalties of a resolved specification; column 0 is the intercept."""

    specification: GamSpecification

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """First column of each term, then the number of columns."""
        sizes = [term.size for term in self.specification.terms]
        return tuple(int(v) for v in np.cumsum([1, *sizes]))

    @property
    def n_columns(self) -> int:
        """Number of coefficients of one instant."""
        return self.offsets[-1]

    @cached_property
    def penalties(self) -> tuple[Penalty, ...]:
        """Penalties of each term."""
        return tuple(term.penalty() for term in self.specification.terms)

    @property
    def n_penalties(self) -> int:
        """Number of smoothing parameters of one instant."""
        return sum(len(p.matrices) for p in self.penalties)

    @property
    def penalty_rank(self) -> int:
        """Number of directions that some penalty shrinks."""
        return sum(int((p.spectra.sum(axis=0) > 0).sum()) for p in self.penalties)

    @property
    def term_names(self) -> tuple[str, ...]:
        """Name of the intercept and of each term."""
        return (INTERCEPT, *(term.name for term in self.specification.terms))

    @cached_property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Range of each column that a spline reads.

        Raises
        ------
        ValueError
            If two terms give one column different ranges.
        """
        found: dict[str, tuple[float, float]] = {}
        for term in self.specification.terms:
            for column, bounds in term.ranges():
                if found.setdefault(column, bounds) != bounds:
                    msg = f"terms disagree on the range of {column!r}; give it one"
                    raise ValueError(msg)
        return found

    def blocks(self) -> list[tuple[slice, slice, Penalty]]:
        """Return (its columns, its smoothing parameters, its penalties) of each term."""
        out, first = [], 0
        for start, penalty in zip(self.offsets[:-1], self.penalties, strict=True):
            last = first + len(penalty.matrices)
            out.append(
                (slice(start, start + penalty.matrices.shape[1]), slice(first, last), penalty)
            )
            first = last
        return out

    def matrix(self, predictors: Predictors) -> FloatArray:
        """Return the design, shape (n_times, n_columns).

        Raises
        ------
        ValueError
            If a predictor that a term reads is not known somewhere.
        """
        out = np.empty((len(predictors), self.n_columns))
        out[:, 0] = 1.0
        ends = self.offsets[1:]
        for term, start, end in zip(self.specification.terms, self.offsets, ends, strict=False):
            out[:, start:end] = term.block(predictors)
        if not np.isfinite(out).all():
            row = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
            msg = f"interval {row} has an unknown predictor; leave such intervals out or fill them"
            raise ValueError(msg)
        return out

    def penalty_matrix(self, smoothing: FloatArray) -> FloatArray:
        """Return S = sum of lambda_j S_j, shape (..., n_columns, n_columns).

        Parameters
        ----------
        smoothing
            Smoothing parameters, shape (..., n_penalties).
        """
        p = self.n_columns
        total = np.zeros((*smoothing.shape[:-1], p, p))
        for columns, parameters, penalty in self.blocks():
            total[..., columns, columns] += np.einsum(
                "...j,jkl->...kl", smoothing[..., parameters], penalty.matrices
            )
        return total
