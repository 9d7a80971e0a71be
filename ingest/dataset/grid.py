"""Checks that times lie on the step's grid and come once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.dataset.columns import NO_TIME, Times
from ingest.dataset.tables import RawTable
from records.time import format_duration, format_time, parse_time

__all__ = ["complain_off_grid", "complain_repeats", "first_rows", "usual_step"]

_MANY = 24
_EARLIEST, _LATEST = parse_time("1950-01-01T00:00:00Z"), parse_time("2150-01-01T00:00:00Z")


def first_rows(code: npt.NDArray[np.int64], where: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the first row of each code among the rows marked, ascending.

    >>> first_rows(np.array([5, 4, 5, 4]), np.array([True, False, True, True])).tolist()
    [0, 3]
    """
    rows = np.flatnonzero(where)
    _, first = np.unique(code[rows], return_index=True)
    return np.sort(rows[first])


def usual_step(times: npt.NDArray[np.int64]) -> int:
    """Return the most common distance of different times, ns; 0 when there is one time only.

    >>> usual_step(np.array([0, 30, 60, 60, 120]))
    30
    """
    different = np.unique(times)
    if len(different) < 2:
        return 0
    distance, count = np.unique(np.diff(different), return_counts=True)
    return int(distance[np.argmax(count)])


def complain_off_grid(table: RawTable, ns: npt.NDArray[np.int64], step_ns: int) -> None:
    """Tell times out of all bounds, off the grid, and a step other than the hierarchy's."""
    known = ns != NO_TIME
    outside = known & ((ns < _EARLIEST) | (ns >= _LATEST))
    table.complain_rows(
        np.flatnonzero(outside),
        lambda row: f"valid_time {format_time(int(ns[row]))} cannot be right",
        "write a time between 1950 and 2150",
    )
    inside = known & ~outside
    seen = usual_step(ns[inside])
    if seen and (seen < step_ns or _never(step_ns, ns[inside])):
        table.complain(
            None,
            f"times are mostly {format_duration(seen)} apart",
            f"correct step in hierarchy.toml (now {format_duration(step_ns)}), or the times",
        )
        return
    phase = ns[inside] % step_ns
    if not len(phase):
        return
    values, count = np.unique(phase, return_counts=True)
    usual = values[np.argmax(count)]
    off = np.flatnonzero(inside)[phase != usual]
    table.complain_rows(
        off,
        lambda row: f"valid_time {format_time(int(ns[row]))} is off the grid of the others",
        f"write interval starts, {format_duration(step_ns)} apart",
    )


def _never(step_ns: int, times: npt.NDArray[np.int64]) -> bool:
    """Whether there are many times and no two of them are a step apart."""
    distances = np.diff(np.unique(times))
    return len(distances) >= _MANY and not bool((distances == step_ns).any())


def complain_repeats(
    table: RawTable,
    times: Times,
    keys: Sequence[npt.NDArray[np.int64]],
    timezone: str,
    name_of: Callable[[int], str],
) -> None:
    """Tell rows whose keys and time appeared before, and local labels that repeat an hour."""
    naive = times.naive
    if naive.any():
        again = _repeated((*keys, times.label), naive)
        table.complain_rows(
            again,
            lambda row: f"local labels repeat an hour ({name_of(row)} has this time twice)",
            "write each time with its offset from UTC, which differs between the two hours",
        )
    again = _repeated((*keys, times.ns), times.ns != NO_TIME)
    hidden = _repeats_an_hour(times.ns[again], timezone)
    table.complain_rows(
        again[hidden],
        lambda row: (
            f"local labels repeat an hour ({name_of(row)} has {format_time(int(times.ns[row]))} "
            "twice, when the clock goes back)"
        ),
        "write the two hours with their different offsets from UTC, or in UTC",
    )
    table.complain_rows(
        again[~hidden],
        lambda row: f"{name_of(row)} has {format_time(int(times.ns[row]))} twice",
        "keep one row, or number corrections in a column 'version'"
        if "version" not in table
        else "keep one row, or give the correction a higher version",
    )


def _repeated(
    keys: Sequence[npt.NDArray[np.int64]], where: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Rows that equal an earlier row in every key, ascending."""
    rows = np.flatnonzero(where)
    if not len(rows):
        return rows
    columns = [key[rows] for key in keys]
    order = np.lexsort((rows, *columns))
    same = np.ones(len(rows) - 1, bool)
    for column in columns:
        same &= np.diff(column[order]) == 0
    return np.sort(rows[order[1:][same]])


def _repeats_an_hour(ns: npt.NDArray[np.int64], timezone: str) -> npt.NDArray[np.bool_]:
    """Whether a time, read as UTC or as an hour of the local clock, is one that comes twice."""
    utc = pd.DatetimeIndex(ns.astype("datetime64[ns]"))
    local = utc.tz_localize("UTC").tz_convert(timezone).tz_localize(None)
    return np.asarray(_ambiguous(utc, timezone) | _ambiguous(local, timezone), dtype=bool)


def _ambiguous(wall: pd.DatetimeIndex, timezone: str) -> npt.NDArray[np.bool_]:
    placed = wall.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward")
    return np.asarray(placed.isna(), dtype=bool)
