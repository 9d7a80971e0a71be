import warnings

import numpy as np
import pytest

from network.admittance import admittance
from network.errors import BadCase
from network.model import Network
from network.readers.pandapower_case import (
    network_from_pandapower,
    network_from_pandapower_json,
    published_pandapower_case,
)

pandapower = pytest.importorskip("pandapower", reason="needs pandapower, the 'demo' extra")


@pytest.fixture(autouse=True)
def _quiet() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _lines() -> object:
    net = pandapower.create_empty_network()
    a, b, c, d = (pandapower.create_bus(net, 110.0, zone=zone) for zone in ("n", "n", "s", None))
    pandapower.create_ext_grid(net, a, vm_pu=1.02, va_degree=10.0)
    for ends in ((a, b), (b, c), (a, c)):
        pandapower.create_line(net, *ends, length_km=10.0, std_type="149-AL1/24-ST1A 110.0")
    pandapower.create_load(net, c, p_mw=20.0, q_mvar=5.0, scaling=0.5)
    pandapower.create_sgen(net, b, p_mw=4.0)
    pandapower.create_switch(net, b, c * 0 + d, et="b", closed=True)
    pandapower.create_switch(net, a, 2, et="l", closed=False)
    net.line.loc[1, "in_service"] = False
    return net


def test_elements_are_named_by_table_and_index() -> None:
    network = network_from_pandapower(_lines())
    assert network.branches.id.tolist() == ["line:0", "line:1", "line:2"]
    assert network.loads.id.tolist() == ["load:0"]
    assert network.generators.id.tolist() == ["ext_grid:0", "sgen:0"]
    assert network.loads.p_mw.tolist() == [10.0]


def test_lines_out_of_service_or_switched_open_stay_in_the_table() -> None:
    assert network_from_pandapower(_lines()).branches.in_service.tolist() == [True, False, False]


def test_buses_joined_by_a_closed_switch_are_one_and_both_names_find_it() -> None:
    network = network_from_pandapower(_lines())
    assert network.buses.id.tolist() == ["0", "1", "2"]
    assert network.bus_rows(["3", "1"]).tolist() == [1, 1]


def test_zones_become_areas() -> None:
    assert network_from_pandapower(_lines()).buses.area.tolist() == ["n", "n", "s"]


def test_the_slack_keeps_its_voltage_and_angle() -> None:
    buses = network_from_pandapower(_lines()).buses
    assert (buses.v_set_pu[0], buses.angle_set_deg[0]) == (1.02, 10.0)


def test_json_gives_the_same_network() -> None:
    net = _lines()
    direct = network_from_pandapower(net)
    through = network_from_pandapower_json(pandapower.to_json(net))
    np.testing.assert_allclose(through.branches.x_pu, direct.branches.x_pu)
    assert through.buses.id.tolist() == direct.buses.id.tolist()


def test_admittances_are_those_that_pandapower_computes(case118: Network) -> None:
    net = pandapower.networks.case118()
    pandapower.runpp(net, calculate_voltage_angles=True)
    own = admittance(case118).bus.toarray()
    np.testing.assert_allclose(own, net._ppc["internal"]["Ybus"].toarray(), atol=1e-9)


def test_elements_without_a_model_are_refused() -> None:
    net = _lines()
    pandapower.create_ward(net, 0, 1, 1, 1, 1)
    with pytest.raises(BadCase, match=r"no model for the pandapower tables \['ward'\]"):
        network_from_pandapower(net)


def test_a_name_that_pandapower_does_not_ship_is_refused() -> None:
    with pytest.raises(BadCase, match="ships no network 'case119'"):
        published_pandapower_case("case119")


@pytest.mark.parametrize("text", ["{}", "[1, 2]", "hello"])
def test_json_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(BadCase, match="JSON"):
        network_from_pandapower_json(text)


def test_a_net_without_a_slack_is_refused() -> None:
    with pytest.raises(BadCase, match="cannot use this net"):
        network_from_pandapower(pandapower.create_empty_network())
