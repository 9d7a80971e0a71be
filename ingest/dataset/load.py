"""The load of a dataset: readings in MW means over the step, with versions and availability."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.dataset.columns import (
    NO_TIME,
    Coded,
    float_column,
    int_column,
    text_column,
    time_column,
)
from ingest.dataset.grid import complain_off_grid, complain_repeats, first_rows
from ingest.dataset.hierarchy import HierarchySpec
from ingest.dataset.tables import RawTable
from ingest.dataset.units import unit_factors
from records.time import format_time

__all__ = ["LOAD_OPTIONAL", "LOAD_REQUIRED", "LoadGrid", "LoadReadings", "read_load"]

LOAD_REQUIRED = ("series", "valid_time", "value", "unit")
LOAD_OPTIONAL = ("version", "available_at")


@dataclass(frozen=True, slots=True, eq=False)
class LoadGrid:
    """Load as a table of every step.

    Parameters
    ----------
    series
        Ids of the bottom nodes, length n_series.
    times
        Interval starts, ns UTC, every step from the first to the last, shape (n_steps,).
    load_mw
        Mean power, NaN where missing, shape (n_steps, n_series).
    """

    series: tuple[str, ...]
    times: npt.NDArray[np.int64]
    load_mw: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LoadReadings:
    """Every reading and version as given, one a row, sorted by series, time and version.

    Parameters
    ----------
    series
        Ids of the bottom nodes, in the order of the hierarchy.
    step_ns
        Length of the intervals, ns.
    row
        Index into `series`, shape (n_readings,).
    valid_time
        Interval starts, ns UTC, shape (n_readings,).
    version
        From 1; the highest known wins. Shape (n_readings,).
    available_at
        When the reading could be known, ns UTC; the end of its interval where the file does
        not say. Shape (n_readings,).
    load_mw
        Mean power over the interval, NaN where missing, shape (n_readings,).
    """

    series: tuple[str, ...]
    step_ns: int
    row: npt.NDArray[np.int64]
    valid_time: npt.NDArray[np.int64]
    version: npt.NDArray[np.int64]
    available_at: npt.NDArray[np.int64]
    load_mw: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def grid(self, as_of: int | None = None) -> LoadGrid:
        """Return the highest version of every reading, or of those known at `as_of` (ns UTC).

        The grid spans all readings, known or not, so that grids of two moments align.
        """
        start = int(self.valid_time.min())
        n_steps = (int(self.valid_time.max()) - start) // self.step_ns + 1
        times = start + self.step_ns * np.arange(n_steps, dtype=np.int64)
        load_mw = np.full((len(times), len(self.series)), np.nan)
        known = slice(None) if as_of is None else self.available_at <= as_of
        step = (self.valid_time[known] - start) // self.step_ns
        # Rows are sorted by version, and the last of equal indices is the one that stays.
        load_mw[step, self.row[known]] = self.load_mw[known]
        return LoadGrid(self.series, times, load_mw)


def read_load(table: RawTable, hierarchy: HierarchySpec, notes: list[str]) -> LoadReadings | None:
    """Read the load table; None when a problem was found that leaves nothing to work with.

    Rows of a node that has children are left out, with a note: it is the sum of them.
    """
    step_ns = hierarchy.step_ns
    series = text_column(table, "series")
    times = time_column(table, "valid_time")
    value = float_column(table, "value")
    factor = unit_factors(table, text_column(table, "unit"), step_ns)
    n_rows = table.n_rows
    version = int_column(table, "version", 1) if "version" in table else np.ones(n_rows, np.int64)
    row, is_sum = _rows(table, series, hierarchy)
    complain_repeats(table, times, (series.code, version), hierarchy.timezone, series.at)
    complain_off_grid(table, times.ns, step_ns)
    usable = (row >= 0) & (times.ns != NO_TIME)
    end = np.where(usable, times.ns + np.where(usable, step_ns, 0), NO_TIME)
    available_at = _available_at(table, end)
    if is_sum.any():
        names = sorted({series.at(int(i)) for i in first_rows(series.code, is_sum)})
        notes.append(
            f"{table.file}: rows of {', '.join(names)} are left out, they are sums of other nodes"
        )
    bottom = hierarchy.bottom
    for number in np.flatnonzero(np.bincount(row[row >= 0], minlength=len(bottom)) == 0):
        table.complain(
            None,
            f"node {bottom[number]!r} of the hierarchy has no row",
            "add its load, or take the node out of hierarchy.toml",
        )
    if table.problems:
        return None
    keep = np.flatnonzero(usable)
    order = keep[np.lexsort((version[keep], times.ns[keep], row[keep]))]
    return LoadReadings(
        bottom,
        step_ns,
        row[order],
        times.ns[order],
        version[order],
        available_at[order],
        (value * factor)[order],
    )


def _rows(
    table: RawTable, series: Coded, hierarchy: HierarchySpec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Bottom row of every reading, -1 where it has none, and where a sum is meant."""
    bottom = {name: number for number, name in enumerate(hierarchy.bottom)}
    nodes = {node.id for node in hierarchy.nodes}
    row = np.array([*(bottom.get(name, -1) for name in series.names), -1])[series.code]
    sums = np.array([*(name in nodes and name not in bottom for name in series.names), False])
    unknown = np.array([*(bool(name) and name not in nodes for name in series.names), False])
    for first in first_rows(series.code, unknown[series.code]).tolist():
        name = series.at(first)
        near = difflib.get_close_matches(name, nodes, 1)
        hint = f"did you mean {near[0]!r}?" if near else "add a [[node]] to hierarchy.toml"
        table.complain(first, f"series {name!r} is not a node of the hierarchy", hint)
    return row, sums[series.code]


def _available_at(table: RawTable, end: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if "available_at" not in table:
        return end
    given = time_column(table, "available_at", required=False).ns
    early = (given != NO_TIME) & (end != NO_TIME) & (given < end)
    table.complain_rows(
        np.flatnonzero(early),
        lambda row: (
            f"available_at {format_time(int(given[row]))} is before the interval's end "
            f"{format_time(int(end[row]))}"
        ),
        "a mean can be known when its interval is over; times label interval starts",
    )
    return np.where(given == NO_TIME, end, given)
