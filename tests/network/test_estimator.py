from dataclasses import replace

import numpy as np
import pytest

from network.errors import NotObservable
from network.estimator import Estimator
from network.measurement import Quantity, full_telemetry
from network.model import Network
from network.power_flow import PowerFlow
from tests.network.simulated.scans import SimulatedScans


@pytest.fixture(scope="module", params=["bench14", "bench118"])
def bench(request: pytest.FixtureRequest) -> SimulatedScans:
    return request.getfixturevalue(request.param)


def test_a_scan_without_noise_gives_the_true_state(bench: SimulatedScans) -> None:
    estimate = bench.estimator.estimate(bench.truth)
    np.testing.assert_allclose(estimate.v, bench.v, atol=1e-7)
    assert estimate.converged and estimate.plausible
    assert estimate.removed == ()


@pytest.mark.parametrize("missing", [3, 60])
def test_holes_give_the_same_optimum_as_never_having_measured(
    bench118: SimulatedScans, missing: int
) -> None:
    bench, rng = bench118, np.random.default_rng(missing)
    value = bench.full(rng).value
    gone = rng.choice(bench.measured, missing, replace=False)
    value[gone] = np.nan
    kept = np.isfinite(value)
    tight = Estimator(bench.network, bench.telemetry, tolerance=1e-9)
    without = Estimator(bench.network, bench.telemetry.where(kept), tolerance=1e-9)
    with_holes = tight.estimate(value, v0=bench.v)
    np.testing.assert_allclose(with_holes.v, without.estimate(value[kept]).v, atol=1e-7)
    assert np.isnan(with_holes.residual[gone]).all()
    assert np.isfinite(with_holes.estimated[gone]).all()


def test_the_result_does_not_hang_on_where_the_gain_was_taken(bench118: SimulatedScans) -> None:
    bench = bench118
    value = bench.full(np.random.default_rng(4)).value
    flat = np.ones(118) * np.exp(1j * np.angle(bench.v[68]))
    estimators = [
        Estimator(bench.network, bench.telemetry, at=at, tolerance=1e-9) for at in (bench.v, flat)
    ]
    a, b = (e.estimate(value, v0=bench.v).v for e in estimators)
    np.testing.assert_allclose(a, b, atol=1e-7)


def test_a_cold_start_finds_the_same_state(bench: SimulatedScans) -> None:
    value = bench.full(np.random.default_rng(5)).value
    cold, warm = bench.estimator.estimate(value), bench.estimator.estimate(value, v0=bench.v)
    np.testing.assert_allclose(cold.v, warm.v, atol=2e-5)


def test_a_start_far_off_does_no_harm(bench118: SimulatedScans) -> None:
    value = bench118.full(np.random.default_rng(6)).value
    wild = bench118.v * np.exp(2j * np.arange(118)) * 1.4
    estimate = bench118.estimator.estimate(value, v0=wild)
    assert estimate.plausible
    np.testing.assert_allclose(estimate.v, bench118.v, atol=0.01)


def test_another_load_level_costs_iterations_only(case118: Network) -> None:
    light = SimulatedScans.of(case118, load=0.7)
    value = light.full(np.random.default_rng(7)).value
    estimate = light.estimator.estimate(value, v0=light.v)
    assert estimate.plausible and estimate.removed == ()
    assert estimate.iterations < 10


def test_an_estimator_moved_to_the_present_state_needs_fewer_iterations(case118: Network) -> None:
    light = SimulatedScans.of(case118, load=0.7)
    value = light.full(np.random.default_rng(7)).value
    before = light.estimator.estimate(value, v0=light.v)
    after = light.estimator.recentred(before.v).estimate(value, v0=light.v)
    assert before.gain_renewed and not after.gain_renewed
    assert after.iterations <= before.iterations
    np.testing.assert_allclose(after.v, before.v, atol=2e-5)


