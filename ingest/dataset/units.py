"""Units a load file may use, and what turns them into MW means over a step."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ingest.dataset.columns import Coded
from ingest.dataset.tables import RawTable
from records.time import HOUR

__all__ = ["LoadUnit", "to_mw", "unit_factors"]


class LoadUnit(StrEnum):
    """Mean power over the interval, or energy of the interval."""

    MW = "MW"
    KW = "kW"
    MWH = "MWh"
    KWH = "kWh"


def to_mw(unit: LoadUnit, step_ns: int) -> float:
    """Return the factor from `unit` to the mean MW over an interval of `step_ns`.

    >>> to_mw(LoadUnit.KWH, HOUR // 2)
    0.002
    """
    kilo = 1e-3 if unit in (LoadUnit.KW, LoadUnit.KWH) else 1.0
    per_hour = HOUR / step_ns if unit in (LoadUnit.MWH, LoadUnit.KWH) else 1.0
    return kilo * per_hour


def unit_factors(table: RawTable, unit: Coded, step_ns: int) -> npt.NDArray[np.float64]:
    """Return what turns each row into MW, shape (n_rows,); a unit not known is a problem."""
    known = {entry.value: to_mw(entry, step_ns) for entry in LoadUnit}
    factors = np.array([*(known.get(name, np.nan) for name in unit.names), np.nan])
    bad = (unit.code >= 0) & np.isnan(factors[unit.code])
    table.complain_rows(
        np.flatnonzero(bad),
        lambda row: f"unit {unit.at(row)!r} is not known",
        "write MW or kW for mean power, MWh or kWh for energy of the interval",
    )
    return factors[unit.code]
