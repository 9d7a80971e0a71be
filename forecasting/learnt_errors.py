"""What rolling-origin errors teach: quantiles, weights of the sums, who earns its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.link import Link
from forecasting.naive import WEEK
from forecasting.quantiles import QuantileModel, fit_quantiles, joined
from forecasting.residuals import ArModel
from forecasting.rolling_origin import choose_origins, short_term_errors
from forecasting.skill import compare_with_naive

__all__ = ["LearntErrors", "learn_errors"]

_CHUNK = 256  # series whose rolling-origin errors are held at once


@dataclass(frozen=True, slots=True)
class LearntErrors:
    """Of every series, in the training window.

    Attributes
    ----------
    quantiles
        Distribution of the errors of what is issued.
    variance
        Of the errors up to 24 h ahead, MW^2, shape (n_series,).
    naive_wins
        Where the seasonal naive beats the model, and is issued, shape (n_series,).
    """

    quantiles: QuantileModel
    variance: FloatArray
    naive_wins: BoolArray


def learn_errors(
    ar: ArModel,
    held_out: FloatArray,
    load: FloatArray,
    link: Link,
    unusable: BoolArray,
    instant: IntArray,
    n_instants: int,
    n_steps: int,
    probabilities: FloatArray,
) -> LearntErrors | None:
    """Forecast from origins through the training window and learn from the errors.

    Parameters
    ----------
    held_out
        Residuals of the mid-term model, held out, link scale, shape (n_times, n_series).
    load
        MW, same shape.
    unusable
        Series whose model is not issued anyway, shape (n_series,).
    instant
        Instant of day of each interval, shape (n_times,).

    Returns
    -------
    LearntErrors or None
        None when the window is too short for any origin.
    """
    origins = choose_origins(len(load), max(ar.memory, WEEK * n_instants), n_steps, n_instants)
    if not len(origins.rows):
        return None
    clock = instant[origins.targets()]
    parts, variance, wins = [], [], []
    for start in range(0, load.shape[1], _CHUNK):
        members = np.arange(start, min(start + _CHUNK, load.shape[1]))
        errors = short_term_errors(ar.chosen(members), held_out[:, members], origins, instant)
        actual = np.asarray(load[:, members], dtype=np.float64)
        test = compare_with_naive(errors, actual, link.chosen(members), origins, n_instants)
        replaced = unusable[members] | test.naive_wins
        wins.append(test.naive_wins)
        told = np.isfinite(np.where(replaced, test.naive_errors, errors)).any(axis=(0, 1))
        found = np.where(replaced, test.naive_variance, test.model_variance)
        variance.append(np.where(told, found, np.nan))
        errors = np.where(replaced, test.naive_errors, errors)
        parts.append(fit_quantiles(errors, clock, n_instants, probabilities))
    every = np.concatenate(variance)
    # A series of which no error is known is known as badly as the worst.
    worst = float(np.max(every, where=np.isfinite(every), initial=0.0))
    every = np.where(np.isfinite(every), every, worst or 1.0)
    return LearntErrors(joined(parts), every, np.concatenate(wins))
