"""Whether a model earns its place: its errors beside those of the seasonal naive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolArray, FloatArray
from forecasting.link import Link
from forecasting.naive import WEEK
from forecasting.rolling_origin import Origins

__all__ = ["NO_SKILL", "SkillTest", "compare_with_naive"]

NO_SKILL = "the model does not beat the seasonal naive in training"


@dataclass(frozen=True, slots=True)
class SkillTest:
    """Model and naive over the first day of the training origins.

    Attributes
    ----------
    naive_wins
        Where the naive has the smaller mean absolute error, shape (n_series,).
    model_variance, naive_variance
        Mean squared errors, MW^2, shape (n_series,).
    naive_errors
        Of the naive on the link scale, all leads, shape (n_origins, n_steps, n_series).
    """

    naive_wins: BoolArray
    model_variance: FloatArray
    naive_variance: FloatArray
    naive_errors: FloatArray


def compare_with_naive(
    errors: FloatArray, load: FloatArray, link: Link, origins: Origins, n_instants: int
) -> SkillTest:
    """Return how the model's rolling-origin errors compare with the naive's.

    Parameters
    ----------
    errors
        Actual minus model on the standardised link scale, shape (n_origins, n_steps, n_series).
    load
        MW, shape (n_times, n_series).
    """
    targets = origins.targets()
    actual = load[targets]
    standard = link.forward(load)[targets]
    naive = load[targets - WEEK * n_instants]
    first_day = slice(0, n_instants)
    model_gap = (link.inverse(standard - errors) - actual)[:, first_day]
    naive_gap = (naive - actual)[:, first_day]
    both = np.isfinite(model_gap) & np.isfinite(naive_gap)
    return SkillTest(
        naive_wins=_mean(np.abs(model_gap), both) > _mean(np.abs(naive_gap), both),
        model_variance=_mean(model_gap**2, both),
        naive_variance=_mean(naive_gap**2, both),
        naive_errors=standard - link.forward(naive),
    )


def _mean(values: FloatArray, known: BoolArray) -> FloatArray:
    count = known.sum(axis=(0, 1))
    return np.asarray(np.where(known, values, 0.0).sum(axis=(0, 1)) / np.maximum(count, 1))
