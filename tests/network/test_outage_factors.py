"""Outage factors of several elements at once."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from network.model import Network
from network.outage_factors import OutageFactors
from network.outage_power_flow import OutagePowerFlow
from network.outages import Outage, OutageKind, branch_outage, cut_off_buses
from network.power_flow import PowerFlow


def _listed(**lost: tuple[int, ...]) -> Outage:
    return Outage("listed", OutageKind.LISTED, **lost)


def _without(network: Network, *rows: int) -> Network:
    return network.with_branch_status(
        network.branches.in_service & ~np.isin(np.arange(network.n_branch), rows)
    )


def test_one_branch_as_a_set_is_as_one_branch(ieee14: Network) -> None:
    factors = OutageFactors(ieee14, PowerFlow(ieee14).solve())
    unit_mw = ieee14.generators.p_mw
    for row in (0, 3, 12):
        alone = factors.after_branches(np.array([row]))[:, 0]
        np.testing.assert_allclose(
            factors.after_outage(branch_outage(ieee14, row), unit_mw), alone, atol=1e-9
        )


def test_a_double_circuit_is_lost_as_one_branch_after_the_other(ieee14: Network) -> None:
    """The second outage about the network that the first leaves, at the same voltages."""
    v = PowerFlow(ieee14).solve()
    factors = OutageFactors(ieee14, v)
    both = factors.after_outage(_listed(branches=(2, 4)), ieee14.generators.p_mw)
    first = factors.after_branches(np.array([2]))[:, 0]
    second = OutageFactors(_without(ieee14, 2), v)
    moved = second.after_branches(np.array([4]))[:, 0] - second.p_from_mw
    scale = first[4] / second.p_from_mw[4]
    expected = first + moved * scale
    expected[4] = 0.0
    np.testing.assert_allclose(both, expected, atol=1e-9)


def test_a_lost_busbar_takes_its_branches_and_leaves_the_rest_in_balance(ieee14: Network) -> None:
    factors = OutageFactors(ieee14, PowerFlow(ieee14).solve())
    flows = factors.after_outage(_listed(buses=(9,)), ieee14.generators.p_mw)
    branches = ieee14.branches
    at_bus = (branches.from_bus == 9) | (branches.to_bus == 9)
    assert not flows[at_bus].any()
    # At every other bus what flows in on balance is what flowed in before.
    change = np.where(at_bus, 0.0, flows) - factors.p_from_mw
    balance = np.bincount(branches.from_bus, change, 14) - np.bincount(branches.to_bus, change, 14)
    others = ~np.isin(np.arange(14), [0, 9])
    np.testing.assert_allclose(balance[others], 0.0, atol=1e-9)
    assert balance[0] == pytest.approx(-balance[9], abs=1e-9)


def test_units_lost_together_are_taken_up_by_the_slack(three_buses: Network) -> None:
    factors = OutageFactors(three_buses, PowerFlow(three_buses).solve())
    outage = _listed(branches=(0,), units=(1,))
    flows = factors.after_outage(outage, three_buses.generators.p_mw)
    before = factors.p_from_mw
    # All goes over 10-30, with the 40 MW that the unit at 30 gave.
    assert flows[2] == pytest.approx(before[0] + before[2] + 40)
    assert flows[1] == pytest.approx(before[1] - before[0])


def test_flows_after_a_listed_outage_are_near_those_of_an_ac_solution(case118: Network) -> None:
    solved = PowerFlow(case118).solution()
    factors, flow = OutageFactors(case118, solved.v), OutagePowerFlow(case118, solved.v)
    off = []
    for bus in range(3, 118, 4):
        outage = _listed(buses=(bus,))
        exact = flow.after(outage)
        if exact is None or len(cut_off_buses(case118, outage)) or bus == 68:
            continue
        flows = factors.after_outage(outage, flow.unit_mw)
        p = exact.s_from_mva.real
        moved = np.abs(p - factors.p_from_mw) > 5
        off.append(np.abs(flows - p)[moved])
    assert len(off) > 20
    assert np.quantile(np.concatenate(off), 0.95) < 8


def test_a_set_that_holds_a_branch_out_of_service_loses_the_rest(three_buses: Network) -> None:
    factors = OutageFactors(three_buses, PowerFlow(three_buses).solve())
    unit_mw = three_buses.generators.p_mw
    with_idle = factors.after_outage(_listed(branches=(0, 3)), unit_mw)
    np.testing.assert_allclose(with_idle, factors.after_outage(_listed(branches=(0,)), unit_mw))


@given(rows=st.sets(st.integers(0, 19), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_sets_are_lost_as_if_their_flows_went_through_what_is_left(
    ieee14: Network, rows: set[int]
) -> None:
    outage = _listed(branches=tuple(sorted(rows)))
    assume(not len(cut_off_buses(ieee14, outage)))
    v = PowerFlow(ieee14).solve()
    factors = OutageFactors(ieee14, v)
    lost = np.array(outage.branches)
    # What the lost branches carried is injected at one end and drawn at the other.
    carried = np.zeros((14, 1))
    np.add.at(carried[:, 0], ieee14.branches.from_bus[lost], factors.p_from_mw[lost])
    np.subtract.at(carried[:, 0], ieee14.branches.to_bus[lost], factors.p_from_mw[lost])
    left = OutageFactors(_without(ieee14, *lost.tolist()), v)
    expected = factors.p_from_mw + left.after_injections(carried)[:, 0] - left.p_from_mw
    expected[lost] = 0.0
    flows = factors.after_outage(outage, ieee14.generators.p_mw)
    np.testing.assert_allclose(flows, expected, atol=1e-8)
