"""Rows of intervals as a matrix of means on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.time import format_duration, format_time

__all__ = ["TimeAxis", "interval_means"]


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Steps of one length over ``[start, end)``, all in ns.

    Raises
    ------
    ValueError
        When the steps do not fill the interval exactly.

    Examples
    --------
    >>> TimeAxis(0, 30, 10).times.tolist()
    [0, 10, 20]
    """

    start: int
    end: int
    step: int

    def __post_init__(self) -> None:
        if self.step <= 0 or self.end < self.start or (self.end - self.start) % self.step:
            raise ValueError(
                f"{format_time(self.start)} to {format_time(self.end)} is not a whole number of "
                f"steps of {self.step / 1e9:g} s"
            )

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """Starts of the steps, ns UTC, shape (n_steps,)."""
        return np.arange(self.start, self.end, self.step, dtype=np.int64)


def interval_means(
    rows: pa.Table,
    series: Sequence[str],
    axis: TimeAxis,
    least_share: float,
    most_imputed: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Means over the steps of an axis, weighted by time.

    Parameters
    ----------
    rows
        Columns ``series`` (some of `series`), ``valid_time``, ``length_ns``, ``value`` and
        ``imputed_share``, with valid times on the axis, each interval of a series once.
    least_share
        A step covered by known values for less than this share is NaN.
    most_imputed
        An interval of which a greater share was replaced counts as not known.

    Returns
    -------
    numpy.ndarray
        Shape (n_series, n_steps).

    Raises
    ------
    ValueError
        When an interval does not fit in a step.
    """
    begin, length = _int64(rows["valid_time"]), _int64(rows["length_ns"])
    position = (begin - axis.start) // axis.step
    overhang = begin + length > axis.start + (position + 1) * axis.step
    if overhang.any():
        worst = int(length[overhang][0])
        raise ValueError(
            f"there are intervals of {format_duration(worst)} that do not fit in steps of "
            f"{format_duration(axis.step)} from {format_time(axis.start)}; take longer steps"
        )
    names = rows["series"].combine_chunks()
    if not pa.types.is_dictionary(names.type):
        names = names.dictionary_encode()
    row_of = {name: row for row, name in enumerate(series)}
    code = np.array([row_of[name] for name in names.dictionary.to_pylist()], np.int64)
    value = rows["value"].to_numpy().astype(np.float64, copy=False)
    known = np.isfinite(value) & (rows["imputed_share"].to_numpy() <= most_imputed)
    n_steps = len(axis.times)
    cell = (code[names.indices.to_numpy()] * n_steps + position)[known]
    weight = length[known].astype(np.float64)
    size = len(series) * n_steps
    covered = np.bincount(cell, weight, size)
    total = np.bincount(cell, weight * value[known], size)
    means = np.full(size, np.nan)
    enough = (covered > 0) & (covered >= least_share * axis.step)
    np.divide(total, covered, out=means, where=enough)
    return means.reshape(len(series), n_steps)


def _int64(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(column.cast(pa.int64()).to_numpy())
