"""A network of several areas: copies of the IEEE 118-bus system, tied to the first one."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

import numpy as np

from ingest.network_files import read_case
from network.model import Branches, Buses, BusKind, Generators, Loads, Network
from network.published.ieee118 import with_published_data

__all__ = ["composite"]

T = TypeVar("T", Buses, Branches, Generators, Loads)

TIE_R_PU, TIE_X_PU, TIE_RATE_MVA = 0.0005, 0.005, 2000.0
"""Short and strong: the slack of the first copy makes up for the losses of all."""


def composite(copies: int) -> Network:
    """Return `copies` of the 118-bus system, each an area of about 1,170 points.

    Only the first keeps its slack bus; the slack buses of the others are tied to it.
    """
    one = with_published_data(read_case("pandapower:case118"))
    slack = int(np.flatnonzero(one.buses.kind == BusKind.SLACK)[0])
    buses = _repeated(one.buses, copies, one.n_bus)
    buses.kind[one.n_bus :][buses.kind[one.n_bus :] == BusKind.SLACK] = BusKind.PV
    branches = _repeated(one.branches, copies, one.n_bus)
    n_ties = copies - 1
    ties = {
        "id": np.array([f"tie:{copy}" for copy in range(1, copies)], object),
        "from_bus": np.full(n_ties, slack),
        "to_bus": slack + one.n_bus * np.arange(1, copies),
        "r_pu": np.full(n_ties, TIE_R_PU),
        "x_pu": np.full(n_ties, TIE_X_PU),
        "tap": np.ones(n_ties),
        "in_service": np.ones(n_ties, np.bool_),
        "rate_mva": np.full(n_ties, TIE_RATE_MVA),
    }
    columns = {
        field.name: np.concatenate(
            [getattr(branches, field.name), ties.get(field.name, np.zeros(n_ties))]
        )
        for field in fields(Branches)
    }
    return Network(
        f"{copies} times {one.name}",
        one.base_mva,
        buses,
        Branches(**columns),
        _repeated(one.generators, copies, one.n_bus),
        _repeated(one.loads, copies, one.n_bus),
    )


def _repeated(table: T, copies: int, n_bus: int) -> T:
    """The rows of a table once a copy, with ids, buses and area of that copy."""
    columns = {}
    for field in fields(table):
        column = getattr(table, field.name)
        parts = [column] * copies
        if field.name == "id":
            parts = [np.array([f"{x}.{k}" for x in column.tolist()], object) for k in range(copies)]
        elif field.name == "area":
            parts = [np.full(len(column), f"area-{k}", object) for k in range(copies)]
        elif field.name in ("bus", "from_bus", "to_bus"):
            parts = [column + k * n_bus for k in range(copies)]
        columns[field.name] = np.concatenate(parts)
    return type(table)(**columns)
