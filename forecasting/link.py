"""The scale a series is modelled on: its logarithm, or its level when the logarithm would harm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray

__all__ = ["Link", "choose_link", "merged"]

_NEAR_ZERO = 0.05  # share of the median below which a log residual says more of noise than of load
_MIN_SD = 1e-9
_CHUNK = 256  # series whose history is sorted at once


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
        out = np.array(load, dtype=np.float64)
        if self.logarithmic.all():
            _logarithm(out)
        elif self.logarithmic.any():
            part = out[..., self.logarithmic]
            _logarithm(part)
            out[..., self.logarithmic] = part
        out -= self.centre
        out /= self.spread
        return out

    def inverse(self, standard: FloatArray) -> FloatArray:
        """Return loads from the standardised link scale, shape (..., n_series)."""
        out = np.asarray(standard * self.spread)
        out += self.centre
        if self.logarithmic.all():
            np.exp(out, out=out)
        else:
            out[..., self.logarithmic] = np.exp(out[..., self.logarithmic])
        return out

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


def merged(links: tuple[Link, ...], members: tuple[IntArray, ...]) -> Link:
    """Return one link from those of parts, each with the places of its series."""
    order = np.argsort(np.concatenate(members), kind="stable")
    return Link(
        np.concatenate([link.logarithmic for link in links])[order],
        np.concatenate([link.centre for link in links])[order],
        np.concatenate([link.spread for link in links])[order],
    )


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
    n_series = load.shape[1]
    chosen = np.empty(n_series, dtype=np.bool_) if logarithmic is None else logarithmic
    centre, spread = np.empty(n_series), np.empty(n_series)
    for start in range(0, n_series, _CHUNK):
        part = slice(start, start + _CHUNK)
        values = np.array(load[:, part], dtype=np.float64)
        if logarithmic is None:
            chosen[part] = _suits_logarithm(values)
        n = values.shape[1]
        scaled = Link(chosen[part], np.zeros(n), np.ones(n)).forward(values)
        good = np.isfinite(scaled)
        count = np.maximum(good.sum(axis=0), 1)
        centre[part] = np.where(good, scaled, 0.0).sum(axis=0) / count
        square = (np.where(good, scaled - centre[part], 0.0) ** 2).sum(axis=0) / count
        spread[part] = np.sqrt(square)
    return Link(chosen, centre, np.where(spread > _MIN_SD, spread, 1.0))


def _logarithm(values: FloatArray) -> None:
    """Take logarithms in place; what has none becomes NaN."""
    positive = values > 0
    if not positive.all():
        values[~positive] = np.nan
    np.log(values, out=values)


def _suits_logarithm(values: FloatArray) -> BoolArray:
    """Return which series are positive and never near zero, shape (n_series,)."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    ordered = np.sort(np.where(known, values, np.inf), axis=0)
    place = np.maximum(count - 1, 0)
    columns = np.arange(values.shape[1])
    low = np.where(count > 0, ordered[(place * 0.005).astype(np.int64), columns], 0.0)
    middle = np.where(count > 0, ordered[place // 2, columns], 0.0)
    return np.asarray((low > _NEAR_ZERO * middle) & (middle > 0) & (ordered[0] > 0))
