import numpy as np

from network.estimate import StateEstimate
from network.estimator import Estimator
from network.losses import area_balance, two_end_losses
from network.measurement import Origin, Quantity, Telemetry, full_telemetry
from network.model import Network
from network.power_flow import PowerFlow
from network.published.ieee118 import with_published_data


def _estimate(network: Network, seed: int) -> tuple[Telemetry, np.ndarray, StateEstimate]:
    telemetry = full_telemetry(network)
    estimator = Estimator(network, telemetry)
    noise = np.where(telemetry.origin == Origin.MEASURED, telemetry.sigma, 0.0)
    noise = noise * np.random.default_rng(seed).standard_normal(len(noise))
    v = PowerFlow(network).solve()
    value = estimator.predict(v) + noise
    return telemetry, value, estimator.estimate(value, v0=v)


def test_the_loss_of_a_line_is_r_times_current_squared(three_buses: Network) -> None:
    _, _, estimate = _estimate(three_buses, 0)
    # Branch 1 has no charging: its current is that at its to end.
    current = np.abs(estimate.s_to_mva[1] / 100 / estimate.v[2])
    np.testing.assert_allclose(estimate.loss_mw[1], 100 * 0.01 * current**2, rtol=1e-9)


def test_estimated_losses_are_within_a_tenth_of_a_megawatt(case118: Network) -> None:
    true = PowerFlow(case118).solution()
    _, _, estimate = _estimate(case118, 1)
    np.testing.assert_allclose(estimate.loss_mw, (true.s_from_mva + true.s_to_mva).real, atol=0.1)


def test_two_measured_ends_agree_with_the_state_within_noise(case118: Network) -> None:
    telemetry, value, estimate = _estimate(case118, 2)
    compared = two_end_losses(case118, telemetry, value, estimate)
    assert compared.agrees.all()
    np.testing.assert_allclose(compared.sigma_mw, 0.8 * np.sqrt(2))
    off = (compared.measured_mw - compared.estimated_mw) / compared.sigma_mw
    assert 0.85 < np.std(off) < 1.1


def test_a_wrong_end_and_a_missing_one_are_told_apart(case118: Network) -> None:
    telemetry, value, _ = _estimate(case118, 3)
    ends = telemetry.quantity == Quantity.P_TO
    value[ends & (telemetry.element == 5)] += 10
    value[ends & (telemetry.element == 8)] = np.nan
    estimate = Estimator(case118, telemetry).estimate(value)
    compared = two_end_losses(case118, telemetry, value, estimate)
    assert np.flatnonzero(~compared.agrees).tolist() == [5]
    assert np.flatnonzero(np.isnan(compared.measured_mw)).tolist() == [8]


def test_areas_balance_and_their_exchanges_cancel(case118: Network) -> None:
    network = with_published_data(case118)
    _, _, estimate = _estimate(network, 4)
    balance = area_balance(network, estimate)
    assert balance.area == ("1", "2", "3")
    np.testing.assert_allclose(
        balance.net_injection_mw,
        balance.loss_mw + balance.net_export_mw + balance.shunt_mw,
        atol=1e-8,
    )
    np.testing.assert_allclose(balance.net_export_mw.sum(), 0, atol=1e-9)
    np.testing.assert_allclose(balance.loss_mw.sum(), estimate.loss_mw.sum())


def test_an_area_that_imports_has_a_negative_export(three_buses: Network) -> None:
    _, _, estimate = _estimate(three_buses, 5)
    balance = area_balance(three_buses, estimate)
    # Area 2 is bus 30 alone, which injects 30 MW net, less half the losses of its branches.
    assert balance.area == ("1", "2")
    assert 27 < balance.net_export_mw[1] < 32
    assert balance.net_export_mw[0] == -balance.net_export_mw[1]
