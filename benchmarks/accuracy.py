"""Accuracy of mid-term and short-term forecasts on two public cases, one JSON a run.

    python benchmarks/accuracy.py --data DIR --json FILE [--cases VIC GEF] [--boosting]

Protocol: VIC trains on 2012-13 and is tested on 2014; GEF (the GEFCom2012 total) trains on 2004-01
to 2007-06 and is tested on 2007-07-01 to 2008-06-29. Actual temperature. Mid-term: fitted once on
the training window. Leads: additive model refitted by month, origins every 5 h plus one step; lead
PTnH is the interval that ends n hours after the issue. MAPE in percent with a 90 % interval by
drawing whole weeks. DIR holds the folders aus_elec and gefcom2012_load.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from _report import shared_data, write_report
from forecast_cases import Case, gefcom2012, victoria

from forecasting.aggregation import aggregate, lead_bands
from forecasting.backtest import MidTermBacktest, mid_term_backtest, week_bootstrap
from forecasting.boosting.features import MEMORY_DAYS, Past
from forecasting.boosting.trees import fit_boosted
from forecasting.calendar import NS_PER_DAY
from forecasting.conformal import calibrate
from forecasting.direct import fit_direct
from forecasting.kalman import adapt, choose_drift
from forecasting.quantiles import fit_quantiles
from forecasting.residuals import default_lags, fit_ar
from forecasting.rolling_origin import Origins, choose_origins, short_term_errors
from forecasting.scores import coverage, crps, score
from forecasting.specification import default_specification
from forecasting.training import History

HOURS = 48


def percent_error(actual: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    return 100.0 * np.abs(forecast - actual) / actual


def mid_term(case: Case, run: MidTermBacktest, load: np.ndarray) -> dict[str, Any]:
    test = slice(case.n_train, None)
    actual, day = load[test], case.calendar.day(case.history.times[test])
    forecast = run.link.inverse(run.static)[test]
    naive = load[np.arange(case.n_train, len(load)) - 7 * case.calendar.n_instants]
    errors = percent_error(actual, forecast)[:, 0]
    s = score(actual, forecast)
    return {
        "gam": float(s.mape[0]),
        "gam_interval90": week_bootstrap({"gam": errors}, day // 7)["gam"],
        "seasonal_naive_7d": float(score(actual, naive).mape[0]),
        "bias_percent": float(100.0 * s.bias[0] / np.nanmean(actual)),
        "gam_refitted_by_month": float(score(actual, run.link.inverse(run.rolling)[test]).mape[0]),
    }


def experts(case: Case, run: MidTermBacktest, origins: Origins) -> dict[str, np.ndarray]:
    """Return (n_origins, n_steps, 1) on the standardised link scale, by method."""
    n_instants, train = case.calendar.n_instants, slice(0, case.n_train)
    z, instant, rows = run.standard, run.predictors.instant, origins.targets()
    residual = z - run.rolling
    lags = default_lags(n_instants)
    ar = fit_ar(residual[train], lags, instant[train], n_instants)
    direct = fit_direct(residual[train], origins.n_steps, n_instants)
    effects = run.model.contributions(run.predictors)
    effects[0] -= run.link.centre
    effects /= run.link.spread
    year = slice(case.n_train - 365 * n_instants, case.n_train)
    drift = choose_drift(effects[:, train], z[train], n_instants, year)
    kalman = adapt(effects, z, n_instants, drift)
    adapted = z - kalman.by_age[0]
    late = slice(30 * n_instants, case.n_train)
    kalman_ar = fit_ar(adapted[late], lags, instant[late], n_instants)

    def followed(base: np.ndarray, left: np.ndarray, model: Any) -> np.ndarray:
        return base + left[rows] - short_term_errors(model, left, origins, instant)

    return {
        "gam": run.rolling[rows],
        "gam_ar": followed(run.rolling[rows], residual, ar),
        "gam_direct": run.rolling[rows] + direct.forecast(residual, origins.rows),
        "kalman_ar": followed(kalman.at(rows, n_instants), adapted, kalman_ar),
        "seasonal_naive_7d": z[rows - 7 * n_instants],
    }


def boosted(case: Case, run: MidTermBacktest, origins: Origins) -> np.ndarray:
    """Return the trees' forecast on the standardised link scale, (n_origins, n_steps, 1)."""
    n_instants, train = case.calendar.n_instants, slice(0, case.n_train)
    instant, residual = run.predictors.instant, run.standard - run.rolling
    ar = fit_ar(residual[train], default_lags(n_instants), instant[train], n_instants)
    direct = fit_direct(residual[train], origins.n_steps, n_instants)

    def others(left: np.ndarray, at: Origins) -> np.ndarray:
        followed = left[at.targets()] - short_term_errors(ar, left, at, instant)
        return np.concatenate([followed, direct.forecast(left, at.rows)], axis=2)

    first = MEMORY_DAYS * n_instants + 7 * n_instants
    past = Past(run.standard[:, 0], run.rolling[:, 0], run.predictors, n_instants)
    before = Past(past.load[train], past.base[train], run.predictors.rows(train), n_instants)
    early = Origins(np.arange(first, case.n_train - origins.n_steps + 1), origins.n_steps)
    model = fit_boosted(before, early, others(residual[train], early))
    return model.forecast(past, origins, others(residual, origins))[:, :, None]


def by_lead(errors: np.ndarray, per_hour: int) -> dict[str, np.ndarray]:
    """Return the error of each origin, (n_origins,), by lead."""
    day = 24 * per_hour
    out = {f"PT{h}H": errors[:, h * per_hour - 1] for h in (1, 6, 24, 48)}
    with np.errstate(invalid="ignore"):
        for name, part in (("0-24h", errors[:, :day]), ("24-48h", errors[:, day:])):
            known = np.isfinite(part)
            total = np.where(known, part, 0.0).sum(axis=1)
            out[name] = np.where(
                known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan
            )
    return out


