import importlib.util
import logging
from pathlib import Path

import pytest

from network.model import Network
from network.readers.matpower import network_from_matpower_text
from network.readers.pandapower_case import published_pandapower_case
from tests.network.simulated.scans import SimulatedScans

GOLDEN = Path(__file__).parents[1] / "golden"

THREE_BUSES = """
function mpc = three
mpc.baseMVA = 100;
mpc.bus = [
  10  3   0   0  0   0  1  1.00  0  110  1  1.1  0.9;   % slack
  20  1  60  20  0   0  1  1.00  0  110  1  1.1  0.9;
  30  2  10   0  0   5  2  1.02  0  110  1  1.1  0.9;
];
mpc.gen = [
  10   0  0  99 -99  1.00  100  1  200  0;
  30  40  0  99 -99  1.02  100  1   80  0;
];
mpc.branch = [
  10  20  0.02  0.10  0.04  100  0  0  0     0  1;
  20  30  0.01  0.08  0.00   80  0  0  0.98  0  1;
  10  30  0.03  0.20  0.02    0  0  0  0     5  1;
  10  30  0.03  0.20  0.02   50  0  0  0     0  0;
];
"""


@pytest.fixture(scope="session")
def three_buses() -> Network:
    return network_from_matpower_text(THREE_BUSES)


@pytest.fixture(scope="session")
def ieee14() -> Network:
    return network_from_matpower_text((GOLDEN / "ieee14.m").read_text())


def _published(name: str) -> Network:
    if importlib.util.find_spec("pandapower") is None:
        pytest.skip("needs pandapower, the 'demo' extra")
    logging.getLogger("pandapower").setLevel(logging.ERROR)
    return published_pandapower_case(name)


@pytest.fixture(scope="session")
def case118() -> Network:
    return _published("case118")


@pytest.fixture(scope="session")
def case1354() -> Network:
    return _published("case1354pegase")


@pytest.fixture(scope="session")
def bench14(ieee14: Network) -> SimulatedScans:
    return SimulatedScans.of(ieee14)


@pytest.fixture(scope="session")
def bench118(case118: Network) -> SimulatedScans:
    return SimulatedScans.of(case118)


@pytest.fixture(scope="session")
def bench1354(case1354: Network) -> SimulatedScans:
    return SimulatedScans.of(case1354)
