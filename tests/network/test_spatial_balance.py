"""Regional consumption = production less net exports plus distributed generation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.model import Network
from network.power_flow import PowerFlow
from network.readers.gridcast_case import network_from_toml
from network.spatial_balance import spatial_balance

DOCUMENT = """
format = "gridcast.network.v1"
name = "regions"
base_mva = 100
[buses]
id = ["a", "b", "c"]
base_kv = [110, 110, 110]
area = ["north", "south", "south"]
kind = ["slack", "pq", "pq"]
[branches]
id = ["ab", "bc", "ca"]
from_bus = ["a", "b", "c"]
to_bus = ["b", "c", "a"]
r_pu = [0.0, 0.0, 0.0]
x_pu = [0.1, 0.1, 0.1]
"""


@pytest.fixture(scope="module")
def regions() -> Network:
    return network_from_toml(DOCUMENT)


def test_an_importing_region_consumes_what_comes_in(regions: Network) -> None:
    # 100 MW made in the north, 30 in the south; 40 + 20 MW go south, over "ca" against its
    # direction.
    told = spatial_balance(
        regions,
        np.array([100.0, 30.0, 0.0]),
        np.array([40.0, 5.0, -20.0]),
        np.array([-40.0, -5.0, 20.0]),
    )
    assert told.area == ("north", "south")
    assert told.net_export_mw.tolist() == [60, -60]
    assert told.consumption_mw.tolist() == [40, 90]


def test_distributed_generation_adds_to_what_is_consumed(regions: Network) -> None:
    told = spatial_balance(
        regions, np.array([100.0, 0.0, 0.0]), np.array([40.0, 0.0, -20.0]),
        np.array([-40.0, 0.0, 20.0]), np.array([0.0, 7.0, 8.0]),
    )  # fmt: skip
    assert told.distributed_mw.tolist() == [0, 15]
    assert told.consumption_mw.tolist() == [40, 75]


def test_losses_of_a_tie_are_shared_by_its_regions(regions: Network) -> None:
    told = spatial_balance(
        regions, np.array([50.0, 0, 0]), np.array([50.0, 0, 0]), np.array([-48.0, 0, 0])
    )
    # 49 MW cross the middle; 2 MW are lost, one in each region, which counts as consumed there.
    assert told.net_export_mw.tolist() == [49, -49]
    assert told.consumption_mw.tolist() == [1, 49]


def test_what_is_not_known_is_told_as_such(regions: Network) -> None:
    unseen = np.array([np.nan, 0, 0])
    told = spatial_balance(regions, np.array([50.0, 0, 0]), unseen, unseen)
    assert np.isnan(told.consumption_mw).all() and told.production_mw.tolist() == [50, 0]
    told = spatial_balance(regions, np.array([0, np.nan, 0]), np.zeros(3), np.zeros(3))
    assert np.isnan(told.consumption_mw).tolist() == [False, True]


MW = st.floats(-1e3, 1e3)
THREE = st.lists(MW, min_size=3, max_size=3).map(np.array)


@given(THREE, THREE, THREE, THREE)
def test_regions_sum_to_the_whole(
    production: np.ndarray, p_from: np.ndarray, p_to: np.ndarray, distributed: np.ndarray
) -> None:
    told = spatial_balance(network_from_toml(DOCUMENT), production, p_from, p_to, distributed)
    np.testing.assert_allclose(told.net_export_mw.sum(), 0, atol=1e-9)
    whole = production.sum() + distributed.sum()
    np.testing.assert_allclose(told.consumption_mw.sum(), whole, atol=1e-9)


def test_consumption_of_a_power_flow_is_its_loads_and_losses(case118: Network) -> None:
    area = np.where(np.arange(case118.n_bus) < 60, "1", "2")
    network = Network(
        case118.name, case118.base_mva,
        type(case118.buses)(**{
            name: area if name == "area" else getattr(case118.buses, name)
            for name in case118.buses.__slots__
        }),
        case118.branches, case118.generators, case118.loads,
    )  # fmt: skip
    true = PowerFlow(network).solution()
    loads = np.zeros(network.n_bus)
    np.add.at(loads, network.loads.bus, network.loads.p_mw)
    production = true.s_bus_mva.real + loads
    p_from, p_to = true.s_from_mva.real, true.s_to_mva.real
    told = spatial_balance(network, production, p_from, p_to)
    inside = np.array([loads[area == name].sum() for name in told.area])
    losses = told.consumption_mw - inside
    assert (losses > 0).all()
    np.testing.assert_allclose(losses.sum(), (p_from + p_to).sum(), atol=1e-6)
