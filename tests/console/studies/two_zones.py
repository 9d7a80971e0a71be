"""A dataset of two zones that heat when it is cold, for commands that study a user's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["HIERARCHY", "tables", "write"]

HIERARCHY = """
version = "1"
timezone = "Europe/Paris"
step = "PT1H"

[[node]]
id = "all"
level = "total"

[[node]]
id = "a"
level = "zone"
parent = "all"
stations = { s = 1.0 }

[[node]]
id = "b"
level = "zone"
parent = "all"
stations = { s = 1.0 }
"""


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Eighteen weeks of two zones that heat when it is cold, and their weather."""
    rng = np.random.default_rng(1)
    times = pd.date_range("2021-01-04", periods=24 * 126, freq="h", tz="UTC")
    local = times.tz_convert("Europe/Paris")
    hour, weekend = local.hour.to_numpy(), local.dayofweek.to_numpy() >= 5
    drift = np.cumsum(rng.normal(0, 0.15, len(times)))
    degc = 6 + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + 8 * np.tanh(drift / 8)
    shape = 1 + 0.3 * np.sin(2 * np.pi * (hour - 8) / 24) - 0.15 * weekend
    shape = shape * (1 + 0.01 * np.maximum(15 - degc, 0))
    loads = [
        pd.DataFrame(
            {
                "series": name,
                "valid_time": times,
                "value": size * shape * (1 + 0.02 * rng.standard_normal(len(times))),
                "unit": "MW",
            }
        )
        for name, size in (("a", 100.0), ("b", 40.0))
    ]
    weather = pd.DataFrame(
        {"station": "s", "valid_time": times, "quantity": "temperature_degc", "value": degc}
    )
    return pd.concat(loads), weather


def write(folder: Path, load: pd.DataFrame, weather: pd.DataFrame) -> Path:
    """Write the folder and return it."""
    folder.mkdir()
    (folder / "hierarchy.toml").write_text(HIERARCHY)
    load.to_parquet(folder / "load.parquet")
    weather.to_parquet(folder / "weather.parquet")
    return folder
