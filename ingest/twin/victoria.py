"""Demand and temperature of Victoria in 2014, as shipped (see ``ingest/data/README.md``)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from records.time import MINUTE, parse_time

__all__ = ["FIRST_HOUR", "LAST_HOUR", "STEP", "TIMEZONE", "Victoria", "read_victoria"]

TIMEZONE = "Australia/Melbourne"
STEP = 30 * MINUTE
FIRST_HOUR = parse_time("2014-01-01T00:00:00+11:00")
LAST_HOUR = parse_time("2014-12-31T14:00:00Z")
"""The local year; its first hour, before the first row, takes that row's value."""


@dataclass(frozen=True, slots=True, eq=False)
class Victoria:
    """The year, without a gap.

    Parameters
    ----------
    times
        Starts of the half hours, ns UTC, shape (17520,).
    demand_mw
        Mean demand of each half hour.
    temperature_degc
        Temperature of each half hour.
    """

    times: npt.NDArray[np.int64]
    demand_mw: npt.NDArray[np.float64]
    temperature_degc: npt.NDArray[np.float64]

    def demand_at(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Demand at moments (ns UTC), straight lines between the middles of the half hours."""
        return np.interp(times, self.times + STEP // 2, self.demand_mw)


def read_victoria() -> Victoria:
    """Read the shipped file.

    >>> read_victoria().demand_mw.shape
    (17520,)
    """
    with resources.files("ingest").joinpath("data/victoria_2014.parquet").open("rb") as file:
        table = pq.read_table(file)
    return Victoria(
        table["valid_time"].to_numpy().astype("datetime64[ns]").astype(np.int64),
        table["demand_mw"].to_numpy().astype(np.float64),
        table["temperature_degc"].to_numpy().astype(np.float64),
    )
