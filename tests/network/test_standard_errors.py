import numpy as np
import pytest

from network.estimator import Estimator
from network.measurement import Origin, Quantity, full_telemetry
from network.model import Network
from network.power_flow import PowerFlow


@pytest.mark.parametrize("holes", [0, 20])
def test_95_percent_intervals_cover_the_truth_as_often(case118: Network, holes: int) -> None:
    telemetry = full_telemetry(case118)
    solved = PowerFlow(case118).solution()
    estimator = Estimator(case118, telemetry)
    truth, rng = estimator.predict(solved.v), np.random.default_rng(holes)
    noise = np.where(telemetry.origin == Origin.MEASURED, telemetry.sigma, 0.0)
    inside: list[np.ndarray] = []
    for _ in range(40):
        value = truth + noise * rng.standard_normal(len(truth))
        value[rng.choice(np.flatnonzero(noise), holes, replace=False)] = np.nan
        estimate = estimator.estimate(value, v0=solved.v)
        error = estimator.standard_errors(estimate)
        free = np.arange(118) != 68
        angle = np.rad2deg(np.angle(estimate.v * np.conj(solved.v)))
        inside += [
            np.abs(np.abs(estimate.v) - np.abs(solved.v)) < 1.96 * error.v_pu,
            np.abs(angle[free]) < 1.96 * error.angle_deg[free],
            np.abs((estimate.s_from_mva - solved.s_from_mva).real) < 1.96 * error.p_from_mw,
            np.abs((estimate.s_to_mva - solved.s_to_mva).imag) < 1.96 * error.q_to_mvar,
        ]
    assert 0.93 <= np.mean(np.concatenate(inside)) <= 0.97


def test_a_flow_that_nobody_measures_has_an_error_too(ieee14: Network) -> None:
    full = full_telemetry(ieee14)
    # Neither flows nor injections around branch 10-11 (row 17): states 10 and 11 are not joined.
    flows = np.isin(full.quantity, [1, 2, 4, 5]) & (full.element == 17)
    buses = np.isin(full.quantity, [3, 6]) & np.isin(full.element, [9, 10])
    telemetry = full.where(~(flows | buses))
    estimator = Estimator(ieee14, telemetry)
    v = PowerFlow(ieee14).solve()
    estimate = estimator.estimate(estimator.predict(v), v0=v)
    error = estimator.standard_errors(estimate)
    assert estimate.observed.all()
    assert np.isfinite(error.p_from_mw).all()
    # The flow 10-11 is what is left of the loop: less certain than any measured one.
    assert error.p_from_mw[17] > 0.8


def test_what_is_not_observed_has_no_error(ieee14: Network) -> None:
    telemetry = full_telemetry(ieee14)
    estimator = Estimator(ieee14, telemetry)
    v = PowerFlow(ieee14).solve()
    value = estimator.predict(v)
    around = np.isin(telemetry.quantity, [1, 2, 4, 5]) & (telemetry.element == 13)
    around |= np.isin(telemetry.quantity, [3, 6]) & np.isin(telemetry.element, [6, 7])
    around |= (telemetry.quantity == Quantity.V) & (telemetry.element == 7)
    value[around] = np.nan
    error = estimator.standard_errors(estimator.estimate(value))
    assert np.flatnonzero(np.isnan(error.v_pu)).tolist() == [7]
    assert np.flatnonzero(np.isnan(error.p_from_mw)).tolist() == [13]
