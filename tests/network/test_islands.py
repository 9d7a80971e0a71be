import numpy as np

from network.islands import islands, reference_buses
from network.model import Network


def test_a_connected_network_is_one_island_held_at_its_slack(ieee14: Network) -> None:
    island = islands(ieee14)
    assert island.tolist() == [0] * 14
    assert reference_buses(ieee14, island).tolist() == [0]


def test_a_branch_out_of_service_does_not_connect(three_buses: Network) -> None:
    only_first = three_buses.with_branch_status(np.array([True, False, False, False]))
    assert islands(only_first).tolist() == [0, 0, 1]


def test_an_island_without_slack_is_held_at_its_lowest_number(ieee14: Network) -> None:
    # 12-13 cut from 6 and 14: branches 11, 12 and 19 of the case.
    without = np.zeros(20, dtype=np.bool_)
    without[[11, 12, 19]] = True
    island = islands(ieee14, without=without)
    assert np.flatnonzero(island == 1).tolist() == [11, 12]
    assert reference_buses(ieee14, island).tolist() == [0, 11]
