"""Speed of the forecast core at fleet scale, beside its peers, one JSON a run.

    python benchmarks/forecast_speed.py --json FILE [--series 1000 5000] [--peers]

Synthetic load: two years of half-hours, shared design of 177 columns, random effects and noise.
Refit means: smoothing parameters of the last fit, new coefficients and scales for every series.
Medians of the repeats; memory is the peak of the process. --peers times pyGAM and statsmodels on
one series each with the same design and lags, and hierarchicalforecast where it is installed.
"""

import argparse
import importlib.util
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from _report import write_report

from forecasting.calendar import Calendar
from forecasting.fleet import Fleet
from forecasting.gam import GamModel
from forecasting.gam_fitting import fit_gam
from forecasting.hierarchy import Hierarchy
from forecasting.issue import issue
from forecasting.live import LiveState, recent_loads
from forecasting.live_widths import LiveWidths
from forecasting.predictors import Predictors
from forecasting.quantiles import PROBABILITIES, QuantileModel
from forecasting.recent import Recent
from forecasting.reconciliation import mint_shrink, wls
from forecasting.residuals import ArModel, default_lags
from forecasting.specification import default_specification
from forecasting.weather import smooth

HALF_HOUR = 1_800_000_000_000
N_INSTANTS, DAYS, STEPS = 48, 730, 96


