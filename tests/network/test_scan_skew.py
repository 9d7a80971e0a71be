import numpy as np

from network.scan_skew import rate_of_change, skewed_sigma
from tests.network.simulated.scans import SimulatedScans


def test_a_value_of_now_is_as_certain_as_its_sensor() -> None:
    sigma = np.array([0.8, 0.004])
    np.testing.assert_array_equal(skewed_sigma(sigma, np.zeros(2), np.array([1.0, 0.1])), sigma)


def test_an_old_value_of_what_moves_is_less_certain() -> None:
    # 3 MW a second for 10 s beside a noise of 40 MW: 50 MW.
    wider = skewed_sigma(np.array([40.0]), np.array([10.0]), np.array([3.0]))
    np.testing.assert_allclose(wider, [50.0])


def test_the_rate_is_that_of_the_estimates_and_a_gross_error_does_not_excuse_itself(
    bench118: SimulatedScans,
) -> None:
    before = bench118.estimator.estimate(bench118.truth, v0=bench118.v)
    later = bench118.at_load(1.01)
    value = later.truth.copy()
    value[300] += 500
    after = bench118.estimator.estimate(value, v0=bench118.v)
    rate = rate_of_change(before, after, 10.0)
    true = np.abs(later.truth - bench118.truth) / 10.0
    np.testing.assert_allclose(rate, true, atol=1e-3)
