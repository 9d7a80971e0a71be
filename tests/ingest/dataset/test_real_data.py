from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ingest.dataset import read_dataset
from records.time import HOUR, MINUTE, parse_time
from records.weather import WeatherQuantity

CHECKOUT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("GRIDCAST_SHARED_DATA", CHECKOUT.parent / "shared" / "data"))


def adapted(adapter: str, source: str, tmp_path: Path) -> Path:
    if not (SHARED / source).is_dir():
        pytest.skip(f"{SHARED / source} is absent; GRIDCAST_SHARED_DATA names its folder")
    script = CHECKOUT / "benchmarks" / "datasets" / f"{adapter}.py"
    subprocess.run([sys.executable, script, SHARED / source, tmp_path], check=True)
    return tmp_path


@pytest.mark.shared_data
def test_gefcom2012_is_read_whole(tmp_path: Path) -> None:
    dataset = read_dataset(adapted("gefcom2012", "gefcom2012_load", tmp_path))
    grid = dataset.load.grid()
    assert grid.load_mw.shape == (39_600, 20)
    # zone1 on 2004-01-01 00:00 local (five hours behind UTC) was 16,853 kW.
    assert grid.times[0] == parse_time("2004-01-01T05:00:00Z")
    assert grid.load_mw[0, 0] == pytest.approx(16.853)
    assert np.isnan(grid.load_mw).sum() == 20 * 18  # the hours of the forecast week not published
    temperature = dataset.observations.grids[WeatherQuantity.TEMPERATURE]
    assert (len(temperature.stations), temperature.step_ns) == (11, HOUR)
    assert len(dataset.hierarchy.stations_of("system")) == 11


@pytest.mark.shared_data
def test_the_australian_states_are_read_whole(tmp_path: Path) -> None:
    dataset = read_dataset(adapted("aus_elec", "aus_elec", tmp_path))
    grid = dataset.load.grid()
    assert grid.series == ("NSW", "QLD", "SA", "TAS", "VIC")
    assert grid.load_mw.shape == (52_608, 5) and np.isfinite(grid.load_mw).all()
    assert dataset.hierarchy.step_ns == 30 * MINUTE
    christmas = np.datetime64("2013-12-25").astype(int)
    assert christmas in dataset.holidays and dataset.notes == ()
