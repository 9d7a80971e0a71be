"""The two reference cases of the accuracy benchmark, read from public data kept elsewhere.

Victoria (train 2012-13, test 2014, half-hourly) and the GEFCom2012 total (train 2004-01 to
2007-06, test 2007-07-01 to 2008-06-29, hourly). Nothing here is part of the product.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.calendar import Calendar
from forecasting.holidays import country_holidays
from forecasting.training import History

# School terms of Victoria, as published by its department of education.
VICTORIAN_TERMS = (
    ("2012-02-03", "2012-03-30"), ("2012-04-16", "2012-06-29"),
    ("2012-07-16", "2012-09-21"), ("2012-10-08", "2012-12-21"),
    ("2013-01-30", "2013-03-28"), ("2013-04-15", "2013-06-28"),
    ("2013-07-15", "2013-09-20"), ("2013-10-07", "2013-12-20"),
    ("2014-01-30", "2014-04-04"), ("2014-04-22", "2014-06-27"),
    ("2014-07-14", "2014-09-19"), ("2014-10-06", "2014-12-19"),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A history and its split; the last series is the one that is scored."""

    name: str
    calendar: Calendar
    history: History
    n_train: int
    origin_steps: int


def _ns(index: pd.DatetimeIndex) -> np.ndarray:
    return index.as_unit("ns").tz_convert(None).to_numpy().astype(np.int64)


def _school_holidays(first: str, last: str) -> np.ndarray:
    days = np.arange(np.datetime64(first), np.datetime64(last))
    school = np.zeros(len(days), dtype=bool)
    for start, end in VICTORIAN_TERMS:
        school |= (days >= np.datetime64(start)) & (days <= np.datetime64(end))
    return days[~school].astype(np.int64)


def victoria(data: Path) -> Case:
    table = pd.read_parquet(data / "aus_elec" / "aus_elec_2012_2014.parquet")
    zone = "Australia/Melbourne"
    local = table.index.tz_convert(zone).tz_localize(None).to_numpy().astype("datetime64[D]")
    # The flag follows standard time; in summer it strays an hour into the neighbouring day.
    days, flagged = np.unique(local[table["holiday_VIC"].to_numpy()], return_counts=True)
    calendar = Calendar(
        zone, 1_800_000_000_000, days[flagged > 24], _school_holidays("2011-12-31", "2015-01-02")
    )
    history = History(
        ("VIC",), _ns(table.index), table[["demand_VIC"]].to_numpy(np.float64),
        table[["temp_c_VIC"]].to_numpy(np.float64),
    )  # fmt: skip
    start = pd.Timestamp("2014-01-01", tz=zone).value
    return Case("VIC", calendar, history, int(np.searchsorted(history.times, start)), 11)


def gefcom2012(data: Path) -> Case:
    """Return the 20 zones and their total (last); backcast weeks stay missing."""
    folder = data / "gefcom2012_load"
    load = pd.read_parquet(folder / "load_history.parquet").astype(float)
    load = load.where(load > 0).interpolate(limit=6).loc[:"2008-06-29 23:00"] / 1e3
    temperature = pd.read_parquet(folder / "temperature_f.parquet").loc[load.index]
    zone = "Etc/GMT+5"
    values = np.column_stack([load.to_numpy(), load.to_numpy().sum(axis=1)])
    history = History(
        (*load.columns, "total"), _ns(load.index.tz_localize(zone)), values,
        (temperature.to_numpy(np.float64) - 32.0) / 1.8,
    )  # fmt: skip
    calendar = Calendar(zone, 3_600_000_000_000, country_holidays("US", 2004, 2008))
    start = pd.Timestamp("2007-07-01", tz=zone).value
    return Case("GEF", calendar, history, int(np.searchsorted(history.times, start)), 6)
