"""Composes an issue: every method, quantiles, provenance and daily sums for all series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import AnyArray, BoolArray, FloatArray, IntArray
from forecasting.cold_start import ColdStart, cold_start
from forecasting.fan import fan
from forecasting.fleet import Fleet
from forecasting.hierarchy import Hierarchy
from forecasting.level_fallback import LevelFallback
from forecasting.live import LiveState
from forecasting.naive import seasonal_naive
from forecasting.reconciliation import Reconciler
from forecasting.temporal import DailySums, daily_sums

__all__ = ["Issue", "issue"]

_NO_MODEL = "no model for this series yet"
_NO_WEATHER = "no temperature known yet"
_RUPTURED = "rupture of the level: the level since then, with the shape learnt before"
_MOVED = "moved with what ruptured below it"
_NOTHING_KNOWN = "nothing known of this series: what the others of the hierarchy imply"


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of forecasts.

    Attributes
    ----------
    series
        Ids, in the order of the hierarchy.
    times
        Starts of the steps, int64 ns UTC, shape (n_steps,); the first is the issue time.
    forecasts
        MW by method (``seasonal_naive_7d``, ``gam``, ``gam_ar``, ``reconciled``), each of shape
        (n_series, n_steps). In all but the naive a series whose model cannot be used carries the
        naive; NaN only where a series has neither model nor past.
    probabilities
        Shape (n_quantiles,).
    quantiles
        Of the reconciled forecast, MW, shape (n_series, n_quantiles, n_steps), never crossing.
    method, reason
        Per series, the method behind the published forecast (``cold_start`` or ``sharing_key``
        for a new point) and why it is not the model's.
    daily
        Energy by local day of the reconciled forecast.
    hierarchy_version
        Of the sums that hold.
    """

    series: tuple[str, ...]
    times: IntArray
    forecasts: Mapping[str, FloatArray]
    probabilities: FloatArray
    quantiles: FloatArray
    method: tuple[str, ...]
    reason: tuple[str, ...]
    daily: DailySums
    hierarchy_version: str


def issue(
    fleet: Fleet,
    state: LiveState,
    reconciler: Reconciler,
    n_steps: int,
    stations: FloatArray | None = None,
    fallback: LevelFallback | None = None,
) -> Issue:
    """Forecast the intervals that follow the state.

    Parameters
    ----------
    reconciler
        From ``fleet.reconciler(hierarchy)``, set up once a hierarchy. Nodes without a model take
        what the others imply; series outside the hierarchy are left out.
    n_steps
        Number of steps.
    stations
        Temperature forecast, degC, shape (n_steps, n_stations). A gap takes the temperature a
        day before.
    fallback
        Steps of the level of series that ruptured; the hierarchy must then be that of the fleet.
    """
    calendar, tree = fleet.calendar, reconciler.hierarchy
    times = state.end_ns + calendar.step_ns * np.arange(n_steps, dtype=np.int64)
    mid_term, _, predictors = fleet.predict_standard(times, stations, state.weather)
    residuals, loads = state.residuals, state.loads
    if fallback is not None:
        mid_term = mid_term + fallback.offset
        residuals = fallback.residuals(state, calendar.step_ns)
        loads = fallback.loads(fleet, state)
    short_term = mid_term + fleet.ar.forecast(residuals, predictors.instant)
    naive = seasonal_naive(loads, calendar.n_instants, n_steps)
    usable = fleet.usable & np.isfinite(mid_term).all(axis=0)
    base = np.where(usable, fleet.link.inverse(np.where(usable, short_term, 0.0)), naive)
    gam = np.where(usable, fleet.link.inverse(np.where(usable, mid_term, 0.0)), naive)
    place = _places(fleet.series, tree.ids)
    started = None
    if fleet.new.any():
        served = np.where(usable, base, np.nan)
        above = _parents(fleet.series, tree)
        started = cold_start(fleet.new, fleet.series, above, loads, served, calendar.n_instants)
        base = np.where(np.isfinite(started.values), started.values, base)
        gam = np.where(np.isfinite(started.values), started.values, gam)
    forecasts = {
        "seasonal_naive_7d": _in_order(naive, place),
        "gam": _in_order(gam, place),
        "gam_ar": _in_order(base, place),
    }
    believed = forecasts["gam_ar"]
    if started is not None:
        outgrown = started.outgrown(fleet.error_variance)
        believed = np.where(((place >= 0) & outgrown[place])[:, None], np.nan, believed)
    reconciled = reconciler.apply(believed)
    forecasts["reconciled"] = reconciled
    widths = state.widths.conformal.log_scale
    spread = fleet
    if started is not None:
        spread = replace(fleet, quantiles=started.spread(fleet.quantiles, fleet.link))
    quantiles = fan(spread, place, predictors.instant, widths, forecasts["gam_ar"], reconciled)
    known = np.asarray(np.isfinite(forecasts["gam_ar"]).all(axis=1))
    method, reason = _provenance(fleet, usable, place, known, fallback, started)
    return Issue(
        series=tree.ids,
        times=times,
        forecasts=forecasts,
        probabilities=fleet.quantiles.probabilities,
        quantiles=quantiles,
        method=method,
        reason=reason,
        daily=daily_sums(calendar, times, reconciled),
        hierarchy_version=tree.version,
    )


def _places(series: tuple[str, ...], ids: tuple[str, ...]) -> IntArray:
    """Return the place of each node among the series, -1 where it has no model."""
    place = {name: i for i, name in enumerate(series)}
    return np.array([place.get(node, -1) for node in ids], dtype=np.int64)


def _parents(series: tuple[str, ...], tree: Hierarchy) -> IntArray:
    """Return the place of the sum that each series is part of, -1 without."""
    place = {name: i for i, name in enumerate(series)}
    above = {node: parent for node, parent in zip(tree.ids, tree.parents, strict=True) if parent}
    return np.array([place.get(above.get(name, ""), -1) for name in series], dtype=np.int64)


def _in_order(values: FloatArray, place: IntArray) -> FloatArray:
    """Return (n_nodes, n_steps) in the order of the hierarchy from (n_steps, n_series)."""
    ordered = np.ascontiguousarray(values[:, place].T)
    ordered[place < 0] = np.nan
    return ordered


def _provenance(
    fleet: Fleet,
    usable: BoolArray,
    place: IntArray,
    known: BoolArray,
    fallback: LevelFallback | None,
    started: ColdStart | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    never = np.zeros(len(usable), dtype=np.bool_)
    ruptured, moved = (never, never) if fallback is None else (fallback.ruptured, fallback.moved)
    own = place >= 0
    naive_reason = np.array([reason or _NO_WEATHER for reason in fleet.reasons], dtype=object)
    cases: list[tuple[BoolArray, str, str | AnyArray]] = [
        (own & known & ruptured[place], "shallow_level", _RUPTURED),
        (own & usable[place] & moved[place], "gam_ar", _MOVED),
        (own & usable[place], "gam_ar", ""),
        (own & known, "seasonal_naive_7d", naive_reason[place]),
        (own, "reconciled", _NOTHING_KNOWN),
    ]
    when = [case[0] for case in cases]
    method = np.select(when, [np.array(case[1], object) for case in cases], "reconciled")
    reason = np.select(when, [np.asarray(case[2], object) for case in cases], _NO_MODEL)
    if started is not None:
        begun = own & (started.method[place] != "")
        method = np.where(begun, started.method[place], method)
        reason = np.where(begun, started.reason[place], reason)
    return tuple(method.tolist()), tuple(reason.tolist())
