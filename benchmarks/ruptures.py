"""Scores the rupture detectors of a file on injected ruptures, and their false alarms without.

    python benchmarks/ruptures.py --data DIR --json FILE [--seeds N]

DIR holds aus_elec/aus_elec_2012_2014.parquet and, if wanted, eia_labelled_public. False alarms are
lasting events on the data as they are: none is known there, so each counts as false, although some
may be real. Injected are, at a random moment after 300 days of a series: the level 8 % lower; the
day shifted by six hours; deviations from the last four weeks doubled; readings frozen for a day.
A rupture is found when a lasting event of any kind has its detection within seven days after it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _report import shared_data, write_report

from forecasting.rupture_finding import Finding
from forecasting.rupture_scan import scan

DAYS_BEFORE, DAYS_AFTER = 300, 7


def level(values: np.ndarray, at: int, per_day: int) -> np.ndarray:
    out = values.copy()
    out[at:] *= 0.92
    return out


def profile(values: np.ndarray, at: int, per_day: int) -> np.ndarray:
    out = values.copy()
    out[at:] = values[at - per_day // 4 : len(values) - per_day // 4]
    return out


def sigma(values: np.ndarray, at: int, per_day: int) -> np.ndarray:
    weeks = [np.roll(values, 7 * per_day * k) for k in (1, 2, 3, 4)]
    usual = np.mean(weeks, axis=0)
    out = values.copy()
    out[at:] = usual[at:] + 2.0 * (values - usual)[at:]
    return out


def frozen(values: np.ndarray, at: int, per_day: int) -> np.ndarray:
    out = values.copy()
    out[at : at + per_day] = out[at]
    return out


INJECTIONS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "level -8 %": level,
    "profile shifted 6 h": profile,
    "sigma x2": sigma,
    "frozen": frozen,
}


def lasting(events: list[Finding]) -> list[Finding]:
    return [event for event in events if event.kind != "outlier"]


def false_alarms(series: dict[str, np.ndarray], per_day: int) -> dict[str, Any]:
    told, years = {}, 0.0
    for name, values in series.items():
        told[name] = [event.kind for event in lasting(scan(values, per_day))]
        years += len(values) / per_day / 365.25
    count = sum(len(kinds) for kinds in told.values())
    return {
        "series_years": years,
        "false_alarms": count,
        "per_series_year": count / years,
        "kinds": told,
    }


def injected(series: dict[str, np.ndarray], per_day: int, seeds: int) -> dict[str, Any]:
    rows = {}
    for kind, change in INJECTIONS.items():
        hours, named, early, trials = [], 0, 0, 0
        for number, values in enumerate(series.values()):
            for seed in range(seeds):
                rng = np.random.default_rng([seed, number])
                before, after = DAYS_BEFORE * per_day, DAYS_AFTER * per_day
                at = int(rng.integers(before, len(values) - after))
                part = values[at - before : at + after]
                told = lasting(scan(change(part, before, per_day), per_day))
                early += any(event.detected < before for event in told)
                found = [event for event in told if event.detected >= before]
                trials += 1
                if found:
                    hours.append((found[0].detected + 1 - before) * 24.0 / per_day)
                    named += found[0].kind == kind.split()[0].replace("sigma", "variance")
        delays = np.array(hours)
        rows[kind] = {
            "trials": trials,
            "found_within_48_h_percent": 100.0 * float((delays <= 48.0).sum()) / trials,
            "found_within_7_days_percent": 100.0 * len(delays) / trials,
            "named_right_percent_of_found": 100.0 * named / max(len(delays), 1),
            "median_delay_hours_of_found": float(np.median(delays)) if len(delays) else None,
            "trials_with_an_alarm_before": early,
        }
    return rows


def aus_elec(data: Path) -> tuple[dict[str, np.ndarray], int]:
    table = pd.read_parquet(data / "aus_elec" / "aus_elec_2012_2014.parquet")
    names = ("NSW", "QLD", "SA", "TAS", "VIC")
    return {name: table[f"demand_{name}"].to_numpy(np.float64) for name in names}, 48


def eia(data: Path) -> tuple[dict[str, np.ndarray], int]:
    """Return raw hours whose label is OKAY, the others missing."""
    table = pd.read_parquet(data / "eia_labelled_public" / "eia_2015_2020.parquet")
    series = {}
    for name, rows in table.groupby("series", observed=True):
        known = rows["raw_mw"].astype("float64").where(rows["category"] == "OKAY")
        series[str(name)] = known.asfreq("h").to_numpy(np.float64)
    return series, 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=shared_data())
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    start = time.perf_counter()
    series, per_day = aus_elec(arguments.data)
    report: dict[str, Any] = {
        "aus_elec": {
            "as_it_is": false_alarms(series, per_day),
            "injected": injected(series, per_day, arguments.seeds),
        },
    }
    if (arguments.data / "eia_labelled_public").is_dir():
        hourly, per_day = eia(arguments.data)
        report["eia_labelled_public"] = {"as_it_is": false_alarms(hourly, per_day)}
    report["seconds"] = time.perf_counter() - start
    for name in ("aus_elec", "eia_labelled_public"):
        if name in report:
            row = report[name]["as_it_is"]
            print(f"{name}: {row['per_series_year']:.3f} false alarms a series-year {row['kinds']}")
    for kind, row in report["aus_elec"]["injected"].items():
        print(f"  {kind:20s} {row}")
    print(f"  {report['seconds']:.0f} s")
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
