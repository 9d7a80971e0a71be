import importlib.util
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from network.errors import NotObservable
from network.estimator import Estimator
from network.measurement import Origin, Quantity, Telemetry, full_telemetry
from network.model import Network
from network.power_flow import PowerFlow


def _oracle() -> object:
    path = Path(__file__).with_name("power_grid_model_oracle.py")
    spec = importlib.util.spec_from_file_location("power_grid_model_oracle", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Bench:
    """A network with a known state, and scans drawn from it."""

    network: Network
    telemetry: Telemetry
    estimator: Estimator
    v: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, network: Network, load: float = 1.0) -> "Bench":
        telemetry = full_telemetry(network)
        injection = network.injection_mva() * load
        v = PowerFlow(network).solve(injection.real, injection.imag)
        estimator = Estimator(network, telemetry)
        return cls(network, telemetry, estimator, v, estimator.predict(v))

    def scan(self, rng: np.random.Generator) -> np.ndarray:
        noisy = self.telemetry.origin == Origin.MEASURED
        return self.truth + noisy * rng.standard_normal(len(noisy)) * self.telemetry.sigma

    @property
    def measured(self) -> np.ndarray:
        return np.flatnonzero(self.telemetry.origin == Origin.MEASURED)


@pytest.fixture(scope="module")
def bench14(ieee14: Network) -> Bench:
    return Bench.of(ieee14)


@pytest.fixture(scope="module")
def bench118(case118: Network) -> Bench:
    return Bench.of(case118)


