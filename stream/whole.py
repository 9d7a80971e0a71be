"""A window from the shorter windows that make it up: means, energies, extremes, never quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from records.quality import Quality
from records.time import HOUR
from stream.fold import Aggregates

__all__ = ["nothing_known", "whole"]

_MISSING, _HELD = np.uint16(Quality.MISSING), np.uint16(Quality.HELD)


def whole(parts: Sequence[Aggregates], n_parts: int, length: int) -> Aggregates:
    """Aggregate one window from its parts.

    The mean is that of the parts whose mean is known, all alike, so that energies add up; a part
    of which nothing is known, or that is not there, counts as replaced in `imputed_share`.

    Parameters
    ----------
    parts
        In order of time, one at least, each of the same series.
    n_parts
        How many parts of equal length the window has.
    length
        Of the window, ns.

    Returns
    -------
    Aggregates
        With `q95` NaN: a quantile does not follow from those of the parts.
    """
    mean = np.stack([part.mean for part in parts])
    known = ~np.isnan(mean)
    n_known = known.sum(axis=0)
    anything = n_known > 0
    # Sums run in order of time whatever the number of columns, as in the fold, and come out the
    # same, sign of zero too, whether a part is not there or nothing is known of it.
    total = np.add.accumulate(np.where(known, mean, 0.0), axis=0)[-1] + 0.0
    mean = np.divide(total, n_known, out=np.full(len(total), np.nan), where=anything)
    is_power = ~np.isnan([part.energy_mwh for part in parts]).all(axis=0)
    shares = np.stack([part.imputed_share for part in parts])
    replaced = shares == 1.0
    some = np.add.accumulate(np.where(replaced, 0.0, shares), axis=0)[-1]
    share = (some + (replaced.sum(axis=0) + (n_parts - len(parts)))) / n_parts
    bits = np.stack([part.quality for part in parts])
    quality = np.bitwise_or.reduce(bits & ~_MISSING, axis=0)
    quality |= np.bitwise_and.reduce(bits, axis=0) & _MISSING
    quality[(share > 0) & anything] |= _HELD
    return Aggregates(
        mean,
        np.full(len(mean), np.nan),
        np.fmin.reduce([part.minimum for part in parts], axis=0),
        np.fmax.reduce([part.maximum for part in parts], axis=0),
        np.where(is_power, mean * (length / HOUR), np.nan),
        np.sum([part.count for part in parts], axis=0, dtype=np.int32),
        share,
        quality,
    )


def nothing_known(n_series: int) -> Aggregates:
    """Return a part of which nothing is known."""
    unknown = np.full(n_series, np.nan)
    return Aggregates(
        unknown,
        unknown.copy(),
        unknown.copy(),
        unknown.copy(),
        unknown.copy(),
        np.zeros(n_series, np.int32),
        np.ones(n_series),
        np.full(n_series, _MISSING),
    )
