"""Trains all the models of a fleet from its history."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.backends.protocol import MidTermFit, ResidualFit
from forecasting.calendar import NS_PER_DAY, Calendar
from forecasting.cross_validation import held_out_blocks
from forecasting.fleet import Fleet
from forecasting.gam_fitting import fit_gam
from forecasting.learnt_errors import learn_errors
from forecasting.live import LiveState, recent_loads
from forecasting.live_widths import LiveWidths
from forecasting.predictors import Predictors
from forecasting.quantiles import PROBABILITIES, point_mass
from forecasting.residuals import default_lags, fit_ar
from forecasting.skill import NO_SKILL
from forecasting.specification import GamSpecification, default_specification
from forecasting.stations import choose_station_weights
from forecasting.weather import SmoothingState, blend_stations, smooth

__all__ = ["History", "TrainedFleet", "train"]


@dataclass(frozen=True, slots=True)
class History:
    """What a fleet is trained on.

    Attributes
    ----------
    series
        Ids of the series (leaves and aggregates alike).
    times
        Starts of consecutive intervals, int64 ns UTC, one step apart, shape (n_times,).
    load
        MW, shape (n_times, n_series); NaN = missing.
    stations
        Temperatures, degC, shape (n_times, n_stations); None = no weather.
    weights
        Weight of each station for each series, shape (n_series, n_stations); None = chosen from
        the data.
    """

    series: tuple[str, ...]
    times: IntArray
    load: FloatArray
    stations: FloatArray | None = None
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.load.shape != (len(self.times), len(self.series)):
            msg = f"load is {self.load.shape}, not (times, series) = "
            msg += f"({len(self.times)}, {len(self.series)})"
            raise ValueError(msg)
        if len(self.times) > 2 and np.unique(np.diff(self.times)).size != 1:
            msg = "intervals of a history must be one step apart; put NaN where nothing is known"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class TrainedFleet:
    """A fleet and the live state at the end of its training window."""

    fleet: Fleet
    state: LiveState


def train(
    calendar: Calendar,
    history: History,
    *,
    specification: GamSpecification | None = None,
    n_steps: int | None = None,
    probabilities: FloatArray = PROBABILITIES,
    mid_term: MidTermFit = fit_gam,
    residual: ResidualFit = fit_ar,
) -> TrainedFleet:
    """Train mid-term, short-term and quantile models of every series.

    Parameters
    ----------
    specification
        Terms of the mid-term models; None = the default for the length of the history.
    n_steps
        Leads to learn the error distribution of; None = two days.
    mid_term, residual
        Who fits: ``backends.mid_term_backend`` and ``backends.residual_backend`` name others.
    """
    n_steps = n_steps or 2 * calendar.n_instants
    predictors = calendar.predictors(history.times)
    days = len(history.times) * calendar.step_ns / NS_PER_DAY
    specification = specification or default_specification(
        days,
        temperature=history.stations is not None,
        vacations=bool(predictors["vacation"].any()),
    )
    blocks = held_out_blocks(calendar.day(history.times))
    zone, zone_weights = _zones(history, specification, predictors, calendar.n_instants, blocks)
    held_out = np.empty(history.load.shape)
    gams, smoothing = [], None
    columns, weather = None, SmoothingState.empty(calendar.n_instants, len(zone_weights))
    if history.stations is not None:
        blended = blend_stations(history.stations, zone_weights)
        columns, weather = smooth(blended, calendar.n_instants, weather)
    for z in range(int(zone.max()) + 1):
        members = np.flatnonzero(zone == z)
        own = predictors if columns is None else predictors.joined(columns.zone(z))
        fit = mid_term(
            specification,
            own,
            history.load[:, members],
            calendar.n_instants,
            smoothing=smoothing,
            blocks=blocks,
        )
        smoothing = fit.model.smoothing  # zones differ in weather, not in how smooth loads are
        gams.append(fit.model)
        if fit.held_out is not None:
            held_out[:, members] = fit.held_out
    lags = default_lags(calendar.n_instants, len(history.times))
    ar = residual(held_out, lags, predictors.instant, calendar.n_instants)
    reasons = [""] * len(history.series)
    for z, gam in enumerate(gams):
        for place, reason in zip(np.flatnonzero(zone == z), gam.reasons, strict=True):
            reasons[place] = reason
    fleet = Fleet(
        series=history.series,
        calendar=calendar,
        station_weights=zone_weights,
        zone=zone,
        gams=tuple(gams),
        ar=ar,
        quantiles=point_mass(len(history.series), calendar.n_instants, probabilities),
        error_variance=np.ones(len(history.series)),
        reasons=tuple(reasons),
        trained_until_ns=int(history.times[-1]) + calendar.step_ns,
    )
    fleet = _with_errors(fleet, history, held_out, n_steps, probabilities)
    recent = slice(-2 * ar.memory, None)
    residuals = ar.advanced(ar.empty_history(), held_out[recent], predictors.instant[recent])
    loads = recent_loads(history.load, calendar.n_instants)
    widths = LiveWidths.starting(fleet.quantiles)
    state = LiveState(fleet.trained_until_ns, weather, residuals, loads, widths)
    return TrainedFleet(fleet, state)


def _with_errors(
    fleet: Fleet, history: History, held_out: FloatArray, n_steps: int, probabilities: FloatArray
) -> Fleet:
    """Return the fleet with what its rolling-origin errors say: quantiles, variances, skill."""
    learnt = learn_errors(
        fleet.ar,
        held_out,
        history.load,
        fleet.link,
        ~fleet.usable,
        fleet.calendar.instant(history.times),
        fleet.calendar.n_instants,
        n_steps,
        probabilities,
    )
    if learnt is None:
        return fleet
    reasons = [
        reason or (NO_SKILL if naive else "")
        for reason, naive in zip(fleet.reasons, learnt.naive_wins.tolist(), strict=True)
    ]
    return replace(
        fleet,
        quantiles=learnt.quantiles,
        error_variance=learnt.variance,
        reasons=tuple(reasons),
    )


def _zones(
    history: History,
    specification: GamSpecification,
    predictors: Predictors,
    n_instants: int,
    blocks: IntArray,
) -> tuple[IntArray, FloatArray]:
    """Return the weather zone of each series and the station weights of each zone."""
    stations, weights = history.stations, history.weights
    if stations is None:
        return np.zeros(len(history.series), dtype=np.int64), np.empty((0, 0))
    if weights is None:
        weights = choose_station_weights(
            specification, predictors, stations, history.load, n_instants, blocks
        )
    weights = weights / weights.sum(axis=1, keepdims=True)
    rows, zone = np.unique(weights.round(9), axis=0, return_inverse=True)
    return zone.reshape(-1).astype(np.int64), rows
