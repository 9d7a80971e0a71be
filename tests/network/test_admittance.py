import numpy as np

from network.admittance import admittance
from network.model import Network


def test_a_transformer_stands_with_its_ratio_at_the_from_end(three_buses: Network) -> None:
    y = admittance(three_buses)
    series = 1 / (0.01 + 0.08j)
    np.testing.assert_allclose(
        [y.ff[1], y.ft[1], y.tf[1], y.tt[1]],
        [series / 0.98**2, -series / 0.98, -series / 0.98, series],
    )


def test_a_phase_shifter_makes_the_matrix_unsymmetric(three_buses: Network) -> None:
    y = admittance(three_buses)
    turn = np.exp(1j * np.deg2rad(5))
    series = 1 / (0.03 + 0.20j)
    np.testing.assert_allclose([y.ft[2], y.tf[2]], [-series * turn, -series / turn])


def test_a_branch_out_of_service_carries_nothing(three_buses: Network) -> None:
    y = admittance(three_buses)
    assert not y.from_end.toarray()[3].any()
    assert not y.to_end.toarray()[3].any()


def test_bus_currents_are_the_sum_of_branch_and_shunt_currents(three_buses: Network) -> None:
    y = admittance(three_buses)
    v = np.array([1.0, 0.97 - 0.05j, 1.01 + 0.02j])
    total = np.zeros(3, complex)
    np.add.at(total, three_buses.branches.from_bus, y.from_end @ v)
    np.add.at(total, three_buses.branches.to_bus, y.to_end @ v)
    total += np.array([0, 0, 0.05j]) * v
    np.testing.assert_allclose(y.bus @ v, total)
