from dataclasses import replace

import numpy as np
import pytest

from network.model import Network
from network.outage_power_flow import OutagePowerFlow, unit_outputs
from network.outages import Outage, OutageKind, branch_outage, unit_outage
from network.power_flow import PowerFlow


def test_without_a_branch_injections_and_held_voltages_stay(ieee14: Network) -> None:
    before = PowerFlow(ieee14).solution()
    after = OutagePowerFlow(ieee14, before.v).after(branch_outage(ieee14, 0))
    assert after is not None
    assert after.s_from_mva[0] == 0
    np.testing.assert_allclose(after.s_bus_mva.real[1:], before.s_bus_mva.real[1:], atol=1e-5)
    held = ieee14.buses.kind > 1
    np.testing.assert_allclose(np.abs(after.v[held]), np.abs(before.v[held]), atol=1e-9)


def test_the_slack_takes_up_what_a_lost_unit_gave(three_buses: Network) -> None:
    before = PowerFlow(three_buses).solution()
    after = OutagePowerFlow(three_buses, before.v).after(unit_outage(three_buses, 1))
    assert after is not None
    # Bus 30 loses its only unit: 40 MW less, and the reactive power of its load, which is 0.
    np.testing.assert_allclose(after.s_bus_mva[2], -10 + 0j, atol=1e-5)
    losses = (after.s_from_mva + after.s_to_mva).real.sum()
    assert after.s_bus_mva[0].real == pytest.approx(70 + losses, abs=1e-5)


def test_one_of_two_units_at_a_bus_leaves_its_voltage_held(three_buses: Network) -> None:
    units = three_buses.generators
    two = replace(
        units,
        id=np.array(["0", "1", "2"]),
        bus=np.array([0, 2, 2]),
        p_mw=np.array([0.0, 25.0, 15.0]),
        q_mvar=np.zeros(3),
        v_set_pu=np.array([1.0, 1.02, 1.02]),
        in_service=np.ones(3, np.bool_),
        p_min_mw=np.zeros(3),
        p_max_mw=np.full(3, 99.0),
    )
    network = replace(three_buses, generators=two)
    flow = OutagePowerFlow(network, PowerFlow(network).solve())
    one = flow.after(unit_outage(network, 2))
    both = flow.after(Outage("both", OutageKind.LISTED, units=(1, 2)))
    assert one is not None and both is not None
    assert one.s_bus_mva.real[2] == pytest.approx(25 - 10, abs=1e-5)
    assert abs(one.v[2]) == pytest.approx(1.02, abs=1e-12)
    assert both.s_bus_mva[2] == pytest.approx(-10 + 0j, abs=1e-5)
    assert abs(both.v[2]) < 1.015


def test_a_lost_bus_is_dead_and_takes_its_branches_and_its_load(ieee14: Network) -> None:
    before = PowerFlow(ieee14).solution()
    flow = OutagePowerFlow(ieee14, before.v)
    after = flow.after(Outage("bus", OutageKind.LISTED, buses=(9,)))
    assert after is not None
    assert after.v[9] == 0
    at_bus = (ieee14.branches.from_bus == 9) | (ieee14.branches.to_bus == 9)
    assert not after.s_from_mva[at_bus].any()
    # Bus 10 draws 9 MW; the slack gives that much less, but for the change of the losses.
    losses = [(s.s_from_mva + s.s_to_mva).real.sum() for s in (before, after)]
    given = after.s_bus_mva.real[0] - before.s_bus_mva.real[0]
    assert given == pytest.approx(-9 + losses[1] - losses[0], abs=1e-5)


def test_no_solution_is_none(three_buses: Network) -> None:
    heavy = replace(three_buses, loads=replace(three_buses.loads, p_mw=np.array([480.0, 10.0])))
    v = PowerFlow(heavy).solve()
    assert OutagePowerFlow(heavy, v).after(branch_outage(heavy, 0)) is None


def test_islands_without_a_slack_cannot_be_solved(ieee14: Network) -> None:
    status = np.ones(20, dtype=np.bool_)
    status[13] = False
    flow = OutagePowerFlow(ieee14.with_branch_status(status), np.ones(14, complex))
    assert flow.fed[0] and not flow.fed[7]
    # The unit at bus 8 is the fifth.
    assert flow.is_fed(branch_outage(ieee14, 0)) and not flow.is_fed(unit_outage(ieee14, 4))


def test_units_and_loads_share_what_differs_from_the_case(three_buses: Network) -> None:
    # Bus 10: slack unit of 0 MW; bus 30: 40 MW and a load of 10, of which 50 go 4 to 1.
    net = np.array([25.0, -60.0, 35.0])
    np.testing.assert_allclose(unit_outputs(three_buses, net), [0.0, 44.0])
    units = replace(three_buses.generators, in_service=np.array([True, False]))
    alone = replace(three_buses, generators=units)
    np.testing.assert_allclose(unit_outputs(alone, net), [0.0, 0.0])
