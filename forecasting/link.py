"""The scale a series is modelled on: its logarithm, or its level when the logarithm would harm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray

__all__ = ["Link", "choose_link"]

_NEAR_ZERO = 0.05  # share of the median below which a log residual says more of noise than of load
_MIN_SD = 1e-9


@dataclass(frozen=True, slots=True)
class Link:
    """Per series: logarithm or level, and the centre and spread that standardise it.

    Attributes
    ----------
    logarithmic
        Shape (n_series,); False = level scale.
    centre, spread
        Mean and standard deviation on that scale over the training window, shape (n_series,).
    """

    logarithmic: BoolArray
    centre: FloatArray
    spread: FloatArray

    def forward(self, load: FloatArray) -> FloatArray:
        """Return the standardised link scale of loads, shape (..., n_series).

        A value that is not positive has no logarithm and becomes NaN.
        """
        usable = np.where(~self.logarithmic | (load > 0), load, np.nan)
        safe = np.where(self.logarithmic & np.isfinite(usable), usable, 1.0)
        scaled = np.where(self.logarithmic, np.log(safe), 0.0)
        scaled = np.where(self.logarithmic & np.isnan(usable), np.nan, scaled)
        out = np.where(self.logarithmic, scaled, usable)
        return np.asarray((out - self.centre) / self.spread)

    def inverse(self, standard: FloatArray) -> FloatArray:
        """Return loads from the standardised link scale, shape (..., n_series)."""
        out = standard * self.spread + self.centre
        if self.logarithmic.all():
            return np.asarray(np.exp(out))
        chosen = self.logarithmic
        out[..., chosen] = np.exp(out[..., chosen])
        return np.asarray(out)

    def chosen(self, series: IntArray) -> Link:
        """Return the link of some of the series."""
        return Link(self.logarithmic[series], self.centre[series], self.spread[series])

    def to_arrays(self) -> Artefact:
        """Return the link as plain arrays."""
        names = ("logarithmic", "centre", "spread")
        return Artefact({name: getattr(self, name) for name in names}, {})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> Link:
        """Return the link that ``to_arrays`` wrote."""
        return cls(**{name: stored.arrays[name] for name in ("logarithmic", "centre", "spread")})


def choose_link(load: FloatArray, *, logarithmic: BoolArray | None = None) -> Link:
    """Choose the scale of each series and standardise it.

    A series stays off the logarithm when it has a value that is not positive, or when its lowest
    half per cent falls below 5 % of its median (near zero, stopping industry): log models on such
    series score tens of per cent.

    Parameters
    ----------
    load
        Shape (n_times, n_series), MW; NaN = missing.
    logarithmic
        Overrides the choice, shape (n_series,).

    Examples
    --------
    >>> choose_link(np.array([[1.0, -1.0], [2.0, 1.0]])).logarithmic.tolist()
    [True, False]
    """
    known = np.isfinite(load)
    count = np.maximum(known.sum(axis=0), 1)
    if logarithmic is None:
        lowest = np.min(np.where(known, load, np.inf), axis=0)
        filled = np.where(known, load, np.inf)
        rank = np.sort(filled, axis=0)
        columns = np.arange(load.shape[1])
        low = rank[(count * 0.005).astype(np.int64), columns]
        middle = rank[count // 2 - (count > 1), columns]
        some = known.any(axis=0)
        logarithmic = (
            some
            & (lowest > 0)
            & (np.where(some, low, 0.0) > _NEAR_ZERO * np.where(some, middle, 1.0))
        )
    identity = Link(logarithmic, np.zeros(load.shape[1]), np.ones(load.shape[1]))
    scaled = identity.forward(load)
    good = np.isfinite(scaled)
    n = np.maximum(good.sum(axis=0), 1)
    centre = np.where(good, scaled, 0.0).sum(axis=0) / n
    square = (np.where(good, scaled - centre, 0.0) ** 2).sum(axis=0) / n
    spread = np.sqrt(square)
    return Link(logarithmic, centre, np.where(spread > _MIN_SD, spread, 1.0))
