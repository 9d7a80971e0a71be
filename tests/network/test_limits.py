import numpy as np

from network.limits import branch_loading_percent, check_limits
from network.model import Network


def test_loading_is_by_the_greater_end_and_unknown_without_rating(three_buses: Network) -> None:
    ends = np.array([30 + 40j, 8, 5, 99]), np.array([-30 - 30j, -16, -5, 0])
    loading = branch_loading_percent(three_buses, *ends)
    np.testing.assert_allclose(loading, [50, 20, np.nan, 0])


def test_overloads_and_voltages_outside_the_band_are_ranked(three_buses: Network) -> None:
    check = check_limits(
        three_buses,
        np.array([0.93, 0.92, 1.07]) + 0j,
        np.array([120, 100, 300, 0]) + 0j,
        np.array([-110, -60 - 80j, -300, 0]),
    )
    assert check.low_voltage.tolist() == [1, 0]
    assert check.high_voltage.tolist() == [2]
    assert check.unrated.tolist() == [2]
    assert check.overloaded.tolist() == [1, 0]
    assert check.loading_percent.tolist() == [125, 120]


def test_a_dead_bus_is_not_low(three_buses: Network) -> None:
    nothing = np.zeros(4, complex)
    check = check_limits(three_buses, np.array([1, 0, 1]) + 0j, nothing, nothing)
    assert check.low_voltage.tolist() == []
