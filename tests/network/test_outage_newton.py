"""Many AC solutions from one factor, held to a power flow of their own each."""

from dataclasses import replace

import numpy as np
import pytest

from network.bridges import find_bridges
from network.contingency import blocks
from network.model import BusKind, Network
from network.outage_newton import OutageNewton
from network.outage_power_flow import OutagePowerFlow
from network.outages import branch_outage, unit_outage
from network.power_flow import PowerFlow


def _rows(network: Network) -> np.ndarray:
    rows = np.flatnonzero(network.branches.in_service)
    return rows[~np.isin(rows, find_bridges(network).branch)]


def _assert_branches(network: Network, rows: np.ndarray, v: np.ndarray) -> int:
    """Compare with full Newton, and return how many were solved."""
    newton, one = OutageNewton(network, v), OutagePowerFlow(network, v)
    solved = 0
    for block in blocks(rows, 40):
        states = newton.after_branches(block)
        for place, row in enumerate(block.tolist()):
            if states.solved[place]:
                exact = one.after(branch_outage(network, row))
                assert exact is not None
                np.testing.assert_allclose(states.v[:, place], exact.v, atol=2e-6)
                solved += 1
    return solved


def test_every_branch_of_118_buses_gives_the_solution_of_full_newton(case118: Network) -> None:
    rows = _rows(case118)
    assert _assert_branches(case118, rows, PowerFlow(case118).solve()) == len(rows) == 177


def test_so_do_branches_of_1354_buses_with_taps_and_phase_shifts(case1354: Network) -> None:
    rows = _rows(case1354)[::36]
    solved = _assert_branches(case1354, rows, PowerFlow(case1354).solve())
    # The chord leaves the hardest outages to a power flow of their own.
    assert solved >= 0.95 * len(rows)


def test_lost_units_set_the_voltage_of_their_bus_free(case118: Network) -> None:
    v = PowerFlow(case118).solve()
    newton, one = OutageNewton(case118, v), OutagePowerFlow(case118, v)
    units = case118.generators
    rows = np.flatnonzero(units.in_service & (case118.buses.kind[units.bus] != BusKind.SLACK))
    left, freed = one.without_units(rows, np.arange(len(rows)))
    assert freed.all()
    states = newton.after_units(units.bus[rows], left, freed)
    assert states.solved.sum() >= len(rows) - 1
    for place in np.flatnonzero(states.solved).tolist():
        exact = one.after(unit_outage(case118, int(rows[place])))
        assert exact is not None
        np.testing.assert_allclose(states.v[:, place], exact.v, atol=2e-6)
        bus = int(units.bus[rows[place]])
        assert abs(states.v[bus, place]) != pytest.approx(abs(v[bus]), abs=1e-9)


def test_an_outage_without_a_solution_is_not_solved(three_buses: Network) -> None:
    heavy = replace(three_buses, loads=replace(three_buses.loads, p_mw=np.array([480.0, 10.0])))
    states = OutageNewton(heavy, PowerFlow(heavy).solve()).after_branches(np.array([0, 2]))
    assert states.solved.tolist() == [False, True]


def test_an_outage_that_splits_the_network_is_not_solved(ieee14: Network) -> None:
    # Bus 8 hangs on branch 13 alone.
    states = OutageNewton(ieee14, PowerFlow(ieee14).solve()).after_branches(np.array([13, 0]))
    assert states.solved.tolist() == [False, True]
