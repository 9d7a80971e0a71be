from __future__ import annotations

import pytest

from ingest.network_files import read_case
from ingest.twin.grid import Grid
from ingest.twin.register import Telemetry, telemetry_of
from ingest.twin.shapes import LoadShapes
from network.model import Network
from network.published.ieee118 import with_published_data


@pytest.fixture(scope="session")
def network() -> Network:
    for package in ("simbench", "pandapower"):
        pytest.importorskip(package, reason="the demo's extra is not installed")
    return with_published_data(read_case("pandapower:case118"))


@pytest.fixture(scope="session")
def grid(network: Network) -> Grid:
    return Grid(network, LoadShapes.of(network, seed=1))


@pytest.fixture(scope="session")
def telemetry(grid: Grid) -> Telemetry:
    return telemetry_of(grid.network, grid.bus_area)