def timed(function: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def weather_and_calendar() -> tuple[Calendar, np.ndarray, np.ndarray, Predictors]:
    calendar = Calendar("Europe/Paris", HALF_HOUR)
    start = np.datetime64("2022-01-01", "ns").astype(np.int64)
    times = start + HALF_HOUR * np.arange(N_INSTANTS * DAYS, dtype=np.int64)
    rng = np.random.default_rng(0)
    t = np.arange(len(times)) / N_INSTANTS
    drift = np.cumsum(rng.normal(0, 0.1, len(t)))
    temperature = 12 - 8 * np.cos(2 * np.pi * t / 365) - 4 * np.cos(2 * np.pi * t)
    temperature = (temperature + drift - np.convolve(drift, np.ones(480) / 480, "same"))[:, None]
    columns, _ = smooth(temperature, N_INSTANTS)
    return calendar, times, temperature, calendar.predictors(times).joined(columns.zone(0))


def fleet_load(n_series: int, predictors: Predictors) -> np.ndarray:
    """Return float32 loads, (n_times, n_series), so that 5,000 series fit beside their models."""
    rng = np.random.default_rng(1)
    shapes = np.stack(
        [
            np.sin(2 * np.pi * predictors.instant / N_INSTANTS),
            (predictors["day_class"] > 4).astype(float),
            np.maximum(15 - predictors["temperature_1d"], 0) / 10,
        ],
        axis=1,
    ).astype(np.float32)
    gains = rng.uniform(0.05, 0.3, (3, n_series)).astype(np.float32)
    out = np.empty((len(predictors), n_series), dtype=np.float32)
    for start in range(0, len(out), 4_800):
        part = slice(start, start + 4_800)
        noise = rng.standard_normal((len(shapes[part]), n_series), dtype=np.float32)
        out[part] = np.exp(3 + shapes[part] @ gains + 0.05 * noise)
    return out


def tree(n_leaves: int) -> Hierarchy:
    zones, areas = 10, 100
    ids = ["total", *(f"z{i}" for i in range(zones)), *(f"a{i}" for i in range(areas))]
    parents: list[str | None] = [None, *["total"] * zones, *(f"z{i % zones}" for i in range(areas))]
    ids += [f"b{i}" for i in range(n_leaves)]
    parents += [f"a{i % areas}" for i in range(n_leaves)]
    levels = ["total", *["zone"] * zones, *["area"] * areas, *["bus"] * n_leaves]
    return Hierarchy(tuple(ids), tuple(levels), tuple(parents))


def refit(n_series: int, predictors: Predictors, repeats: int) -> tuple[dict[str, Any], GamModel]:
    load = fleet_load(n_series, predictors)
    specification = default_specification(float(DAYS))
    start = time.perf_counter()
    first = fit_gam(specification, predictors, load, N_INSTANTS).model
    selected = time.perf_counter() - start
    seconds = timed(
        lambda: fit_gam(
            first.design.specification,
            predictors,
            load,
            N_INSTANTS,
            link=first.link,
            smoothing=first.smoothing,
        ),
        repeats,
    )
    figures = {
        "series": n_series,
        "columns": first.design.n_columns,
        "first_fit_s": selected,
        "refit_s": seconds,
        "refit_us_per_gam": 1e6 * seconds / (n_series * N_INSTANTS),
        "peak_memory_gb": peak_gb(),
    }
    return figures, first


def issuing(model: GamModel, calendar: Calendar, times: np.ndarray, repeats: int) -> dict[str, Any]:
    n = model.n_series
    rng = np.random.default_rng(2)
    lags = default_lags(N_INSTANTS)
    coefficients = rng.uniform(-0.02, 0.05, (N_INSTANTS, len(lags), n))
    fleet = Fleet(
        series=tuple(f"b{i}" for i in range(n)),
        calendar=calendar,
        station_weights=np.ones((1, 1)),
        zone=np.zeros(n, dtype=np.int64),
        gams=(model,),
        ar=ArModel(lags, coefficients, np.ones(n)),
        quantiles=QuantileModel(
            PROBABILITIES,
            np.full((STEPS, n), 0.1),
            np.ones((N_INSTANTS, n)),
            np.sort(rng.normal(size=(4, len(PROBABILITIES), n)), axis=1),
            np.minimum(np.arange(STEPS) // 24, 3),
        ),
        error_variance=np.ones(n),
        reasons=("",) * n,
        trained_until_ns=int(times[-1]) + HALF_HOUR,
    )
    warm, _ = np.full((N_INSTANTS * 60, 1), 12.0), None
    _, weather = smooth(warm, N_INSTANTS)
    state = LiveState(
        fleet.trained_until_ns,
        weather,
        Recent.of(rng.normal(0, 0.1, (fleet.ar.memory, n)), fleet.ar.memory),
        recent_loads(rng.uniform(10, 30, (28 * N_INSTANTS, n)), N_INSTANTS),
        LiveWidths.starting(fleet.quantiles),
    )
    flat = Hierarchy(fleet.series, ("bus",) * n, (None,) * n)
    alone = fleet.reconciler(flat)
    whole = fleet.reconciler(tree(n))
    ahead = np.full((STEPS, 1), 8.0)
    return {
        "series": n,
        "steps": STEPS,
        "quantiles": len(PROBABILITIES),
        "issue_ms": 1e3 * timed(lambda: issue(fleet, state, alone, STEPS, ahead), repeats),
        "issue_reconciled_ms": 1e3
        * timed(lambda: issue(fleet, state, whole, STEPS, ahead), repeats),
        **taking_in(fleet, state, rng.uniform(10, 30, (1, n)), np.full((1, 1), 8.0)),
    }


def taking_in(
    fleet: Fleet, state: LiveState, reading: np.ndarray, now: np.ndarray
) -> dict[str, float]:
    """Three days of readings one after another, as they come in life."""
    took = []
    for _ in range(3 * N_INSTANTS):
        start = time.perf_counter()
        state = state.advanced(fleet, reading, now)
        took.append(1e3 * (time.perf_counter() - start))
    return {
        "take_in_one_reading_ms": float(np.median(took)),
        "take_in_one_reading_worst_ms": max(took),
    }


def reconciling(n_leaves: int, repeats: int) -> dict[str, Any]:
    hierarchy = tree(n_leaves)
    rng = np.random.default_rng(3)
    errors = hierarchy.aggregate(rng.normal(size=(n_leaves, 1_440))).T.copy()
    errors += rng.normal(size=errors.shape)
    base = rng.uniform(5, 10, (len(hierarchy), STEPS))
    variance = errors.var(axis=0)
    out: dict[str, Any] = {"leaves": n_leaves, "nodes": len(hierarchy), "steps": STEPS}
    for name, build in (
        ("wls", lambda: wls(hierarchy, variance)),
        ("mint_shrink", lambda: mint_shrink(hierarchy, errors)),
    ):
        reconciler = build()
        out[name] = {
            "setup_s": timed(build, max(1, repeats // 2)),
            "apply_ms": 1e3 * timed(lambda r=reconciler: r.apply(base), repeats),
            "incoherence": hierarchy.incoherence(reconciler.apply(base)),
        }
    if n_leaves <= 1_000 and importlib.util.find_spec("hierarchicalforecast"):
        from hierarchicalforecast.methods import MinTrace

        S = hierarchy.summing_matrix.toarray()
        order = np.r_[np.setdiff1d(np.arange(len(hierarchy)), hierarchy.leaves), hierarchy.leaves]
        y = rng.uniform(5, 10, errors.T.shape)
        peer = MinTrace(method="wls_var")
        start = time.perf_counter()
        theirs = peer.fit_predict(
            S=S[order],
            y_hat=base[order],
            y_insample=y[order],
            y_hat_insample=(y - errors.T)[order],
        )["mean"]
        out["hierarchicalforecast_wls_s"] = time.perf_counter() - start
        own = wls(hierarchy, (errors**2).mean(axis=0)).apply(base)[order]
        out["difference_to_hierarchicalforecast"] = float(np.abs(theirs - own).max())
    return out


def peers(predictors: Predictors, own_us_per_gam: float) -> dict[str, Any]:
    from forecasting.backends.pygam_backend import pygam_model
    from forecasting.backends.statsmodels_backend import seasonal_model

    load = fleet_load(1, predictors).astype(np.float64)
    model = fit_gam(default_specification(float(DAYS)), predictors, load, N_INSTANTS).model
    names: dict[str, int] = {}
    for term in model.design.specification.terms:
        for name in getattr(term, "columns", None) or (term.column,):
            names.setdefault(name, len(names))
    rows = np.flatnonzero(predictors.instant == 16)
    table = np.column_stack([predictors[name][rows] for name in names])
    z = model.link.forward(load)[rows, 0]
    build = lambda: pygam_model(  # noqa: E731
        model.design.specification, names, model.smoothing[16]
    ).fit(table, z)
    pygam_s = timed(build, 3)
    residual = np.random.default_rng(4).normal(size=60 * 24)
    seasonal = seasonal_model(residual, 24)
    statsmodels_s = timed(lambda: seasonal.fit(disp=False, maxiter=50), 1)
    return {
        "pygam_one_gam_ms": 1e3 * pygam_s,
        "pygam_over_own": 1e6 * pygam_s / own_us_per_gam,
        "statsmodels_sarimax_60_days_hourly_s": statsmodels_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--series", type=int, nargs="+", default=[1_000, 5_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    report: dict[str, Any] = {
        "refit": [],
        "issue": [],
        "reconcile": [],
    }
    calendar, times, _, predictors = weather_and_calendar()
    for n_series in arguments.series:
        fitted, model = refit(n_series, predictors, arguments.repeats)
        report["refit"].append(fitted)
        print(fitted, flush=True)
        report["issue"].append(issuing(model, calendar, times, arguments.repeats))
        del model
        print(report["issue"][-1], flush=True)
        report["reconcile"].append(reconciling(n_series, arguments.repeats))
        print(report["reconcile"][-1], flush=True)
    if arguments.peers:
        report["peers"] = peers(predictors, report["refit"][-1]["refit_us_per_gam"])
        print(report["peers"], flush=True)
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
