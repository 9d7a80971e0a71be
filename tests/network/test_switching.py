"""The network as its breakers stand: four buses, two of them sections of one station.

a --line 0-- b === c --line 1-- d        === is the coupler "k" from b to c
a --line 2-- d
"""

from dataclasses import replace

import numpy as np
import pytest

from network.estimator import Estimator
from network.islands import islands
from network.measurement import full_telemetry
from network.model import BusKind, Network
from network.power_flow import PowerFlow
from network.readers.gridcast_case import network_from_toml, network_toml
from network.switching import switched
from network.topology import Element
from network.validation import validate

COUPLER = Element("breaker", "k")
DOCUMENT = """
format = "gridcast.network.v1"
name = "coupled"
base_mva = 100
[buses]
id = ["a", "b", "c", "d"]
base_kv = [110, 110, 110, 110]
kind = ["slack", "pq", "pq", "pq"]
bs_mvar = [0, 0, 5, 0]
[branches]
id = ["0", "1", "2"]
from_bus = ["a", "c", "a"]
to_bus = ["b", "d", "d"]
r_pu = [0.01, 0.01, 0.01]
x_pu = [0.1, 0.1, 0.1]
rate_mva = [100, 100, 100]
[generators]
id = ["g"]
bus = ["a"]
p_mw = [60]
[loads]
id = ["lb", "lc", "ld"]
bus = ["b", "c", "d"]
p_mw = [20, 10, 30]
q_mvar = [5, 5, 5]
[breakers]
id = ["k"]
from_bus = ["b"]
to_bus = ["c"]
closed = [true]
"""


@pytest.fixture
def network() -> Network:
    return network_from_toml(DOCUMENT)


def test_breakers_come_back_as_they_were_written(network: Network) -> None:
    again = network_from_toml(network_toml(network))
    assert again.breakers.id.tolist() == ["k"] and again.breakers.closed.tolist() == [True]
    assert (again.breakers.from_bus.tolist(), again.breakers.to_bus.tolist()) == ([1], [2])
    assert validate(network) == ()


def test_buses_that_a_closed_breaker_joins_share_one_voltage(network: Network) -> None:
    joined = switched(network)
    assert joined.bus.tolist() == [0, 1, 1, 3]
    told = joined.network
    assert told.buses.kind[2] == BusKind.OUT and told.bus_rows(["c"]).tolist() == [1]
    assert told.loads.bus.tolist() == [1, 1, 3]
    assert told.buses.bs_mvar.tolist() == [0, 5, 0, 0]
    # By hand: 60 MW over a ring of three equal lines; 30 MW at b and c, 30 MW at d: no flow b-d.
    v = PowerFlow(told).solve()
    assert abs(v[1] - v[3]) < 0.01 and v[2] == 0


def test_an_open_breaker_leaves_two_buses(network: Network) -> None:
    apart = switched(network, [(COUPLER, False)])
    assert apart.bus.tolist() == [0, 1, 2, 3]
    assert islands(apart.network).tolist() == [0, 0, 0, 0]
    v = PowerFlow(apart.network).solve()
    assert abs(np.angle(v[2])) > abs(np.angle(v[1]))


def test_the_estimate_follows_the_coupler(network: Network) -> None:
    for closed in (True, False):
        told = switched(network, [(COUPLER, closed)])
        telemetry = full_telemetry(told.network)
        v = PowerFlow(told.network).solve()
        estimator = Estimator(told.network, telemetry)
        estimate = estimator.estimate(estimator.predict(v))
        assert estimate.converged
        np.testing.assert_allclose(estimate.v[told.bus], v[told.bus], atol=1e-5)


def test_a_part_that_nothing_feeds_is_out_of_service(network: Network) -> None:
    changes = [(COUPLER, False), (Element("branch", "1"), False)]
    told = switched(network, changes).network
    assert told.buses.kind.tolist() == [BusKind.SLACK, BusKind.PQ, BusKind.OUT, BusKind.PQ]
    assert told.loads.in_service.tolist() == [True, False, True]
    assert islands(told).tolist() == [0, 0, -1, 0]


def test_a_part_with_a_generator_lives_on_as_an_island(network: Network) -> None:
    units = network.generators
    more = replace(
        units,
        **{
            name: np.concatenate([getattr(units, name)] * 2)
            for name in units.__slots__
            if name not in ("id", "bus")
        },
        id=np.array(["g", "h"]),
        bus=np.array([0, 2]),
    )
    changes = [(COUPLER, False), (Element("branch", "1"), False)]
    told = switched(replace(network, generators=more), changes).network
    assert islands(told).tolist() == [0, 0, 1, 0]


def test_what_is_switched_back_is_the_case_again(network: Network) -> None:
    plain = replace(network, breakers=network.breakers.none())
    assert switched(plain, [(Element("branch", "0"), True)]).network is plain
    assert switched(plain).network is plain


def test_a_slack_bus_stands_for_those_it_is_joined_with(network: Network) -> None:
    kind = np.array([BusKind.PQ, BusKind.PQ, BusKind.SLACK, BusKind.PQ], np.int64)
    moved = replace(network, buses=replace(network.buses, kind=kind))
    assert switched(moved).bus.tolist() == [0, 2, 2, 3]


def test_breakers_are_validated(network: Network) -> None:
    broken = replace(
        network, breakers=replace(network.breakers, from_bus=np.array([9]), to_bus=np.array([9]))
    )
    found = {(f.component, f.field, f.fatal) for f in validate(broken)}
    assert {("breaker", "from_bus", True), ("breaker", "to_bus", True)} <= found
