from dataclasses import replace

import numpy as np
import pytest

from network.bridges import find_bridges
from network.contingency import branch_outages, generator_outages, injection_changes
from network.errors import NotConverged
from network.model import Network
from network.outage_factors import OutageFactors
from network.outage_power_flow import OutagePowerFlow
from network.outages import branch_outage, unit_outage
from network.power_flow import PowerFlow
from network.published.ieee118 import with_published_data


def test_in_a_triangle_an_outage_sends_everything_the_other_way(three_buses: Network) -> None:
    v = PowerFlow(three_buses).solve()
    factors = OutageFactors(three_buses, v)
    after = factors.after_branches(np.array([0]))[:, 0]
    before = factors.p_from_mw
    # Without 10-20 the load of 60 MW at 20 comes over 20-30; the rest of 10-30 follows.
    assert after[0] == 0
    assert after[1] == pytest.approx(before[1] - before[0], rel=1e-9)
    assert after[2] == pytest.approx(before[2] + before[0], rel=1e-9)


def test_flows_after_an_outage_are_close_to_those_of_an_ac_solution(case118: Network) -> None:
    solved = PowerFlow(case118).solution()
    factors = OutageFactors(case118, solved.v)
    screen = branch_outages(case118, solved.v)
    after = factors.after_branches(screen.screened)
    off: list[np.ndarray] = []
    for place, branch in enumerate(screen.screened.tolist()):
        status = np.arange(case118.n_branch) != branch
        try:
            exact = PowerFlow(case118.with_branch_status(status)).solution(v0=solved.v)
        except NotConverged:
            continue
        p = exact.s_from_mva.real
        moved = (np.abs(p - solved.s_from_mva.real) > 5) & status
        off.append(np.abs(after[moved, place] - p[moved]))
    assert len(off) > 170
    assert np.quantile(np.concatenate(off), 0.95) < 4


def test_every_outage_that_splits_the_network_is_listed(case118: Network) -> None:
    v = PowerFlow(case118).solve()
    screen = branch_outages(case118, v)
    assert len(screen.islanding) == 9
    assert len(screen.screened) == 186 - 9
    cut = {islanding.buses for islanding in screen.islanding}
    # Buses 10 and 9, 87 and 86, 73, 111, 112, 116, 117 hang on one branch (numbers less one).
    assert {("9",), ("8", "9"), ("86",), ("72",), ("110",), ("115",), ("116",)} <= cut


def test_overloads_are_ranked_and_measured_against_ratings(case118: Network) -> None:
    network = with_published_data(case118)
    v = PowerFlow(network).solve()
    screen = branch_outages(network, v)
    assert len(screen.contingency) > 0
    assert np.all(np.diff(screen.loading_percent) <= 0)
    assert np.all(screen.loading_percent >= 100)
    first = int(screen.contingency[0])
    after = OutageFactors(network, v).after_branches(np.array([first]))[:, 0]
    assert screen.p_from_mw[0] == pytest.approx(after[screen.element[0]])
    assert screen.unrated == ()


def test_branches_without_rating_are_named_once_and_never_overloaded(three_buses: Network) -> None:
    v = PowerFlow(three_buses).solve()
    screen = branch_outages(three_buses, v, at_least_percent=1)
    assert screen.unrated == ("2",)
    assert 2 not in screen.element.tolist()


def test_a_lost_generator_is_replaced_from_the_slack(three_buses: Network) -> None:
    v = PowerFlow(three_buses).solve()
    tight = replace(three_buses.branches, rate_mva=np.full(4, 1.0))
    screen = generator_outages(replace(three_buses, branches=tight), v)
    assert set(screen.contingency.tolist()) == {1}
    flows = dict(zip(screen.element.tolist(), screen.p_from_mw.tolist(), strict=True))
    factors = OutageFactors(three_buses, v)
    linear = factors.after_injections(np.array([[40.0], [0.0], [-40.0]]))[:, 0]
    before = factors.p_from_mw
    assert linear[0] + linear[2] == pytest.approx(before[0] + before[2] + 40)
    # Beside the 40 MW the slack gives what the flows lose more: r P^2 by the square of the
    # voltage at the from end.
    r, v_from = three_buses.branches.r_pu[:3], np.abs(v)[three_buses.branches.from_bus[:3]]
    lost = (r * (linear[:3] ** 2 - before[:3] ** 2) / v_from**2 / 100).sum()
    assert lost > 0.3
    assert flows[0] + flows[2] == pytest.approx(before[0] + before[2] + 40 + lost)


def test_flows_after_lost_generators_are_close_to_those_of_an_ac_solution(
    case118: Network,
) -> None:
    v = PowerFlow(case118).solve()
    factors, one = OutageFactors(case118, v), OutagePowerFlow(case118, v)
    units = case118.generators
    rows = np.flatnonzero((np.abs(one.unit_mw) > 0) & (case118.buses.kind[units.bus] == 2))
    change = injection_changes(case118, rows, one.unit_mw)
    after = factors.after_injections(change, losses=True)
    off: list[np.ndarray] = []
    for place, row in enumerate(rows.tolist()):
        exact = one.after(unit_outage(case118, row))
        assert exact is not None
        p = exact.s_from_mva.real
        moved = np.abs(p - factors.p_from_mw) > 5
        off.append(np.abs(after[:, place] - p)[moved])
    assert len(off) == 18
    assert np.quantile(np.concatenate(off), 0.95) < 4


def test_flows_after_outages_of_1354_buses_are_closer_still(case1354: Network) -> None:
    solved = PowerFlow(case1354).solution()
    factors, one = OutageFactors(case1354, solved.v), OutagePowerFlow(case1354, solved.v)
    # A sample; benchmarks/contingency.py holds them all to an AC solution.
    rows = np.flatnonzero(np.abs(factors.p_from_mw) > 5)[::15]
    rows = rows[~np.isin(rows, find_bridges(case1354).branch)]
    after = factors.after_branches(rows)
    off: list[np.ndarray] = []
    for place, row in enumerate(rows.tolist()):
        exact = one.after(branch_outage(case1354, row))
        if exact is None:
            continue
        p = exact.s_from_mva.real
        moved = np.abs(p - factors.p_from_mw) > 5
        moved[row] = False
        off.append(np.abs(after[:, place] - p)[moved])
    assert len(off) > 70
    assert np.quantile(np.concatenate(off), 0.95) < 3


def test_only_the_outages_asked_for_are_computed(case118: Network) -> None:
    v = PowerFlow(case118).solve()
    screen = branch_outages(case118, v, outages=np.array([4, 7]))
    assert screen.screened.tolist() == [4]
    assert [islanding.contingency for islanding in screen.islanding] == ["branch:line:7"]
