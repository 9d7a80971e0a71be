"""Estimated states in files, read back as voltages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.dataset.columns import float_column, text_column
from ingest.dataset.errors import Problems
from ingest.dataset.tables import open_file
from network.arrays import Complexes
from network.islands import islands
from network.model import Network

__all__ = ["StateFile", "read_state_file"]

_COLUMNS = ("bus_id", "v_pu", "angle_deg")


@dataclass(frozen=True, slots=True, eq=False)
class StateFile:
    """A state of a network.

    Attributes
    ----------
    v : (n_bus,) complex
        Per unit; 0 at buses out of service.
    unobserved : tuple of str
        Buses whose voltage was not determined by measurements.
    """

    v: Complexes
    unobserved: tuple[str, ...]


def read_state_file(path: Path, network: Network) -> StateFile:
    """Read the voltages of every bus in service, Parquet or CSV.

    Parameters
    ----------
    path : Path
        Columns ``bus_id``, ``v_pu``, ``angle_deg`` and optionally ``observed``.
    network : Network

    Returns
    -------
    StateFile

    Raises
    ------
    ingest.dataset.errors.DatasetError
        Something in the file cannot be used, or a bus is not there.
    """
    problems = Problems()
    table = open_file(path, _COLUMNS, ("observed",), problems)
    if table is None:
        problems.raise_if_any()
        raise AssertionError("a file that cannot be opened has a problem")
    ids = text_column(table, "bus_id")
    magnitude, angle = float_column(table, "v_pu"), float_column(table, "angle_deg")
    problems.raise_if_any()
    names = [ids.at(row) for row in range(table.n_rows)]
    row_of = network.bus_rows(names)
    table.complain_rows(
        np.flatnonzero(row_of < 0),
        lambda row: f"the case has no bus {names[row]!r}",
        "give the state of this very case",
    )
    live = islands(network) >= 0
    at_live = (row_of >= 0) & live[row_of]
    usable = np.isfinite(magnitude) & (magnitude > 0) & np.isfinite(angle)
    table.complain_rows(
        np.flatnonzero(at_live & ~usable),
        lambda row: f"bus {names[row]}: v_pu {magnitude[row]:g}, angle_deg {angle[row]:g}",
        "write a voltage above 0 and an angle for every bus in service",
    )
    v = np.zeros(network.n_bus, dtype=np.complex128)
    kept = at_live & usable
    v[row_of[kept]] = magnitude[kept] * np.exp(1j * np.deg2rad(angle[kept]))
    absent = live.copy()
    absent[row_of[row_of >= 0]] = False
    if absent.any():
        some = ", ".join(network.buses.id[absent][:5].tolist())
        table.complain(None, f"no row for {absent.sum()} buses: {some}", "give all of the case")
    problems.raise_if_any()
    unobserved: tuple[str, ...] = ()
    if "observed" in table:
        marks = table.columns["observed"].to_pylist()
        blind = at_live & np.array([str(mark).lower() == "false" for mark in marks])
        unobserved = tuple(names[row] for row in np.flatnonzero(blind).tolist())
    return StateFile(v, unobserved)
