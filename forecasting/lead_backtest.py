"""Every short-term method at rolling origins, from what was known at each origin and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.aggregation import aggregate, lead_bands
from forecasting.arrays import BoolArray, FloatArray, IntArray
from forecasting.backtest import MidTermBacktest
from forecasting.boosting.expert import BoostedSeries, fit_boosted_series
from forecasting.calendar import Calendar
from forecasting.cold_start import cold_start
from forecasting.gam_fitting import TOO_NEW
from forecasting.known import KnownLoads
from forecasting.learnt_errors import learn_errors
from forecasting.link import Link, merged
from forecasting.live import RECALL_DAYS
from forecasting.naive import WEEK
from forecasting.quantiles import QuantileModel, fit_quantiles
from forecasting.reconciliation import Reconciler, wls
from forecasting.residuals import ArModel, default_lags, fit_ar
from forecasting.rolling_origin import Origins, choose_origins
from forecasting.weather import SmoothingState, blend_stations, smooth

__all__ = ["LAST_YEAR", "FleetBacktest", "WeatherIssues", "fleet_backtest"]

LAST_YEAR = 52 * WEEK
"""Days from a weekday to the same one a year later."""

_CELLS = 20_000_000  # numbers in the windows of one batch of origins
_AGGREGATED = ("gam", "gam_ar", "seasonal_naive_7d", "boosted")


@dataclass(frozen=True, slots=True)
class WeatherIssues:
    """Weather forecasts as they stood at each origin.

    Attributes
    ----------
    paths
        degC, shape (n_origins, n_steps, n_stations); NaN = none was there.
    """

    paths: FloatArray


@dataclass(frozen=True)
class FleetBacktest:
    """Models of all nodes, fitted on the training window and refitted after it.

    Attributes
    ----------
    zones
        (places of the series, their mid-term backtest), one a weather zone.
    stations
        Observed temperatures, degC, shape (n_times, n_stations), and the weight of each station
        in each zone, shape (n_zones, n_stations); None without weather.
    fitted
        Series whose mid-term model could be fitted, shape (n_series,).
    new
        Those that could not for want of readings: they are served by the models of others.
    usable
        Those whose model is issued: it beats the seasonal naive in training.
    quantiles
        Of the errors of the short-term and of the mid-term model, by method.
    """

    calendar: Calendar
    known: KnownLoads
    zones: tuple[tuple[IntArray, MidTermBacktest], ...]
    stations: tuple[FloatArray, FloatArray] | None
    link: Link
    rolling: FloatArray
    fitted: BoolArray
    new: BoolArray
    usable: BoolArray
    ar: ArModel
    reconciler: Reconciler
    quantiles: dict[str, QuantileModel]

    def static(self) -> FloatArray:
        """Return the forecast fitted once, MW, shape (n_times, n_series)."""
        out = np.empty_like(self.rolling)
        for members, run in self.zones:
            out[:, members] = run.static
        return self.link.inverse(np.where(self.fitted, out, np.nan))

    def issued(
        self,
        origins: Origins,
        weather: WeatherIssues | None = None,
        boosted: Mapping[int, BoostedSeries] | None = None,
    ) -> dict[str, FloatArray]:
        """Return the forecasts of every method, MW, each (n_origins, n_steps, n_series).

        Parameters
        ----------
        weather
            As issued; None = the actual weather stands in for its forecast.
        boosted
            Trees by place of their series: one method more, NaN for the others, and one expert
            more of the aggregation. Of prompt loads and the actual weather only.
        """
        n_origins = len(origins.rows)
        shape = (n_origins, origins.n_steps, self.rolling.shape[1])
        names = ("seasonal_naive_7d", "same_weekday_last_year", "gam", "gam_ar", "reconciled")
        out = {name: np.empty(shape) for name in names}
        per_origin = shape[2] * (2 * self.ar.memory + origins.n_steps)
        batch = max(1, _CELLS // per_origin)
        for start in range(0, n_origins, batch):
            part = slice(start, start + batch)
            some = Origins(origins.rows[part], origins.n_steps)
            paths = None if weather is None else weather.paths[part]
            for name, values in self._batch(some, paths).items():
                out[name][part] = values
        if boosted is not None:
            standard = np.full(shape, np.nan)
            for place, series in boosted.items():
                standard[..., place] = series.issued(origins)
            out["boosted"] = self.link.inverse(standard)
        out["aggregated"] = self._aggregated(out, origins)
        return out

    def grown(self, place: int, n_train: int, n_steps: int) -> BoostedSeries:
        """Return boosted trees of one series, grown in the training window.

        Raises
        ------
        ValueError
            When too little is known of the series.
        forecasting.boosting.trees.BoostingMissingError
            Without LightGBM.
        """
        members, run = next((m, r) for m, r in self.zones if place in m)
        own = int(np.flatnonzero(members == place)[0])
        ar = self.ar.chosen(np.array([place]))
        return fit_boosted_series(run, own, ar, n_train, n_steps, self.calendar.n_instants)

    def _batch(self, origins: Origins, paths: FloatArray | None) -> dict[str, FloatArray]:
        n_instants = self.calendar.n_instants
        targets, rows = origins.targets(), origins.rows[:, None]
        issued = self.known.times[rows]
        naive = self._naive(origins)
        last_year = self.known.windows(targets - LAST_YEAR * n_instants, issued)
        mid = self._mid_term(origins, paths)
        lead_in = rows + np.arange(-2 * self.ar.memory, 0)
        past = self.link.forward(self.known.windows(lead_in, issued))
        past -= self.rolling[np.maximum(lead_in, 0)]
        instant = self.calendar.instant(self.known.times)
        filled = _filled(self.ar, past.swapaxes(0, 1), instant[np.maximum(lead_in, 0)].T)
        left = self.ar.forecast(filled, self._instants(targets).T).swapaxes(0, 1)

        def in_mw(standard: FloatArray) -> FloatArray:
            good = np.isfinite(standard) & self.usable
            return np.where(good, self.link.inverse(np.where(good, standard, 0.0)), naive)

        short, gam = in_mw(mid + left), in_mw(mid)
        believed = short
        if self.new.any():
            started, outgrown = self._started(origins, np.where(self.usable, short, np.nan))
            short, gam = (np.where(np.isfinite(started), started, each) for each in (short, gam))
            believed = np.where(outgrown[:, None], np.nan, short)
        return {
            "seasonal_naive_7d": naive,
            "same_weekday_last_year": last_year,
            "gam": gam,
            "gam_ar": short,
            "reconciled": self.reconciled(short) if believed is short else self._each(believed),
        }

    def _each(self, believed: FloatArray) -> FloatArray:
        """Return coherent forecasts, origin by origin: what is NaN takes what the others imply."""
        return np.stack([self.reconciler.apply(one.T).T for one in believed])

    def _started(self, origins: Origins, short: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Return forecasts of new points at each origin, and the sums that they outgrow."""
        known, tree = self.known, self.known.tree
        recall = np.arange(-RECALL_DAYS * self.calendar.n_instants, 0)
        out = np.empty_like(short)
        outgrown = np.zeros((len(short), short.shape[2]), dtype=np.bool_)
        for number, row in enumerate(origins.rows.tolist()):
            loads = known.windows(row + recall, np.full(len(recall), known.times[row]))
            begun = cold_start(
                self.new, tree.ids, tree.parent_index, loads, short[number],
                self.calendar.n_instants,
            )  # fmt: skip
            out[number] = begun.values
            outgrown[number] = begun.outgrown(self.reconciler.variance)
        return out, outgrown

    def reconciled(self, forecast: FloatArray) -> FloatArray:
        """Return coherent forecasts from (..., n_series); a step with a gap stays as it is."""
        flat = forecast.reshape(-1, forecast.shape[-1])
        whole = np.isfinite(flat).all(axis=1)
        out = flat.copy()
        out[whole] = self.reconciler.apply(flat[whole].T).T
        return out.reshape(forecast.shape)

    def _instants(self, rows: IntArray) -> IntArray:
        """Return the instants of rows, those after the last row included."""
        first = int(self.known.times[0])
        return self.calendar.instant((first + self.known.step_ns * rows).ravel()).reshape(
            rows.shape
        )

    def _naive(self, origins: Origins) -> FloatArray:
        week = WEEK * self.calendar.n_instants
        back = (np.arange(origins.n_steps) // week + 1) * week
        issued = self.known.times[origins.rows][:, None]
        out = self.known.windows(origins.targets() - back, issued)
        for further in range(1, 4):
            if np.isfinite(out).all():
                break
            earlier = self.known.windows(origins.targets() - back - further * week, issued)
            out = np.where(np.isfinite(out), out, earlier)
        return out

    def _mid_term(self, origins: Origins, paths: FloatArray | None) -> FloatArray:
        out = np.empty((len(origins.rows), origins.n_steps, self.rolling.shape[1]))
        for number, (members, run) in enumerate(self.zones):
            if paths is None or self.stations is None:
                out[..., members] = run.ahead(origins)
            else:
                out[..., members] = self._as_issued(number, run, origins, paths)
        return out

    def _as_issued(
        self, number: int, run: MidTermBacktest, origins: Origins, paths: FloatArray
    ) -> FloatArray:
        """Return the mid-term forecast with the weather smoothed on along each issue."""
        assert self.stations is not None
        observed, weights = self.stations
        zone = weights[number : number + 1]
        states = _states(blend_stations(observed, zone), self.calendar.n_instants, origins.rows)
        ahead = blend_stations(paths.reshape(-1, paths.shape[2]), zone)
        columns, _ = smooth(
            ahead.reshape(len(paths), origins.n_steps).T, self.calendar.n_instants, states
        )
        out = np.full((len(origins.rows), origins.n_steps, run.standard.shape[1]), np.nan)
        for model, places in run.in_force(origins.rows):
            flat = origins.targets()[places].T.ravel()
            own = run.predictors.rows(flat).joined(
                {name: column[:, places].ravel() for name, column in columns.columns.items()}
            )
            good = np.flatnonzero(own.known())
            if not len(good):
                continue
            values = np.full((len(flat), out.shape[2]), np.nan)
            values[good] = model.predict_standard(own.rows(good))
            out[places] = values.reshape(origins.n_steps, len(places), -1).swapaxes(0, 1)
        return out

    def _aggregated(self, issued: dict[str, FloatArray], origins: Origins) -> FloatArray:
        band = lead_bands(origins.n_steps, self.calendar.n_instants)
        actual = self.link.forward(self.known.final)[origins.targets()]
        with np.errstate(divide="ignore", invalid="ignore"):
            names = [name for name in _AGGREGATED if name in issued]
            experts = np.stack([self.link.forward(issued[m]) for m in names], axis=2)
        mixed = aggregate(experts, actual, origins.rows, band, delay=self.known.delay_steps)
        return self.link.inverse(mixed)


def fleet_backtest(
    calendar: Calendar,
    known: KnownLoads,
    zones: list[tuple[IntArray, MidTermBacktest]],
    stations: tuple[FloatArray, FloatArray] | None,
    n_train: int,
    n_steps: int,
    probabilities: FloatArray,
) -> FleetBacktest:
    """Fit on the training window what follows the mid-term models.

    Parameters
    ----------
    zones
        From ``mid_term_backtest`` on the same loads.
    n_steps
        Longest horizon, for the distribution of the errors.
    probabilities
        Quantiles to forecast, increasing.
    """
    n_instants = calendar.n_instants
    link = merged(tuple(run.link for _, run in zones), tuple(members for members, _ in zones))
    rolling = np.empty((len(known.times), len(known.tree)))
    fitted = np.ones(len(known.tree), dtype=np.bool_)
    new = np.zeros(len(known.tree), dtype=np.bool_)
    for members, run in zones:
        rolling[:, members] = run.rolling
        fitted[members] = [not reason for reason in run.model.reasons]
        new[members] = [reason == TOO_NEW for reason in run.model.reasons]
    past = known.as_of(int(known.times[n_train]))[:n_train]
    instant = calendar.instant(known.times[:n_train])
    residual = link.forward(past) - rolling[:n_train]
    ar = fit_ar(residual, default_lags(n_instants, n_train), instant, n_instants)
    learnt = learn_errors(
        ar, residual, past, link, ~fitted, instant, n_instants, n_steps, probabilities
    )
    if learnt is None:
        msg = "the training window is too short for any forecast of it to be scored"
        raise ValueError(msg)
    rows = choose_origins(n_train, max(ar.memory, WEEK * n_instants), n_steps, n_instants).targets()
    quantiles = {
        "gam": fit_quantiles(residual[rows], instant[rows], n_instants, probabilities),
        "gam_ar": learnt.quantiles,
    }
    return FleetBacktest(
        calendar,
        known,
        tuple(zones),
        stations,
        link,
        rolling,
        fitted,
        new,
        fitted & ~learnt.naive_wins,
        ar,
        wls(known.tree, np.maximum(learnt.variance, 1e-12)),
        quantiles,
    )


def _filled(ar: ArModel, past: FloatArray, instant: IntArray) -> FloatArray:
    """Return the residuals with each gap at its one-step forecast, shape (memory, ..., n_series).

    The first half of the window, which only leads in, takes zeros.
    """
    m = ar.memory
    out = past.copy()
    out[:m] = np.where(np.isfinite(out[:m]), out[:m], 0.0)
    gaps = ~np.isfinite(out)
    for step in np.flatnonzero(gaps.reshape(len(out), -1).any(axis=1)):
        expected = ar.forecast(out[step - m : step], instant[step : step + 1])[0]
        np.copyto(out[step], expected, where=gaps[step])
    return out[m:]


def _states(temperature: FloatArray, n_instants: int, rows: IntArray) -> SmoothingState:
    """Return the weather state before each row, the rows in the place of zones."""
    state, start = SmoothingState.empty(n_instants, 1), 0
    found = []
    for row in rows.tolist():
        _, state = smooth(temperature[start:row], n_instants, state)
        start = row
        found.append(state)
    return SmoothingState(
        np.concatenate([s.sums for s in found], axis=1),
        np.concatenate([s.mass for s in found], axis=1),
        np.concatenate([s.last_day for s in found], axis=1),
    )
