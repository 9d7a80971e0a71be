"""The terms an additive model is made of: each gives columns of the design and their penalties.

A smooth is penalised twice, for its second differences and for the straight line these spare
(Marra and Wood, Practical variable selection for generalized additive models, Computational
Statistics and Data Analysis 55(7), 2011): lines in correlated weather columns would else run away
from each other outside a short history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from forecasting.arrays import FloatArray
from forecasting.predictors import Predictors
from forecasting.splines import basis, dense_basis, difference_penalty, row_tensor

__all__ = ["Factor", "Linear", "Penalty", "Smooth", "Tensor", "Term", "term_from_facts"]

Ranges: TypeAlias = tuple[tuple[str, tuple[float, float]], ...]
"""Columns that splines read, with their ranges."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """Quadratic penalties on the coefficients of one term.

    Attributes
    ----------
    matrices
        Shape (n_penalties, k, k).
    spectra
        Eigenvalues in a basis common to all the matrices, shape (n_penalties, k).
    """

    matrices: FloatArray
    spectra: FloatArray

    @classmethod
    def single(cls, matrix: FloatArray) -> Penalty:
        """Return the penalty with one matrix."""
        return cls(matrix[None], _spectrum(matrix)[None])


def _spectrum(matrix: FloatArray) -> FloatArray:
    values = np.linalg.eigvalsh(matrix)
    return np.where(values < 1e-9 * values[-1], 0.0, values)


def _line(n_basis: int) -> FloatArray:
    """Return the coefficients of a rising straight line with mean 0 and norm 1."""
    line = np.arange(n_basis) - (n_basis - 1) / 2.0
    return np.asarray(line / np.linalg.norm(line))


def _spared(n_basis: int, cyclic: bool) -> FloatArray:
    """Return the projection on what the second-difference penalty does not see."""
    level = np.full((n_basis, n_basis), 1.0 / n_basis)
    return level if cyclic else level + np.outer(_line(n_basis), _line(n_basis))


@dataclass(frozen=True, slots=True)
class Linear:
    """A straight line in one column, shrunk towards zero."""

    column: str

    @property
    def name(self) -> str:
        """Name in contributions and reports."""
        return self.column

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return 1

    def resolved(self, predictors: Predictors) -> Linear:
        """Return the term with its range read from training data (nothing to read here)."""
        return self

    def block(self, predictors: Predictors) -> FloatArray:
        """Return the design columns, shape (n_times, 1)."""
        return np.asarray(predictors[self.column][:, None])

    def ranges(self) -> Ranges:
        """Return the ranges of the splines: none."""
        return ()

    def penalty(self) -> Penalty:
        """Return the ridge penalty."""
        return Penalty.single(np.eye(1))


@dataclass(frozen=True, slots=True)
class Factor:
    """One level a category; the column holds 0 to levels - 1."""

    column: str
    levels: int

    @property
    def name(self) -> str:
        """Name in contributions and reports."""
        return self.column

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.levels

    def resolved(self, predictors: Predictors) -> Factor:
        """Return the term with its range read from training data (nothing to read here)."""
        return self

    def block(self, predictors: Predictors) -> FloatArray:
        """Return the indicator columns, shape (n_times, levels)."""
        return np.asarray(
            predictors[self.column][:, None] == np.arange(self.levels), dtype=np.float64
        )

    def ranges(self) -> Ranges:
        """Return the ranges of the splines: none."""
        return ()

    def penalty(self) -> Penalty:
        """Return the ridge penalty."""
        return Penalty.single(np.eye(self.levels))


@dataclass(frozen=True, slots=True)
class Smooth:
    """A penalised cubic spline in one column; ``bounds`` None is read from the training data."""

    column: str
    n_basis: int
    cyclic: bool = False
    bounds: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """Name in contributions and reports."""
        return f"s({self.column})"

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.n_basis

    def resolved(self, predictors: Predictors) -> Smooth:
        """Return the term with its range read from training data."""
        if self.bounds is not None:
            return self
        return replace(self, bounds=_range(predictors[self.column]))

    def block(self, predictors: Predictors) -> FloatArray:
        """Return the spline columns, shape (n_times, n_basis)."""
        return _spline(predictors[self.column], self.n_basis, self.bounds, self.cyclic)

    def ranges(self) -> Ranges:
        """Return the range of the column."""
        return () if self.bounds is None else ((self.column, self.bounds),)

    def penalty(self) -> Penalty:
        """Return the second-difference penalty and, but for a cycle, one of the straight line."""
        rough = difference_penalty(self.n_basis, cyclic=self.cyclic)
        if self.cyclic:
            return Penalty.single(rough)
        line = _line(self.n_basis)
        slope = np.zeros(self.n_basis)
        slope[1] = 1.0
        return Penalty(np.stack([rough, np.outer(line, line)]), np.stack([_spectrum(rough), slope]))


@dataclass(frozen=True, slots=True)
class Tensor:
    """A smooth surface over two columns, with one penalty along each."""

    columns: tuple[str, str]
    n_basis: tuple[int, int]
    cyclic: tuple[bool, bool] = (False, False)
    bounds: tuple[tuple[float, float] | None, tuple[float, float] | None] = (None, None)

    @property
    def name(self) -> str:
        """Name in contributions and reports."""
        return f"te({self.columns[0]},{self.columns[1]})"

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.n_basis[0] * self.n_basis[1]

    def resolved(self, predictors: Predictors) -> Tensor:
        """Return the term with its ranges read from training data."""
        ranges = [
            bounds or _range(predictors[column])
            for column, bounds in zip(self.columns, self.bounds, strict=True)
        ]
        return replace(self, bounds=(ranges[0], ranges[1]))

    def block(self, predictors: Predictors) -> FloatArray:
        """Return the surface columns, shape (n_times, k1 * k2)."""
        first, second = (
            _spline(predictors[self.columns[i]], self.n_basis[i], self.bounds[i], self.cyclic[i])
            for i in (0, 1)
        )
        return row_tensor(first, second)

    def ranges(self) -> Ranges:
        """Return the range of each column."""
        named = zip(self.columns, self.bounds, strict=True)
        return tuple((column, bounds) for column, bounds in named if bounds is not None)

    def penalty(self) -> Penalty:
        """Return the penalties along both columns, and that of what neither of them sees."""
        one, two = (difference_penalty(self.n_basis[i], cyclic=self.cyclic[i]) for i in (0, 1))
        k1, k2 = self.n_basis
        plane = np.kron(*(_spared(self.n_basis[i], self.cyclic[i]) for i in (0, 1)))
        plane -= np.full_like(plane, 1.0 / len(plane))
        spared = np.outer(
            np.arange(k1) < 2 - self.cyclic[0], np.arange(k2) < 2 - self.cyclic[1]
        ).ravel()
        spared[0] = False
        matrices = np.stack([np.kron(one, np.eye(k2)), np.kron(np.eye(k1), two), plane])
        spectra = np.stack(
            [
                np.repeat(_spectrum(one), k2),
                np.tile(_spectrum(two), k1),
                spared.astype(np.float64),
            ]
        )
        return Penalty(matrices, spectra)


Term: TypeAlias = Linear | Factor | Smooth | Tensor

_KINDS: dict[str, type[Linear] | type[Factor] | type[Smooth] | type[Tensor]] = {
    "Linear": Linear,
    "Factor": Factor,
    "Smooth": Smooth,
    "Tensor": Tensor,
}


def term_from_facts(facts: dict[str, Any]) -> Term:
    """Return the term that JSON facts describe: its fields and its ``kind``."""
    fields = {key: _tuples(value) for key, value in facts.items() if key != "kind"}
    return _KINDS[facts["kind"]](**fields)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list | tuple) else value


# Room beyond the training range, where the penalty continues a spline in a straight line: a heat
# wave hotter than any before is what a peak forecast is for.
_MARGIN = 0.06


def _range(column: FloatArray) -> tuple[float, float]:
    known = column[np.isfinite(column)]
    if not len(known):
        msg = "a predictor has no known value in the training data"
        raise ValueError(msg)
    low, high = float(known.min()), float(known.max())
    margin = _MARGIN * (high - low) if high > low else 0.5
    return low - margin, high + margin


def _spline(
    column: FloatArray, n_basis: int, bounds: tuple[float, float] | None, cyclic: bool
) -> FloatArray:
    if bounds is None:
        msg = "the range of a spline is not known yet; call resolved() with training data first"
        raise ValueError(msg)
    places, values = basis(column, n_basis, *bounds, cyclic=cyclic)
    return dense_basis(places, values, n_basis)
