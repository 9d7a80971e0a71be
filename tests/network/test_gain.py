import numpy as np
import pytest

from network.downdate import Downdate
from network.errors import NotObservable
from network.gain import GainFactor
from network.measurement import Quantity, full_telemetry
from network.measurement_functions import MeasurementFunctions
from network.model import Network
from network.power_flow import PowerFlow


@pytest.fixture(scope="module")
def gain(ieee14: Network) -> GainFactor:
    functions = MeasurementFunctions(ieee14, full_telemetry(ieee14))
    jacobian = functions.jacobian(functions.evaluate(PowerFlow(ieee14).solve()))
    sigma = functions.telemetry.sigma * functions.telemetry.per_unit(100.0)
    return GainFactor(jacobian, 1 / sigma**2)


def _dense(gain: GainFactor, weight: np.ndarray) -> np.ndarray:
    h = gain.jacobian.toarray()
    return np.linalg.inv(h.T @ (weight[:, None] * h))


def test_variances_are_those_of_the_dense_inverse(gain: GainFactor) -> None:
    inverse, h = _dense(gain, gain.weight), gain.jacobian.toarray()
    np.testing.assert_allclose(gain.state_variance, np.diag(inverse), rtol=1e-7)
    np.testing.assert_allclose(gain.estimate_variance, np.diag(h @ inverse @ h.T), rtol=1e-7)


def test_leaving_rows_out_is_the_same_as_factoring_without_them(gain: GainFactor) -> None:
    rows = np.array([3, 20, 41, 60])
    weight = gain.weight.copy()
    weight[rows] = [0, 0, 0.1 * weight[41], 0]
    lessened = Downdate(gain, rows, weight[rows])
    inverse, h = _dense(gain, weight), gain.jacobian.toarray()
    b = np.linspace(-1, 1, h.shape[1])
    np.testing.assert_allclose(lessened.solve(b), inverse @ b, rtol=1e-6)
    np.testing.assert_allclose(lessened.columns(rows), inverse @ h[rows].T, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(
        lessened.estimate_variance(), np.diag(h @ inverse @ h.T), rtol=1e-6, atol=1e-12
    )
    np.testing.assert_allclose(lessened.state_variance(), np.diag(inverse), rtol=1e-6)


def test_a_downdate_of_nothing_changes_nothing(gain: GainFactor) -> None:
    none = Downdate(gain, np.array([], dtype=np.int64), np.array([]))
    b = np.ones(gain.jacobian.shape[1])
    np.testing.assert_array_equal(none.solve(b), gain.solve(b))


def test_taking_out_all_that_a_state_hangs_on_is_refused(gain: GainFactor, ieee14: Network) -> None:
    # Bus 8 hangs on branch 7-8 (row 13): both ends, its injection, and that of bus 7.
    telemetry = full_telemetry(ieee14)
    flow = np.isin(telemetry.quantity, [Quantity.P_FROM, Quantity.P_TO]) & (telemetry.element == 13)
    injection = (telemetry.quantity == Quantity.P_INJECTION) & np.isin(telemetry.element, [6, 7])
    rows = np.flatnonzero(flow | injection)
    assert len(rows) == 4
    with pytest.raises(NotObservable):
        Downdate(gain, rows, np.zeros(4))


def test_too_few_measurements_are_refused(ieee14: Network) -> None:
    telemetry = full_telemetry(ieee14)
    functions = MeasurementFunctions(ieee14, telemetry)
    jacobian = functions.jacobian(functions.evaluate(np.ones(14, complex)))
    only_voltages = (telemetry.quantity == Quantity.V).astype(float)
    with pytest.raises(NotObservable):
        GainFactor(jacobian, only_voltages)
