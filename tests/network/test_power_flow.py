from dataclasses import replace

import numpy as np
import pytest

from network.errors import BadCase, NotConverged
from network.model import BusKind, Network
from network.power_flow import PowerFlow
from network.readers.matpower import network_from_matpower_text

LINE = """
mpc.baseMVA = 100;
mpc.bus = [1 3 0 0 0 0 1 1 0 110 1 1.1 0.9; 2 1 80 60 0 0 1 1 0 110 1 1.1 0.9];
mpc.gen = [1 0 0 0 0 1 100 1 100 0];
mpc.branch = [1 2 0 0.1 0 0 0 0 0 0 1];
"""


def test_a_load_behind_a_reactance_has_the_voltage_of_the_quadratic() -> None:
    # v2^4 + (2 q x - 1) v2^2 + x^2 (p^2 + q^2) = 0, with p = 0.8, q = 0.6, x = 0.1.
    square = (0.88 + np.sqrt(0.88**2 - 4 * 0.01)) / 2
    v = PowerFlow(network_from_matpower_text(LINE)).solve()
    assert abs(v[1]) == pytest.approx(np.sqrt(square), abs=1e-9)
    assert np.sin(np.angle(v[0] / v[1])) == pytest.approx(0.8 * 0.1 / np.sqrt(square), abs=1e-9)


def test_flows_balance_at_every_bus(three_buses: Network) -> None:
    solved = PowerFlow(three_buses).solution()
    total = np.zeros(3, complex)
    np.add.at(total, three_buses.branches.from_bus, solved.s_from_mva)
    np.add.at(total, three_buses.branches.to_bus, solved.s_to_mva)
    total[2] += -5j * abs(solved.v[2]) ** 2
    np.testing.assert_allclose(solved.s_bus_mva, total, atol=1e-9)
    np.testing.assert_allclose(solved.s_bus_mva[1], -60 - 20j, atol=1e-5)
    np.testing.assert_allclose(solved.s_bus_mva[2].real, 30, atol=1e-5)
    np.testing.assert_allclose(abs(solved.v), [1.0, abs(solved.v[1]), 1.02], atol=1e-12)


def test_the_ieee14_solution_is_the_published_one(ieee14: Network) -> None:
    # Published to 3 decimals (pu) and 2 (degrees); buses 4 and 5 there are 1.019 and 1.020.
    published_v = [1.06, 1.045, 1.01, 1.019, 1.02, 1.07, 1.062, 1.09, 1.056, 1.051, 1.057]
    published_v += [1.055, 1.05, 1.036]
    v = PowerFlow(ieee14).solve()
    np.testing.assert_allclose(abs(v), published_v, atol=1.5e-3)
    angles = ieee14.buses.angle_set_deg
    np.testing.assert_allclose(np.rad2deg(np.angle(v)), angles, atol=0.02)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pandapower")
def test_the_118_bus_solution_is_that_of_pandapower(case118: Network) -> None:
    pandapower = pytest.importorskip("pandapower")
    net = pandapower.networks.case118()
    pandapower.runpp(net, calculate_voltage_angles=True)
    v = PowerFlow(case118).solve()
    np.testing.assert_allclose(abs(v), net.res_bus.vm_pu, atol=1e-8)
    np.testing.assert_allclose(np.rad2deg(np.angle(v)), net.res_bus.va_degree, atol=1e-6)


def test_a_warm_start_ends_at_the_same_solution(ieee14: Network) -> None:
    flow = PowerFlow(ieee14, tolerance=1e-10)
    injection = ieee14.injection_mva() * 1.1
    cold = flow.solve(injection.real, injection.imag)
    warm = flow.solve(injection.real, injection.imag, v0=flow.solve())
    np.testing.assert_allclose(warm, cold, atol=1e-9)


def test_set_points_are_held(ieee14: Network) -> None:
    wanted = np.full(14, 1.03)
    v = PowerFlow(ieee14).solve(v_setpoint=wanted)
    np.testing.assert_allclose(abs(v)[[0, 1, 2, 5, 7]], 1.03)


def test_buses_without_a_slack_are_dead(ieee14: Network) -> None:
    status = np.ones(20, dtype=np.bool_)
    status[[11, 12, 19]] = False
    v = PowerFlow(ieee14.with_branch_status(status)).solve()
    assert np.flatnonzero(v == 0).tolist() == [11, 12]


def test_an_impossible_load_raises_and_says_how_far_it_got(ieee14: Network) -> None:
    injection = ieee14.injection_mva() * 30
    with pytest.raises(NotConverged, match="did not converge after") as caught:
        PowerFlow(ieee14).solve(injection.real, injection.imag)
    assert caught.value.iterations > 0


def test_a_network_without_slack_is_refused(ieee14: Network) -> None:
    buses = replace(ieee14.buses, kind=np.full(14, int(BusKind.PQ)))
    with pytest.raises(BadCase, match="no slack bus"):
        PowerFlow(replace(ieee14, buses=buses))
