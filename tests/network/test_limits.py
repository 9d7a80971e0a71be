import numpy as np

from network.limits import branch_loading_percent, check_limits, end_currents_a
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


def test_a_current_counts_at_the_voltage_of_its_end(three_buses: Network) -> None:
    s_from = np.array([80.0, 40.0, 0.0, 30.0], complex)
    v = np.array([1.0, 0.8, 1.02])
    # Branch 0 (100 MVA) goes from bus 10 to 20, at 1.0 and 0.8 pu; branch 3 is out of service.
    loading = branch_loading_percent(three_buses, s_from, -s_from, v.astype(complex))
    np.testing.assert_allclose(loading, [100.0, 100 * 40 / 0.8 / 80, np.nan, 0.0])
    current, limit = end_currents_a(
        three_buses, np.array([0, 2]), s_from[[0, 2]], s_from[[0, 2]], np.array([[1, 0.8], [1, 1]])
    )
    # 80 MVA at 88 kV, and 100 MVA at 110 kV.
    np.testing.assert_allclose(current, [80e6 / np.sqrt(3) / 88e3, 0.0])
    np.testing.assert_allclose(limit, [100e6 / np.sqrt(3) / 110e3, np.nan])


def test_loadings_of_several_states_stand_side_by_side(three_buses: Network) -> None:
    s = np.array([[80.0, 50.0], [40.0, 8.0], [0.0, 0.0], [30.0, 0.0]], complex)
    v = np.array([[1.0, 1.0], [0.8, 1.0], [1.02, 1.0]], complex)
    both = branch_loading_percent(three_buses, s, -s, v)
    for column in (0, 1):
        alone = branch_loading_percent(three_buses, s[:, column], -s[:, column], v[:, column])
        np.testing.assert_array_equal(both[:, column], alone)
