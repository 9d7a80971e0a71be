"""Units a load file may use, and what turns them into MW means over a step."""

from __future__ import annotations

from enum import StrEnum

from records.time import HOUR

__all__ = ["LoadUnit", "to_mw"]


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
