import numpy as np
import pytest

from network.measurement import Origin, Quantity, full_telemetry, zero_injection_buses
from network.measurement_functions import MeasurementFunctions
from network.model import Network
from network.power_flow import PowerFlow


@pytest.fixture(scope="module")
def state(three_buses: Network) -> np.ndarray:
    return np.array([1.0, 0.97 * np.exp(-0.06j), 1.02 * np.exp(0.03j)])


def test_values_are_what_the_power_flow_solves_to(ieee14: Network) -> None:
    telemetry = full_telemetry(ieee14)
    functions = MeasurementFunctions(ieee14, telemetry)
    solved = PowerFlow(ieee14).solution()
    values = functions.values(functions.evaluate(solved.v)) / telemetry.per_unit(100.0)
    expected = {
        Quantity.V: abs(solved.v),
        Quantity.P_FROM: solved.s_from_mva.real,
        Quantity.P_TO: solved.s_to_mva.real,
        Quantity.Q_TO: solved.s_to_mva.imag,
        Quantity.Q_INJECTION: solved.s_bus_mva.imag,
    }
    for quantity, value in expected.items():
        rows = telemetry.quantity == quantity
        np.testing.assert_allclose(values[rows], value, atol=1e-9)


def test_the_jacobian_is_the_limit_of_differences(three_buses: Network, state: np.ndarray) -> None:
    functions = MeasurementFunctions(three_buses, full_telemetry(three_buses))
    jacobian = functions.jacobian(functions.evaluate(state)).toarray()
    step = 1e-6
    for column in range(functions.n_state):
        dx = np.zeros(functions.n_state)
        dx[column] = step
        ahead = functions.values(functions.evaluate(functions.step(state, dx)))
        behind = functions.values(functions.evaluate(functions.step(state, -dx)))
        np.testing.assert_allclose(jacobian[:, column], (ahead - behind) / (2 * step), atol=1e-7)


def test_the_gradient_is_the_transposed_jacobian(three_buses: Network, state: np.ndarray) -> None:
    functions = MeasurementFunctions(three_buses, full_telemetry(three_buses))
    at = functions.evaluate(state)
    u = np.random.default_rng(1).standard_normal(len(functions.telemetry))
    np.testing.assert_allclose(functions.gradient(at, u), functions.jacobian(at).T @ u, atol=1e-9)


def test_only_buses_with_nothing_connected_inject_nothing(ieee14: Network) -> None:
    assert np.flatnonzero(zero_injection_buses(ieee14)).tolist() == [6]
    telemetry = full_telemetry(ieee14)
    virtual = telemetry.origin == Origin.ZERO_INJECTION
    assert set(telemetry.element[virtual].tolist()) == {6}
    assert telemetry.sigma[virtual].tolist() == [0.01, 0.01]


def test_branches_out_of_service_are_not_measured(three_buses: Network) -> None:
    telemetry = full_telemetry(three_buses)
    flows = telemetry.quantity == Quantity.P_FROM
    assert telemetry.element[flows].tolist() == [0, 1, 2]


def test_the_reference_angle_is_not_a_state(ieee14: Network) -> None:
    functions = MeasurementFunctions(ieee14, full_telemetry(ieee14))
    assert functions.n_state == 2 * 14 - 1
    assert 0 not in functions.unknown.tolist()
