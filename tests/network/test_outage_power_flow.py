from dataclasses import replace

import numpy as np
import pytest

from network.model import Network
from network.outage_power_flow import OutagePowerFlow, unit_outputs
from network.power_flow import PowerFlow


def test_without_a_branch_injections_and_held_voltages_stay(ieee14: Network) -> None:
    before = PowerFlow(ieee14).solution()
    after = OutagePowerFlow(ieee14, before.v).after_branch(0)
    assert after is not None
    assert after.s_from_mva[0] == 0
    np.testing.assert_allclose(after.s_bus_mva.real[1:], before.s_bus_mva.real[1:], atol=1e-5)
    held = ieee14.buses.kind > 1
    np.testing.assert_allclose(np.abs(after.v[held]), np.abs(before.v[held]), atol=1e-9)


def test_the_slack_takes_up_what_a_lost_unit_gave(three_buses: Network) -> None:
    before = PowerFlow(three_buses).solution()
    after = OutagePowerFlow(three_buses, before.v).after_generator(1, 40.0)
    assert after is not None
    # Bus 30 loses its only unit: 40 MW less, and the reactive power of its load, which is 0.
    np.testing.assert_allclose(after.s_bus_mva[2], -10 + 0j, atol=1e-5)
    losses = (after.s_from_mva + after.s_to_mva).real.sum()
    assert after.s_bus_mva[0].real == pytest.approx(70 + losses, abs=1e-5)


def test_no_solution_is_none(three_buses: Network) -> None:
    heavy = replace(three_buses, loads=replace(three_buses.loads, p_mw=np.array([480.0, 10.0])))
    v = PowerFlow(heavy).solve()
    assert OutagePowerFlow(heavy, v).after_branch(0) is None


def test_islands_without_a_slack_cannot_be_solved(ieee14: Network) -> None:
    status = np.ones(20, dtype=np.bool_)
    status[13] = False
    flow = OutagePowerFlow(ieee14.with_branch_status(status), np.ones(14, complex))
    assert flow.has_slack(0) and not flow.has_slack(7)


def test_units_and_loads_share_what_differs_from_the_case(three_buses: Network) -> None:
    # Bus 10: slack unit of 0 MW; bus 30: 40 MW and a load of 10, of which 50 go 4 to 1.
    net = np.array([25.0, -60.0, 35.0])
    np.testing.assert_allclose(unit_outputs(three_buses, net), [0.0, 44.0])
    units = replace(three_buses.generators, in_service=np.array([True, False]))
    alone = replace(three_buses, generators=units)
    np.testing.assert_allclose(unit_outputs(alone, net), [0.0, 0.0])
