import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from network.bridges import find_bridges
from network.islands import islands
from network.model import Network
from network.readers.gridcast_case import network_from_columns


def test_the_bridges_of_the_14_buses_are_one(ieee14: Network) -> None:
    bridges = find_bridges(ieee14)
    assert bridges.branch.tolist() == [13]
    assert [buses.tolist() for buses in bridges.cut_off] == [[7]]


def test_parallel_circuits_are_no_bridges(three_buses: Network) -> None:
    both = three_buses.with_branch_status(np.array([True, False, True, True]))
    bridges = find_bridges(both)
    assert bridges.branch.tolist() == [0]
    assert bridges.cut_off[0].tolist() == [1]


def _network(n: int, edges: list[tuple[int, int]]) -> Network:
    head = {"format": "gridcast.network.v1", "name": "drawn", "base_mva": 100.0}
    ids = [str(i) for i in range(n)]
    buses = {"id": ids, "base_kv": [110.0] * n, "kind": ["slack"] + ["pq"] * (n - 1)}
    branches = {
        "id": [str(i) for i in range(len(edges))],
        "from_bus": [str(a) for a, _ in edges],
        "to_bus": [str(b) for _, b in edges],
        "r_pu": [0.01] * len(edges),
        "x_pu": [0.1] * len(edges),
    }
    return network_from_columns(head, {"buses": buses, "branches": branches})


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.data())
def test_a_bridge_is_what_makes_one_island_more(n: int, data: st.DataObject) -> None:
    bus = st.integers(0, n - 1)
    pairs = st.tuples(bus, bus).filter(lambda pair: pair[0] != pair[1])
    edges = data.draw(st.lists(pairs, min_size=1, max_size=20))
    network = _network(n, edges)
    whole = islands(network)
    expected = {}
    for branch in range(len(edges)):
        without = np.zeros(len(edges), dtype=np.bool_)
        without[branch] = True
        if islands(network, without=without).max() > whole.max():
            expected[branch] = True
    bridges = find_bridges(network)
    assert bridges.branch.tolist() == sorted(expected)
    for branch, buses in zip(bridges.branch.tolist(), bridges.cut_off, strict=True):
        without = np.zeros(len(edges), dtype=np.bool_)
        without[branch] = True
        apart = islands(network, without=without)
        assert len(set(apart[buses].tolist())) == 1
        assert set(buses.tolist()) == set(np.flatnonzero(apart == apart[buses[0]]).tolist())
