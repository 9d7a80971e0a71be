from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ingest.twin.grid import NODE, Grid, NodeStates
from ingest.twin.shapes import KNOT
from network.power_flow import PowerFlow
from records.time import HOUR, SECOND, parse_time

START = parse_time("2014-11-10T06:00:00Z")


@pytest.fixture(scope="module")
def states(grid: Grid) -> NodeStates:
    return grid.solve(START, START + 2 * HOUR)


def test_nodes_are_five_minutes_apart_and_meet_the_quarter_hours(
    grid: Grid, states: NodeStates
) -> None:
    assert (np.diff(states.times) == NODE).all() and states.times[-1] == START + 2 * HOUR
    knots = grid.shapes.knots(START, 9)
    at_knots = states.load.real[:: KNOT // NODE] / grid.shapes.p_mw
    np.testing.assert_allclose(at_knots, knots, rtol=1e-12)
    between = (2 * states.load[0] + states.load[3]) / 3
    np.testing.assert_allclose(states.load[1], between, rtol=1e-12)


def test_a_node_is_a_power_flow_of_its_loads(grid: Grid, states: NodeStates) -> None:
    network = grid.network
    load = states.load[4]
    injection = np.zeros(network.n_bus, complex)
    share = load.real.sum() / network.loads.p_mw.sum()
    injection[network.generators.bus] += network.generators.p_mw * share
    injection[network.loads.bus] -= load
    v = PowerFlow(network).solve(injection.real, injection.imag)
    np.testing.assert_allclose(states.v[4], v, atol=1e-7)


def test_every_moment_balances_and_empty_buses_inject_nothing(
    grid: Grid, states: NodeStates
) -> None:
    times = START + np.arange(0, 2 * HOUR, 37 * SECOND)
    v, load = states.at(times)
    powers = grid.powers(v, load)
    network = grid.network
    net = np.zeros((len(times), network.n_bus), complex)
    np.add.at(net, (slice(None), network.generators.bus), powers.generation)
    np.subtract.at(net, (slice(None), network.loads.bus), powers.load)
    shunt = np.conj(network.buses.gs_mw + 1j * network.buses.bs_mvar) * np.abs(v) ** 2
    out = np.zeros_like(net) + shunt
    np.add.at(out, (slice(None), network.branches.from_bus), powers.s_from)
    np.add.at(out, (slice(None), network.branches.to_bus), powers.s_to)
    # Holds with zero net injection at the buses that have neither load nor generator.
    np.testing.assert_allclose(net, out, atol=1e-5)
    # What is read of a load departs from its straight line by the curvature only.
    assert np.abs(powers.load - load).max() < 0.05


def test_interval_means_are_those_of_many_moments(grid: Grid, states: NodeStates) -> None:
    n = 400
    middles = START + (np.arange(n) * 2 + 1) * NODE // (2 * n)
    v, load = states.at(middles)
    many = grid.powers(v, load)
    exact = grid.interval_means(states)
    for name in ("s_from", "s_to", "load", "generation"):
        np.testing.assert_allclose(
            getattr(exact, name)[0], getattr(many, name).mean(axis=0), atol=1e-4
        )
    np.testing.assert_allclose(grid.losses(exact)[0], grid.losses(many).mean(axis=0), atol=1e-4)


def test_losses_belong_to_areas_and_sum_to_generation_less_load(
    grid: Grid, states: NodeStates
) -> None:
    means = grid.interval_means(states)
    lost = grid.losses(means)
    assert lost.shape == (24, 3) and (lost > 0).all()
    shunts = grid.network.buses.gs_mw.sum()
    rest = means.generation.real.sum(axis=1) - means.load.real.sum(axis=1)
    assert shunts == 0
    np.testing.assert_allclose(lost.sum(axis=1), rest, atol=1e-5)


def test_losses_of_the_hours_mean_are_close_below_the_mean_of_losses(
    grid: Grid, states: NodeStates
) -> None:
    load, losses = grid.solve_hourly(START, START + 2 * HOUR)
    means = grid.interval_means(states)
    np.testing.assert_allclose(load, means.load.real.reshape(2, 12, -1).mean(axis=1), atol=0.01)
    exact = grid.losses(means).reshape(2, 12, -1).mean(axis=1)
    np.testing.assert_allclose(losses, exact, rtol=5e-3)


def test_two_loads_at_a_bus_are_refused(grid: Grid) -> None:
    loads = grid.network.loads
    bus = loads.bus.copy()
    bus[1] = bus[0]
    crowded = replace(grid.network, loads=replace(loads, bus=bus))
    with pytest.raises(ValueError, match="at most one load"):
        Grid(crowded, grid.shapes)
