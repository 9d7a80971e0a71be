"""How far the records of a recorded run go again in a replay."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Reach"]


class Reach(StrEnum):
    """Where a replay ends."""

    WINDOWS = "windows"
    """Validated, imputed and aggregated; nothing is estimated or forecast."""
    FORECASTS = "forecasts"
    """All the way, but for alarms."""