def quantile_scores(
    case: Case, run: MidTermBacktest, origins: Origins, forecast: np.ndarray, actual: np.ndarray
) -> dict[str, Any]:
    n_instants, train = case.calendar.n_instants, slice(0, case.n_train)
    instant, residual = run.predictors.instant, run.standard - run.rolling
    ar = fit_ar(residual[train], default_lags(n_instants), instant[train], n_instants)
    past = choose_origins(case.n_train, 14 * n_instants, origins.n_steps, n_instants, most=700)
    errors = short_term_errors(ar, residual[train], past, instant)
    probabilities = np.arange(0.05, 0.951, 0.05)
    model = fit_quantiles(errors, instant[past.targets()], n_instants, probabilities)
    rows = origins.targets()
    offsets = np.stack([model.offsets(instant[r]) for r in rows])
    left = run.standard[rows] - forecast
    corrected = calibrate(offsets, left, origins.rows, lead_bands(rows.shape[1], n_instants), 0.9)
    out = {}
    for name, spread in (("training", offsets), ("conformal", corrected)):
        fan = run.link.inverse(forecast[:, None] + spread)[..., 0].swapaxes(0, 1)
        out[name] = fan_scores(actual, fan, probabilities, n_instants)
    return out


def fan_scores(
    actual: np.ndarray, fan: np.ndarray, probabilities: np.ndarray, n_instants: int
) -> dict[str, Any]:
    day = n_instants
    bands = {"0-6h": slice(0, day // 4), "6-24h": slice(day // 4, day), "24-48h": slice(day, None)}
    return {
        "crps_percent_of_mean": 100.0
        * crps(actual, fan, probabilities)
        / float(np.nanmean(actual)),
        "coverage90": {
            name: coverage(actual[:, part], fan[0][:, part], fan[-1][:, part])
            for name, part in bands.items()
        },
    }


def over_forecasts(case: Case, rows: np.ndarray, over: np.ndarray) -> dict[str, float]:
    """Return the extremes of the share of over-forecasts by hour of day and month."""
    times = case.history.times[rows]
    local = case.calendar.local(times.ravel())
    hour = local % NS_PER_DAY // 3_600_000_000_000
    month = local.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64) % 12
    cell = month * 24 + hour
    count = np.bincount(cell, minlength=288)
    share = 100.0 * np.bincount(cell, over.ravel().astype(float), minlength=288)
    share = share[count > 0] / count[count > 0]
    return {
        "lowest": float(share.min()),
        "highest": float(share.max()),
        "cells_within_40_60_percent": float(100.0 * np.mean((share >= 40) & (share <= 60))),
    }


def run_case(case: Case, *, trees: bool) -> dict[str, Any]:
    start = time.perf_counter()
    history = case.history
    total = History(history.series[-1:], history.times, history.load[:, -1:], history.stations)
    vacations = len(case.calendar.vacations) > 0
    specification = default_specification(900.0, vacations=vacations)
    ((_, run),) = mid_term_backtest(case.calendar, total, specification, case.n_train)
    n_instants, per_hour = case.calendar.n_instants, case.calendar.n_instants // 24
    n_steps = HOURS * per_hour
    rows = np.arange(case.n_train, len(total.times) - n_steps + 1, case.origin_steps)
    origins = Origins(rows, n_steps)
    actual = total.load[origins.targets()][..., 0]
    standard = experts(case, run, origins)
    stacked = np.stack(list(standard.values()), axis=2)
    band = lead_bands(n_steps, n_instants)
    truth = run.standard[origins.targets()]
    standard["aggregated"] = aggregate(stacked, truth, rows, band)
    if trees:
        standard["boosted"] = boosted(case, run, origins)
    week = case.calendar.day(total.times[rows]) // 7
    leads = {}
    for method, values in standard.items():
        errors = percent_error(actual, run.link.inverse(values.copy())[..., 0])
        parts = by_lead(errors, per_hour)
        intervals = week_bootstrap(parts, week)
        leads[method] = {
            lead: {"mape": float(np.nanmean(e)), "interval90": intervals[lead]}
            for lead, e in parts.items()
        }
    short = run.link.inverse(standard["gam_ar"].copy())[..., 0]
    return {
        "mid_term_mape": mid_term(case, run, total.load),
        "lead_mape": leads,
        "gam_ar_quantiles": quantile_scores(case, run, origins, standard["gam_ar"], actual),
        "gam_ar_over_forecasts_0_24h": over_forecasts(
            case,
            origins.targets()[:, : 24 * per_hour],
            (short > actual)[:, : 24 * per_hour],
        ),
        "n_origins": len(rows),
        "seconds": time.perf_counter() - start,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=shared_data())
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--cases", nargs="+", default=["VIC", "GEF"], choices=["VIC", "GEF"])
    parser.add_argument(
        "--boosting", action="store_true", help="boosted trees too (minutes; needs lightgbm)"
    )
    arguments = parser.parse_args()
    read = {"VIC": victoria, "GEF": gefcom2012}
    report: dict[str, Any] = {
        "cases": {},
    }
    for name in arguments.cases:
        result = run_case(read[name](arguments.data), trees=arguments.boosting)
        report["cases"][name] = result
        print(f"{name}: mid-term {result['mid_term_mape']['gam']:.3f} %")
        for method, row in result["lead_mape"].items():
            figures = "  ".join(f"{lead} {v['mape']:.3f}" for lead, v in row.items())
            print(f"  {method:18s} {figures}")
        print(f"  quantiles {result['gam_ar_quantiles']}  {result['seconds']:.0f} s", flush=True)
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
