"""Boosted trees beside the other methods of a backtest, a few series at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.backtest import MidTermBacktest
from forecasting.boosting.features import MEMORY_DAYS, Past
from forecasting.boosting.trees import BoostedModel, fit_boosted
from forecasting.direct import DirectModel, fit_direct
from forecasting.naive import WEEK
from forecasting.residuals import ArModel
from forecasting.rolling_origin import Origins, short_term_forecasts

__all__ = ["BoostedSeries", "fit_boosted_series"]


@dataclass(frozen=True, slots=True)
class BoostedSeries:
    """Trees of one series, and what they are told by other models.

    Attributes
    ----------
    run
        Mid-term backtest of the zone of the series, and its place in it.
    """

    run: MidTermBacktest
    place: int
    ar: ArModel
    direct: DirectModel
    trees: BoostedModel

    def issued(self, origins: Origins) -> FloatArray:
        """Return forecasts on the standardised link scale, shape (n_origins, n_steps).

        Loads count as known once their interval is over; the base is that of the mid-term model
        in force at each origin.
        """
        run = self.run
        load, n_instants = run.standard[:, self.place], self.direct.n_instants
        out = np.empty((len(origins.rows), origins.n_steps))
        for model, places in run.in_force(origins.rows):
            some = Origins(origins.rows[places], origins.n_steps)
            first, last = int(some.rows.min()), int(some.rows.max()) + some.n_steps
            base = run.rolling[:, self.place].copy()
            ahead = model.predict_standard(run.predictors.rows(slice(first, last)))
            base[first:last] = ahead[:, self.place]
            past = Past(load, base, run.predictors, n_instants)
            told = _others(self.ar, self.direct, load - base, some, run.predictors.instant)
            out[places] = self.trees.forecast(past, some, told)
        return out


def fit_boosted_series(
    run: MidTermBacktest,
    place: int,
    ar: ArModel,
    n_train: int,
    n_steps: int,
    n_instants: int,
    *,
    most_rows: int = 40_000,
) -> BoostedSeries:
    """Grow the trees of one series in the training window.

    Parameters
    ----------
    place
        Of the series in the zone.
    ar
        Autoregression of this series alone.

    Raises
    ------
    ValueError
        When too little is known of it.
    forecasting.boosting.trees.BoostingMissingError
        Without LightGBM.
    """
    train = slice(0, n_train)
    load, base = run.standard[train, place], run.rolling[train, place]
    instant = run.predictors.instant[train]
    first = (MEMORY_DAYS + WEEK) * n_instants
    origins = Origins(np.arange(first, n_train - n_steps + 1), n_steps)
    residual = load - base
    direct = fit_direct(residual[:, None], n_steps, n_instants)
    past = Past(load, base, run.predictors.rows(train), n_instants)
    told = _others(ar, direct, residual, origins, instant)
    trees = fit_boosted(past, origins, told, most_rows=most_rows)
    return BoostedSeries(run, place, ar, direct, trees)


def _others(
    ar: ArModel, direct: DirectModel, residual: FloatArray, origins: Origins, instant: IntArray
) -> FloatArray:
    """Return what the linear models expect the base to miss, (n_origins, n_steps, 2)."""
    left = residual[:, None]
    followed = short_term_forecasts(ar, left, origins, instant)
    return np.concatenate([followed, direct.forecast(left, origins.rows)], axis=2)
