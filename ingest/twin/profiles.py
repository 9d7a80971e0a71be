"""Real load profiles of the ``simbench`` package, laid on the days of another year.

SimBench (University of Kassel, Fraunhofer IEE, RWTH Aachen, TU Dortmund; data under the Open
Database Licence 1.0) ships a year of quarter hours with its networks. They are read from the
installed package, never copied. A day of the demo takes the day of that year that has the same
weekday and lies about half a year away, for the other hemisphere's summer; the clock is local.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.csv

from records.time import DAY, MINUTE

__all__ = ["PROFILES", "ProfilesMissingError", "local_profiles", "read_profiles"]

PROFILES = (
    "G0-A", "G0-M", "G1-A", "G2-A", "G4-A", "G4-H", "G4-M", "H0-H", "WB-H",
    "HS1", "HS2", "HS3", "HS5", "HS6", "HS8", "HS12", "HS13", "HS14", "HS16", "HS17", "HS18",
    "HS20", "HS21", "HS23", "HS24", "HS27",
)  # fmt: skip
"""Profiles of trades, households and high-voltage substations that repeat from week to week."""

QUARTER = 15 * MINUTE
_FILE = "networks/1-complete_data-mixed-all-0-sw/LoadProfile.csv"
_FIRST_DAY = np.datetime64("2016-01-01").astype(np.int64)
_YEAR = 52 * 7
_SHIFT = 23 * 7
"""Whole weeks, so weekdays stay; the demo's fortnight from 2014-11-10 falls on 30 May to 12 June,
without a public holiday of the source's, and summers meet summers."""


class ProfilesMissingError(RuntimeError):
    """The ``simbench`` package is not installed."""


def read_profiles() -> npt.NDArray[np.float64]:
    """Return the profiles by local day and quarter hour, each with mean 1.

    Returns
    -------
    Shape (366, 96, n_profiles). Where the clock goes forward the missing hour is drawn as a
    straight line, where it goes back the two hours are averaged.

    Raises
    ------
    ProfilesMissingError
        When the package that ships them is not installed.
    """
    found = importlib.util.find_spec("simbench")
    if found is None or found.origin is None:
        raise ProfilesMissingError(
            "the load profiles come from the package simbench, which is not installed; "
            "install gridcast with its extra: pip install 'gridcast[demo]'"
        )
    columns = [f"{name}_pload" for name in PROFILES]
    table = pyarrow.csv.read_csv(
        Path(found.origin).parent / _FILE,
        parse_options=pyarrow.csv.ParseOptions(delimiter=";"),
        convert_options=pyarrow.csv.ConvertOptions(include_columns=["time", *columns]),
    )
    wall = pd.to_datetime(pd.Series(table["time"].to_pylist()), format="%d.%m.%Y %H:%M")
    row = (wall.to_numpy("datetime64[ns]").astype(np.int64) - _FIRST_DAY * DAY) // QUARTER
    values = np.column_stack([table[name].to_numpy() for name in columns])
    count = np.bincount(row, minlength=366 * 96)
    present = np.flatnonzero(count)
    every = np.arange(366 * 96)
    out = np.empty((366 * 96, len(columns)))
    for number in range(len(columns)):
        mean = np.bincount(row, values[:, number], minlength=366 * 96)[present] / count[present]
        out[:, number] = np.interp(every, present, mean)
    return np.asarray((out / out.mean(axis=0)).reshape(366, 96, len(columns)))


def local_profiles(
    profiles: npt.NDArray[np.float64], local: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the profiles at quarter hours of a local clock.

    Parameters
    ----------
    profiles
        As `read_profiles` returns them.
    local
        Wall time of quarter hours, ns since 1970 as if local were UTC, shape (n_times,).

    Returns
    -------
    Shape (n_times, n_profiles).
    """
    day = local // DAY
    quarter = local % DAY // QUARTER
    return profiles[_counterpart(day), quarter]


def _counterpart(day: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Index of the source's day with the same weekday, for days since 1970.

    >>> march_tenth = np.array([np.datetime64("2014-03-10").astype(np.int64)])
    >>> index = _counterpart(march_tenth)
    >>> int((index[0] + _FIRST_DAY - march_tenth[0]) % 7)
    0
    """
    return np.asarray((day - _FIRST_DAY - _SHIFT) % _YEAR)
