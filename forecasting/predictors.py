"""Named columns that the terms of a model read, one value an interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatArray, IntArray

__all__ = ["Predictors"]


@dataclass(frozen=True, slots=True)
class Predictors:
    """Calendar and weather of every interval, by column name.

    Attributes
    ----------
    instant
        Local instant of day of each interval, 0 to n_instants - 1, shape (n_times,).
    columns
        One float array of shape (n_times,) a name. NaN means the value is not known.
    """

    instant: IntArray
    columns: Mapping[str, FloatArray]

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if column.shape != self.instant.shape:
                msg = f"column {name!r} has shape {column.shape}, not {self.instant.shape}"
                raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.instant)

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self.columns:
            msg = f"no predictor {name!r}; there are {', '.join(sorted(self.columns))}"
            raise KeyError(msg)
        return self.columns[name]

    def rows(self, index: IntArray | slice) -> Predictors:
        """Return the chosen intervals."""
        return Predictors(self.instant[index], {k: c[index] for k, c in self.columns.items()})

    def joined(self, other: Mapping[str, FloatArray]) -> Predictors:
        """Return these columns with others beside them."""
        return Predictors(self.instant, {**self.columns, **other})

    def known(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return where every column is finite, shape (n_times,)."""
        complete = np.ones(len(self), dtype=np.bool_)
        for column in self.columns.values():
            complete &= np.isfinite(column)
        return complete
