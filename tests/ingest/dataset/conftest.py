from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HIERARCHY = """
version = "7"
timezone = "Europe/Paris"
step = "PT1H"

[[node]]
id = "total"
level = "total"

[[node]]
id = "north"
level = "region"
parent = "total"
stations = { lille = 3, rouen = 1 }

[[node]]
id = "south"
level = "region"
parent = "total"
"""

LOAD = """series,valid_time,value,unit
north,2014-01-01T00:00:00Z,1000,kW
north,2014-01-01T01:00:00Z,2.5,MWh
south,2014-01-01T01:00:00+01:00,7,MW
south,2014-01-01T01:00:00Z,,MW
"""

WEATHER = """station,valid_time,quantity,value
lille,2014-01-01T00:00:00Z,temperature_degc,4.5
rouen,2014-01-01T00:00:00Z,temperature_degc,6
rouen,2014-01-01T01:00:00Z,temperature_degc,-1
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a sound dataset folder, with some of its files replaced (None: left out)."""

    def write_folder(**replaced: str | None) -> Path:
        files = {"load": LOAD, "weather": WEATHER, "hierarchy": HIERARCHY} | replaced
        suffix = {"hierarchy": ".toml"}
        for stem, text in files.items():
            if text is not None:
                path = tmp_path / f"{stem}{suffix.get(stem, '.csv')}"
                path.write_text(text, encoding="utf-8")
        return tmp_path

    return write_folder


@pytest.fixture
def sound() -> dict[str, str]:
    """The texts of the sound folder by stem, to alter."""
    return {"load": LOAD, "weather": WEATHER, "hierarchy": HIERARCHY}
