import numpy as np
import pytest

from network.errors import BadCase
from network.model import Loads, Network


def test_buses_are_found_by_name_and_unknown_names_give_minus_one(three_buses: Network) -> None:
    assert three_buses.bus_rows(["30", "10", "77"]).tolist() == [2, 0, -1]


def test_a_bus_that_was_fused_is_found_under_its_old_name(three_buses: Network) -> None:
    from dataclasses import replace

    fused = replace(three_buses, bus_alias={"31": "30"})
    assert fused.bus_rows(["31"]).tolist() == [2]


def test_net_injection_is_generation_minus_load(three_buses: Network) -> None:
    np.testing.assert_allclose(three_buses.injection_mva(), [0, -60 - 20j, 30])


def test_a_change_of_status_makes_another_network(three_buses: Network) -> None:
    opened = three_buses.with_branch_status(np.array([True, False, True, False]))
    assert three_buses.branches.in_service.tolist() == [True, True, True, False]
    assert opened.branches.in_service.tolist() == [True, False, True, False]


def test_columns_of_unlike_length_are_refused() -> None:
    with pytest.raises(BadCase, match="Loads differ in length"):
        Loads(np.array(["a"]), np.array([0]), np.zeros(2), np.zeros(1), np.array([True]))
