"""Rolling origins over a test window: refitted by month, issued at every origin, nothing leaked.

What an origin may use ends at the origin: the mid-term model of a month is fitted on what precedes
the month, the short-term models on the training window, their states on readings before the
origin. Temperature is the actual one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.calendar import Calendar
from forecasting.cross_validation import held_out_blocks, month_blocks
from forecasting.gam import GamModel
from forecasting.gam_fitting import fit_gam
from forecasting.link import Link
from forecasting.predictors import Predictors
from forecasting.rolling_origin import Origins
from forecasting.specification import GamSpecification
from forecasting.stations import choose_station_weights
from forecasting.training import History
from forecasting.weather import blend_stations, smooth

__all__ = ["MidTermBacktest", "mid_term_backtest", "week_bootstrap"]


@dataclass(frozen=True, slots=True)
class MidTermBacktest:
    """Mid-term forecasts of series that share a weather zone.

    Attributes
    ----------
    link
        Scale of the series, fixed on the training window.
    standard
        Standardised loads, shape (n_times, n_series).
    static
        Forecast by the model fitted once on the training window, shape (n_times, n_series).
    rolling
        Held out by month in the training window; after it, by the model fitted on all that
        precedes the month. Same scale and shape.
    model
        The model fitted once.
    predictors
        Of every interval.
    refits
        The models after it, each with the first row at which it was in force.
    """

    link: Link
    standard: FloatArray
    static: FloatArray
    rolling: FloatArray
    model: GamModel
    predictors: Predictors
    refits: tuple[tuple[int, GamModel], ...] = ()

    def in_force(self, rows: IntArray) -> list[tuple[GamModel, IntArray]]:
        """Return each model with the places of the rows at which it was the newest."""
        starts = np.array([start for start, _ in self.refits], dtype=np.int64)
        models = (self.model, *(model for _, model in self.refits))
        newest = np.searchsorted(starts, rows, side="right")
        return [(models[n], np.flatnonzero(newest == n)) for n in np.unique(newest)]

    def ahead(self, origins: Origins) -> FloatArray:
        """Return forecasts of the models in force at the origins, on the link scale.

        The weather is the actual one. Shape (n_origins, n_steps, n_series).
        """
        out = np.empty((len(origins.rows), origins.n_steps, self.standard.shape[1]))
        for model, places in self.in_force(origins.rows):
            targets = origins.targets()[places]
            first = int(targets.min())
            span = self.predictors.rows(slice(first, int(targets.max()) + 1))
            out[places] = model.predict_standard(span)[targets - first]
        return out


def mid_term_backtest(
    calendar: Calendar,
    history: History,
    specification: GamSpecification,
    n_train: int,
    *,
    periods: IntArray | None = None,
    known_at: Callable[[int], FloatArray] | None = None,
) -> list[tuple[IntArray, MidTermBacktest]]:
    """Fit on the first ``n_train`` intervals and period by period after them.

    Station weights, where the history gives none, are chosen in the training window.

    Parameters
    ----------
    periods
        Number of the period of each interval, shape (n_times,): the model is fitted anew where
        it changes. None = calendar months.
    known_at
        Loads as they were known at the start of a row, shape (n_times, n_series); None = the
        history's own.

    Returns
    -------
    list
        (places of the series, backtest), one a weather zone.
    """
    columns = calendar.predictors(history.times)
    days = calendar.day(history.times)
    blocks = held_out_blocks(days[:n_train])
    past = np.arange(n_train)
    periods = month_blocks(days) if periods is None else periods
    smoothing: FloatArray | None = None

    def fitted(members: IntArray, predictors: Predictors) -> MidTermBacktest:
        def known(row: int) -> FloatArray:
            return (history.load if known_at is None else known_at(row))[:, members]

        load = history.load[:, members]
        return _zone(
            calendar, load, predictors, blocks, periods, specification, smoothing, n_train, known
        )

    if history.stations is None:
        everything = np.arange(len(history.series))
        return [(everything, fitted(everything, columns))]
    weights = history.weights
    if weights is None:
        weights = choose_station_weights(
            specification,
            columns.rows(past),
            history.stations[:n_train],
            history.load[:n_train],
            calendar.n_instants,
            blocks,
        )
    zones, place = np.unique(weights.round(9), axis=0, return_inverse=True)
    weather, _ = smooth(blend_stations(history.stations, zones), calendar.n_instants)
    out = []
    for z in range(len(zones)):
        members = np.flatnonzero(place.reshape(-1) == z)
        run = fitted(members, columns.joined(weather.zone(z)))
        smoothing = run.model.smoothing  # as in a training: zones differ in weather alone
        out.append((members, run))
    return out


def _zone(
    calendar: Calendar,
    load: FloatArray,
    predictors: Predictors,
    blocks: IntArray,
    periods: IntArray,
    specification: GamSpecification,
    smoothing: FloatArray | None,
    n_train: int,
    known_at: Callable[[int], FloatArray],
) -> MidTermBacktest:
    n_instants = calendar.n_instants
    past = np.arange(n_train)
    fit = fit_gam(
        specification,
        predictors.rows(past),
        known_at(n_train)[:n_train],
        n_instants,
        smoothing=smoothing,
        blocks=blocks,
    )
    model = fit.model
    standard = model.link.forward(load)
    static = model.predict_standard(predictors)
    rolling = static.copy()
    if fit.held_out is not None:
        rolling[:n_train] = np.where(
            np.isfinite(fit.held_out), standard[:n_train] - fit.held_out, static[:n_train]
        )
    refits = []
    for period in np.unique(periods[n_train:]):
        rows = np.flatnonzero(periods == period)
        rows = rows[rows >= n_train]
        before = np.arange(rows[0])
        refit = fit_gam(
            model.design.specification,
            predictors.rows(before),
            known_at(int(rows[0]))[before],
            n_instants,
            link=model.link,
            smoothing=model.smoothing,
        )
        rolling[rows] = refit.model.predict_standard(predictors.rows(rows))
        refits.append((int(rows[0]), refit.model))
    refits.sort(key=lambda entry: entry[0])
    return MidTermBacktest(model.link, standard, static, rolling, model, predictors, tuple(refits))


def week_bootstrap(
    errors: Mapping[str, FloatArray], week: IntArray, n_draws: int = 500, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Return a 90 % interval of each mean error, drawing whole weeks with replacement.

    Parameters
    ----------
    errors
        Error of each origin (its mean over leads), shape (n_origins,), by name; NaN is left out.
    week
        Week of each origin, shape (n_origins,).
    """
    labels, place = np.unique(week, return_inverse=True)
    draw = np.random.default_rng(seed).integers(0, len(labels), (n_draws, len(labels)))
    out = {}
    for name, values in errors.items():
        known = np.isfinite(values)
        total = np.bincount(place, np.where(known, values, 0.0), minlength=len(labels))
        count = np.bincount(place, known.astype(np.float64), minlength=len(labels))
        drawn = np.maximum(count[draw].sum(axis=1), 1.0)
        means = total[draw].sum(axis=1) / drawn
        low, high = np.quantile(means, [0.05, 0.95])
        out[name] = (float(low), float(high))
    return out
