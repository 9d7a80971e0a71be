"""One series in a file: its readings on a regular grid of times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.dataset.columns import NO_TIME, float_column, time_column
from ingest.dataset.errors import Problems
from ingest.dataset.grid import usual_step
from ingest.dataset.tables import RawTable, open_file
from records.time import DAY, MINUTE, format_duration, format_time

__all__ = ["SeriesFile", "read_series_file"]

_COLUMNS = ("valid_time", "value")
_MOST_STEPS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class SeriesFile:
    """A series.

    Attributes
    ----------
    start
        Start of the first interval, ns UTC.
    step
        Distance of two intervals, ns; divides a day.
    values
        In the file's own unit, shape (n_times,); NaN = missing.
    """

    start: int
    step: int
    values: npt.NDArray[np.float64]


def read_series_file(path: Path) -> SeriesFile:
    """Read ``valid_time`` and ``value`` of one series, Parquet or CSV, in any order of rows.

    Raises
    ------
    ingest.dataset.errors.DatasetError
        With everything that is wrong, each with its file, its row and what to do.
    """
    problems = Problems()
    table = open_file(path, _COLUMNS, (), problems)
    if table is None:
        problems.raise_if_any()
        raise AssertionError("a file that cannot be opened has a problem")
    times = time_column(table, "valid_time").ns
    values = float_column(table, "value")
    problems.raise_if_any()
    step = _step(table, times)
    problems.raise_if_any()
    place = (times - times.min()) // step
    order = np.argsort(place, kind="stable")
    again = order[1:][np.diff(place[order]) == 0]
    table.complain_rows(
        np.sort(again),
        lambda row: f"{format_time(int(times[row]))} comes twice",
        "keep one row a time; the file holds one series only",
    )
    if int(place.max()) >= _MOST_STEPS:
        table.complain(None, f"it spans {place.max()} steps", "give a shorter period")
    problems.raise_if_any()
    grid = np.full(int(place.max()) + 1, np.nan)
    grid[place] = values
    return SeriesFile(int(times.min()), step, grid)


def _step(table: RawTable, times: npt.NDArray[np.int64]) -> int:
    """Return the step of the grid, with a problem for each time off it."""
    assert NO_TIME not in times
    step = usual_step(times)
    if step == 0:
        table.complain(None, "it holds one time only", "give the whole series")
        return 1
    if step < MINUTE or DAY % step:
        table.complain(
            None,
            f"its times are {step / MINUTE:g} min apart",
            "give a series at a step of PT1M to P1D that divides a day, such as PT5M or PT1H",
        )
        return step
    # The grid is where most times are, whatever the first one is.
    phases, count = np.unique(times % step, return_counts=True)
    off = np.flatnonzero(times % step != phases[np.argmax(count)])
    table.complain_rows(
        off,
        lambda row: f"{format_time(int(times[row]))} is off the grid of {format_duration(step)}",
        "write the start of the interval; leave value empty where nothing is known",
    )
    return step
