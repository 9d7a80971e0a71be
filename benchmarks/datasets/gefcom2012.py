"""GEFCom2012 load track as a gridcast dataset folder: 20 zones, 11 stations, hourly 2004-2008.

    python benchmarks/datasets/gefcom2012.py SRC DEST

SRC holds load_history.parquet, load_solution.parquet, temperature_f.parquet and holidays.csv
(Hong, Pinson and Fan, International Journal of Forecasting 30(2), 2014, appendix). The weeks
that contestants had to fill are taken from the published solution.

The source's clock is local without daylight saving, so five hours behind UTC all year. The
system is the sum of the 20 zones; loads stay in kW. A zone takes the three stations that
explain its load best (hour of the week, and a cubic of temperature for each hour of the day,
on 2004 and 2005 only), each with the same weight.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import pandas as pd
from dataset_folder import write_hierarchy, write_holidays, write_load, write_temperature

CLOCK = "Etc/GMT+5"
N_STATIONS = 3


def best_stations(load: pd.DataFrame, degc: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return, for each zone, the stations that leave the least of its variance unexplained."""
    local = load.index.tz_convert(CLOCK)
    early = (local.year < 2006) & load.notna().all(axis=1)
    hour, weekday = local.hour[early], local.weekday[early]
    target = load[early].to_numpy()
    target = target - load[early].groupby([weekday, hour]).transform("mean").to_numpy()
    error = np.empty((degc.shape[1], load.shape[1]))
    for number, station in enumerate(degc):
        warmth = degc.loc[early, station].to_numpy() / 10.0 - 1.5
        left = 0.0
        for instant in range(24):
            rows = hour == instant
            columns = np.vander(warmth[rows], 4)
            part = target[rows]
            left = left + ((part - columns @ np.linalg.lstsq(columns, part)[0]) ** 2).sum(axis=0)
        error[number] = left
    order = np.argsort(error, axis=0, kind="stable")[:N_STATIONS]
    return {
        zone: {str(degc.columns[row]): 1.0 for row in order[:, number]}
        for number, zone in enumerate(load)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("dest", type=Path)
    args = parser.parse_args()
    args.dest.mkdir(parents=True, exist_ok=True)
    history = pd.read_parquet(args.source / "load_history.parquet")
    solution = pd.read_parquet(args.source / "load_solution.parquet")
    load = history.astype("float64").fillna(solution[history.columns].astype("float64"))
    load.index = load.index.tz_localize(CLOCK).tz_convert("UTC")
    fahrenheit = pd.read_parquet(args.source / "temperature_f.parquet").astype("float64")
    fahrenheit.index = fahrenheit.index.tz_localize(CLOCK).tz_convert("UTC")
    degc = (fahrenheit - 32.0) * 5.0 / 9.0
    with (args.source / "holidays.csv").open(newline="") as lines:
        days = [(row["date"], row["holiday"]) for row in csv.DictReader(lines)]
    write_load(args.dest, load, "kW")
    write_temperature(args.dest, degc)
    write_holidays(args.dest, days)
    write_hierarchy(
        args.dest,
        timezone=CLOCK,
        step="PT1H",
        total="system",
        level="zone",
        stations=best_stations(load, degc),
    )


if __name__ == "__main__":
    main()
