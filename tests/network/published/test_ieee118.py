import numpy as np
import pytest

from network.errors import BadCase
from network.islands import islands
from network.model import Network
from network.published.ieee118 import ZONES, rate_mva, with_published_data


def test_every_branch_has_one_rating() -> None:
    assert sum(len(circuits) for circuits in rate_mva().values()) == 186


def test_zones_cover_every_bus_once() -> None:
    buses = [bus for parts in ZONES.values() for part in parts for bus in part]
    assert sorted(buses) == list(range(1, 119))


def test_the_network_gets_ratings_and_three_areas(case118: Network) -> None:
    network = with_published_data(case118)
    assert sorted(set(network.buses.area.tolist())) == ["1", "2", "3"]
    branches = network.branches
    first = (branches.from_bus == 0) & (branches.to_bus == 1)
    assert branches.rate_mva[first].tolist() == [151.0]
    pair = (branches.from_bus == 48) & (branches.to_bus == 53)
    assert branches.rate_mva[pair].tolist() == [99.0, 97.0]
    assert np.nanmax(branches.rate_mva) == 7218


def test_each_zone_is_connected_in_itself(case118: Network) -> None:
    network = with_published_data(case118)
    area, branches = network.buses.area, network.branches
    between = area[branches.from_bus] != area[branches.to_bus]
    assert len(set(islands(network, without=between).tolist())) == 3


def test_another_network_is_refused(ieee14: Network) -> None:
    with pytest.raises(BadCase, match="not the IEEE 118-bus network"):
        with_published_data(ieee14)