def test_one_gross_error_is_located_and_its_true_value_told(bench: SimulatedScans) -> None:
    rng = np.random.default_rng(8)
    for row in rng.choice(bench.measured, 60, replace=False):
        value = bench.full(rng).value
        value[row] += 20 * rng.choice([-1, 1]) * bench.telemetry.sigma[row]
        estimate = bench.estimator.estimate(value, v0=bench.v)
        assert [removal.row for removal in estimate.removed] == [row]
        told = estimate.removed[0].estimated
        assert abs(told - bench.truth[row]) < 6 * bench.telemetry.sigma[row]
        assert estimate.plausible and not estimate.used[row]


def test_a_value_in_the_wrong_unit_does_not_bend_the_rest(bench118: SimulatedScans) -> None:
    rng = np.random.default_rng(14)
    flows = np.flatnonzero(
        (bench118.telemetry.quantity == Quantity.P_FROM) & (abs(bench118.truth) > 50)
    )
    for row in flows[:10].tolist():
        value = bench118.full(rng).value
        value[row] *= 1000
        for v0 in (None, bench118.v):
            estimate = bench118.estimator.estimate(value, v0=v0)
            assert [removal.row for removal in estimate.removed] == [row]
            assert estimate.plausible


def test_a_bad_value_that_returns_every_scan_is_found_every_scan(bench118: SimulatedScans) -> None:
    rng, v0 = np.random.default_rng(11), bench118.v
    for _ in range(5):
        value = bench118.full(rng).value
        value[200] += 30 * bench118.telemetry.sigma[200]
        estimate = bench118.estimator.estimate(value, v0=v0)
        assert [removal.row for removal in estimate.removed] == [200]
        v0 = estimate.v


def test_an_unobservable_part_is_named_and_the_rest_estimated(bench14: SimulatedScans) -> None:
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


def test_nothing_measured_is_refused(bench14: SimulatedScans) -> None:
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


def test_a_start_that_is_turned_as_a_whole_changes_nothing(bench14: SimulatedScans) -> None:
    estimate = bench14.estimator.estimate(bench14.truth, v0=bench14.v * np.exp(0.3j))
    np.testing.assert_allclose(estimate.v, bench14.v, atol=1e-6)


def test_powers_of_the_estimate_are_consistent(bench118: SimulatedScans) -> None:
    scan = bench118.full(np.random.default_rng(13))
    estimate = bench118.estimator.estimate(scan.value, v0=bench118.v)
    network = bench118.network
    total = np.zeros(118, complex)
    np.add.at(total, network.branches.from_bus, estimate.s_from_mva)
    np.add.at(total, network.branches.to_bus, estimate.s_to_mva)
    shunt = (network.buses.gs_mw - 1j * network.buses.bs_mvar) * np.abs(estimate.v) ** 2
    np.testing.assert_allclose(estimate.s_bus_mva, total + shunt, atol=1e-8)
    r_i2 = estimate.loss_mw
    assert np.all(r_i2 > -1e-9)


def test_another_solution_of_the_equations_is_not_a_plausible_state(
    bench118: SimulatedScans,
) -> None:
    # Bus 116 hangs on one transformer: seen through its flows alone it may as well be at 0.01 pu.
    v = bench118.v.copy()
    v[115] *= 0.3
    estimate = bench118.estimator.estimate(bench118.estimator.predict(v), v0=v, remove_bad=False)
    assert estimate.converged and estimate.j_per_dof < 1e-6
    assert not estimate.plausible


def test_an_angle_that_shows_in_reactive_power_alone_is_not_called_observed(
    bench14: SimulatedScans,
) -> None:
    # Bus 8 again, with its V and all Q about it, but no P: 4 degrees ahead fit as well as 4 behind.
    telemetry = bench14.telemetry
    flow = (telemetry.quantity == Quantity.P_FROM) | (telemetry.quantity == Quantity.P_TO)
    injection = (telemetry.quantity == Quantity.P_INJECTION) & np.isin(telemetry.element, [6, 7])
    v = bench14.v.copy()
    v[7] *= np.exp(0.2j)
    value = bench14.estimator.predict(v)
    value[flow & (telemetry.element == 13) | injection] = np.nan
    for start in (None, v):
        estimate = bench14.estimator.estimate(value, v0=start)
        assert np.flatnonzero(~estimate.observed).tolist() == [7]
        assert estimate.plausible