@pytest.fixture(scope="module", params=["bench14", "bench118"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return request.getfixturevalue(request.param)


def _p_flow_ratio(bench: Bench, estimates: list) -> float:
    flow = np.isin(bench.telemetry.quantity, [Quantity.P_FROM, Quantity.P_TO])
    errors = [(e.estimated - bench.truth)[flow] / bench.telemetry.sigma[flow] for e in estimates]
    return float(np.sqrt(np.mean(np.square(errors))))


def test_a_scan_without_noise_gives_the_true_state(bench: Bench) -> None:
    estimate = bench.estimator.estimate(bench.truth)
    np.testing.assert_allclose(estimate.v, bench.v, atol=1e-7)
    assert estimate.converged and estimate.plausible
    assert estimate.removed == ()


def test_flows_are_less_than_half_as_wrong_as_the_telemetry(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    estimates = [bench.estimator.estimate(bench.scan(rng), v0=bench.v) for _ in range(200)]
    assert _p_flow_ratio(bench, estimates) <= 0.45
    j = np.array([e.j_per_dof for e in estimates])
    dof = estimates[0].degrees_of_freedom
    assert dof == len(bench.telemetry) - (2 * bench.network.n_bus - 1)
    # Zero injections are met exactly here, so they add degrees of freedom and no noise.
    virtual = np.sum(bench.telemetry.origin == Origin.ZERO_INJECTION)
    assert abs(j.mean() - (1 - virtual / dof)) < 4 * np.sqrt(2 / dof / 200) + virtual / dof
    assert np.all(abs(j - 1) < 4 * np.sqrt(2 / dof) + virtual / dof)
    assert all(e.plausible for e in estimates)
    assert max(e.iterations for e in estimates) <= 5


def test_missing_measurements_cost_little_and_many_injections_are_replaced(bench118: Bench) -> None:
    bench, rng = bench118, np.random.default_rng(3)
    quantity = bench.telemetry.quantity
    injection = np.isin(quantity, [Quantity.P_INJECTION, Quantity.Q_INJECTION])
    share = np.where(quantity == Quantity.V, 0.2, 0.1)
    estimates = []
    for _ in range(40):
        gone = (rng.random(len(share)) < share) & (bench.telemetry.origin == Origin.MEASURED)
        value, sigma = bench.scan(rng), bench.telemetry.sigma.copy()
        spread = np.maximum(0.2 * np.abs(bench.truth), 5.0)
        typical = bench.truth + spread * rng.standard_normal(len(share))
        value = np.where(gone, np.where(injection, typical, np.nan), value)
        sigma = np.where(gone & injection, spread, sigma)
        estimates.append(bench.estimator.estimate(value, sigma=sigma, v0=bench.v))
    assert _p_flow_ratio(bench, estimates) <= 0.5
    assert all(e.plausible for e in estimates)


@pytest.mark.parametrize("missing", [3, 60])
def test_holes_give_the_same_optimum_as_never_having_measured(
    bench118: Bench, missing: int
) -> None:
    bench, rng = bench118, np.random.default_rng(missing)
    value = bench.scan(rng)
    gone = rng.choice(bench.measured, missing, replace=False)
    value[gone] = np.nan
    kept = np.isfinite(value)
    tight = Estimator(bench.network, bench.telemetry, tolerance=1e-9)
    without = Estimator(bench.network, bench.telemetry.where(kept), tolerance=1e-9)
    with_holes = tight.estimate(value, v0=bench.v)
    np.testing.assert_allclose(with_holes.v, without.estimate(value[kept]).v, atol=1e-7)
    assert np.isnan(with_holes.residual[gone]).all()
    assert np.isfinite(with_holes.estimated[gone]).all()


def test_the_result_does_not_hang_on_where_the_gain_was_taken(bench118: Bench) -> None:
    bench = bench118
    value = bench.scan(np.random.default_rng(4))
    flat = np.ones(118) * np.exp(1j * np.angle(bench.v[68]))
    estimators = [
        Estimator(bench.network, bench.telemetry, at=at, tolerance=1e-9) for at in (bench.v, flat)
    ]
    a, b = (e.estimate(value, v0=bench.v).v for e in estimators)
    np.testing.assert_allclose(a, b, atol=1e-7)


def test_a_cold_start_finds_the_same_state(bench: Bench) -> None:
    value = bench.scan(np.random.default_rng(5))
    cold, warm = bench.estimator.estimate(value), bench.estimator.estimate(value, v0=bench.v)
    np.testing.assert_allclose(cold.v, warm.v, atol=2e-5)


def test_a_start_far_off_does_no_harm(bench118: Bench) -> None:
    value = bench118.scan(np.random.default_rng(6))
    wild = bench118.v * np.exp(2j * np.arange(118)) * 1.4
    estimate = bench118.estimator.estimate(value, v0=wild)
    assert estimate.plausible
    np.testing.assert_allclose(estimate.v, bench118.v, atol=0.01)


def test_another_load_level_costs_iterations_only(case118: Network) -> None:
    light = Bench.of(case118, load=0.7)
    value = light.scan(np.random.default_rng(7))
    estimate = light.estimator.estimate(value, v0=light.v)
    assert estimate.plausible and estimate.removed == ()
    assert estimate.iterations < 10


def test_an_estimator_moved_to_the_present_state_needs_fewer_iterations(case118: Network) -> None:
    light = Bench.of(case118, load=0.7)
    value = light.scan(np.random.default_rng(7))
    before = light.estimator.estimate(value, v0=light.v)
    after = light.estimator.recentred(before.v).estimate(value, v0=light.v)
    assert before.gain_renewed and not after.gain_renewed
    assert after.iterations <= before.iterations
    np.testing.assert_allclose(after.v, before.v, atol=2e-5)


def test_one_gross_error_is_located_and_its_true_value_told(bench: Bench) -> None:
    rng = np.random.default_rng(8)
    for row in rng.choice(bench.measured, 60, replace=False):
        value = bench.scan(rng)
        value[row] += 20 * rng.choice([-1, 1]) * bench.telemetry.sigma[row]
        estimate = bench.estimator.estimate(value, v0=bench.v)
        assert [removal.row for removal in estimate.removed] == [row]
        told = estimate.removed[0].estimated
        assert abs(told - bench.truth[row]) < 6 * bench.telemetry.sigma[row]
        assert estimate.plausible and not estimate.used[row]


def test_ten_gross_errors_at_once_are_all_found(bench118: Bench) -> None:
    bench, rng = bench118, np.random.default_rng(9)
    exact = 0
    for _ in range(100):
        value = bench.scan(rng)
        bad = rng.choice(bench.measured, 10, replace=False)
        size = rng.uniform(20, 50, 10) * rng.choice([-1, 1], 10)
        value[bad] += size * bench.telemetry.sigma[bad]
        estimate = bench.estimator.estimate(value, v0=bench.v)
        exact += {removal.row for removal in estimate.removed} == set(bad.tolist())
    assert exact >= 99


def test_a_value_in_the_wrong_unit_does_not_bend_the_rest(bench118: Bench) -> None:
    rng = np.random.default_rng(14)
    flows = np.flatnonzero(
        (bench118.telemetry.quantity == Quantity.P_FROM) & (abs(bench118.truth) > 50)
    )
    for row in flows[:10].tolist():
        value = bench118.scan(rng)
        value[row] *= 1000
        for v0 in (None, bench118.v):
            estimate = bench118.estimator.estimate(value, v0=v0)
            assert [removal.row for removal in estimate.removed] == [row]
            assert estimate.plausible


def test_clean_scans_lose_nothing(bench118: Bench) -> None:
    rng = np.random.default_rng(10)
    scans = [bench118.scan(rng) for _ in range(200)]
    assert not any(bench118.estimator.estimate(s, v0=bench118.v).removed for s in scans)


def test_a_bad_value_that_returns_every_scan_is_found_every_scan(bench118: Bench) -> None:
    rng, v0 = np.random.default_rng(11), bench118.v
    for _ in range(5):
        value = bench118.scan(rng)
        value[200] += 30 * bench118.telemetry.sigma[200]
        estimate = bench118.estimator.estimate(value, v0=v0)
        assert [removal.row for removal in estimate.removed] == [200]
        v0 = estimate.v


def test_voltages_agree_with_power_grid_model(bench: Bench) -> None:
    oracle = _oracle()
    value = bench.scan(np.random.default_rng(12))
    ours = bench.estimator.estimate(value, remove_bad=False).v
    theirs = oracle.estimate(bench.network, bench.telemetry, value)
    slack = int(np.flatnonzero(bench.network.buses.kind == 3)[0])
    turned = theirs * np.exp(1j * (np.angle(ours[slack]) - np.angle(theirs[slack])))
    np.testing.assert_allclose(turned, ours, atol=2e-4)


def test_an_unobservable_part_is_named_and_the_rest_estimated(bench14: Bench) -> None:
    # Bus 8 hangs on branch 7-8 alone (row 13): take its flows, injection and V, and bus 7's
    # injection, which would tell the flow.
    telemetry, value = bench14.telemetry, bench14.truth.copy()
    flow = np.isin(telemetry.quantity, [1, 2, 4, 5]) & (telemetry.element == 13)
    bus = np.isin(telemetry.quantity, [3, 6]) & np.isin(telemetry.element, [6, 7])
    voltage = (telemetry.quantity == Quantity.V) & (telemetry.element == 7)
    value[flow | bus | voltage] = np.nan
    estimate = bench14.estimator.estimate(value)
    assert np.flatnonzero(~estimate.observed).tolist() == [7]
    others = np.arange(14) != 7
    np.testing.assert_allclose(estimate.v[others], bench14.v[others], atol=1e-6)
    assert bench14.estimator.observability(value).unobserved_ids == ("8",)
    assert bench14.estimator.observability(value).open_directions == 2


@pytest.mark.parametrize("seed", range(3))
def test_a_third_missing_at_1354_buses_gives_a_good_state_or_names_the_gaps(
    case1354: Network, seed: int
) -> None:
    bench, rng = Bench.of(case1354), np.random.default_rng(seed)
    value = bench.scan(rng)
    value[rng.random(len(value)) < 0.3 * (bench.telemetry.origin == Origin.MEASURED)] = np.nan
    estimate = bench.estimator.estimate(value, v0=bench.v)
    assert estimate.converged and estimate.plausible
    assert estimate.observed.mean() > 0.98
    np.testing.assert_allclose(estimate.v[estimate.observed], bench.v[estimate.observed], atol=0.03)


def test_nothing_measured_is_refused(bench14: Bench) -> None:
    with pytest.raises(NotObservable):
        bench14.estimator.estimate(np.full(len(bench14.telemetry), np.nan))


def test_no_telemetry_is_refused(ieee14: Network) -> None:
    nothing = full_telemetry(ieee14).where(np.zeros(122, dtype=np.bool_))
    with pytest.raises(NotObservable):
        Estimator(ieee14, nothing)


def test_two_islands_are_estimated_each_with_its_own_reference(ieee14: Network) -> None:
    status = np.ones(20, dtype=np.bool_)
    status[[11, 12, 19]] = False
    split = ieee14.with_branch_status(status)
    telemetry = full_telemetry(split)
    estimator = Estimator(split, telemetry)
    v = np.ones(14, complex)
    v[:11] = PowerFlow(split).solve()[:11]
    # Without a slack bus the lowest number, 12, keeps its angle of the case: -15.07 degrees.
    v[11:13] = np.array([1.02, 1.01 * np.exp(-0.02j)]) * np.exp(1j * np.deg2rad(-15.07))
    v[13] = PowerFlow(split).solve()[13]
    estimate = estimator.estimate(estimator.predict(v))
    np.testing.assert_allclose(estimate.v, v, atol=1e-6)
    assert estimate.observed.all()


def test_a_bus_out_of_service_is_dead_and_left_alone(ieee14: Network) -> None:
    kind = ieee14.buses.kind.copy()
    kind[7] = 4
    network = replace(ieee14, buses=replace(ieee14.buses, kind=kind))
    estimator = Estimator(network, full_telemetry(network))
    v = PowerFlow(network).solve()
    value = estimator.predict(v)
    value[7] = 0.0
    estimate = estimator.estimate(value)
    assert estimate.plausible and estimate.removed == ()
    assert estimate.v[7] == 0 and estimate.estimated[7] == 0
    np.testing.assert_allclose(estimate.v, v, atol=1e-6)


def test_a_start_that_is_turned_as_a_whole_changes_nothing(bench14: Bench) -> None:
    estimate = bench14.estimator.estimate(bench14.truth, v0=bench14.v * np.exp(0.3j))
    np.testing.assert_allclose(estimate.v, bench14.v, atol=1e-6)


def test_powers_of_the_estimate_are_consistent(bench118: Bench) -> None:
    estimate = bench118.estimator.estimate(bench118.scan(np.random.default_rng(13)), v0=bench118.v)
    network = bench118.network
    total = np.zeros(118, complex)
    np.add.at(total, network.branches.from_bus, estimate.s_from_mva)
    np.add.at(total, network.branches.to_bus, estimate.s_to_mva)
    shunt = (network.buses.gs_mw - 1j * network.buses.bs_mvar) * np.abs(estimate.v) ** 2
    np.testing.assert_allclose(estimate.s_bus_mva, total + shunt, atol=1e-8)
    r_i2 = estimate.loss_mw
    assert np.all(r_i2 > -1e-9)
