"""What is in use today: forecasts as someone else issued them, to be scored beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.dataset.columns import NO_TIME, float_column, text_column, time_column
from ingest.dataset.errors import Problems
from ingest.dataset.grid import complain_off_grid, complain_repeats, first_rows
from ingest.dataset.hierarchy import HierarchySpec
from ingest.dataset.tables import open_table
from ingest.dataset.units import unit_factors

__all__ = ["IncumbentForecasts", "read_incumbent"]

_COLUMNS = ("series", "issue_time", "valid_time", "value", "unit")


@dataclass(frozen=True, slots=True, eq=False)
class IncumbentForecasts:
    """Forecasts as issued, one value a row.

    Parameters
    ----------
    node
        Place in the hierarchy, shape (n_values,).
    issue_time, valid_time
        ns UTC, shape (n_values,).
    load_mw
        Mean power over the interval, shape (n_values,).
    """

    node: npt.NDArray[np.int64]
    issue_time: npt.NDArray[np.int64]
    valid_time: npt.NDArray[np.int64]
    load_mw: npt.NDArray[np.float64]


def read_incumbent(folder: Path, hierarchy: HierarchySpec) -> IncumbentForecasts | None:
    """Read ``incumbent.parquet`` or ``incumbent.csv`` of a dataset folder; None without one.

    Raises
    ------
    ingest.dataset.errors.DatasetError
        With everything that is wrong with it.
    """
    problems = Problems()
    table = open_table(folder, "incumbent", _COLUMNS, (), problems)
    if table is None:
        problems.raise_if_any()
        return None
    series = text_column(table, "series")
    issued, times = time_column(table, "issue_time"), time_column(table, "valid_time")
    value = float_column(table, "value")
    factor = unit_factors(table, text_column(table, "unit"), hierarchy.step_ns)
    place = {node.id: number for number, node in enumerate(hierarchy.nodes)}
    node = np.array([*(place.get(name, -1) for name in series.names), -1])[series.code]
    for row in first_rows(series.code, (node < 0) & (series.code >= 0)).tolist():
        table.complain(
            row, f"series {series.at(row)!r} is not a node of the hierarchy", "name a node of it"
        )
    complain_repeats(table, times, (series.code, issued.ns), hierarchy.timezone, series.at)
    complain_off_grid(table, times.ns, hierarchy.step_ns)
    problems.raise_if_any()
    good = (times.ns != NO_TIME) & np.isfinite(value)
    return IncumbentForecasts(node[good], issued.ns[good], times.ns[good], (value * factor)[good])
