"""What state estimation promises, over few draws; `benchmarks/estimation_accuracy.py` has many."""

import importlib.util

import numpy as np
import pytest

from network.readers.pandapower_case import published_pandapower_case
from tests.network import power_grid_model_oracle
from tests.network.simulated.figures import (
    accuracy,
    errors_at_once,
    missing_at_random,
    single_errors,
)
from tests.network.simulated.scans import SimulatedScans


@pytest.fixture(scope="module", params=["bench14", "bench118", "bench1354"])
def bench(request: pytest.FixtureRequest) -> SimulatedScans:
    return request.getfixturevalue(request.param)


def _draws(bench: SimulatedScans) -> int:
    return 10 if bench.network.n_bus > 1000 else 100


def test_estimated_flows_are_less_than_half_as_wrong_as_measured_ones(
    bench: SimulatedScans,
) -> None:
    told = accuracy(bench, bench.full, np.random.default_rng(0), _draws(bench))
    assert told.flow_rmse_by_sigma <= 0.45
    assert told.j_per_dof_farthest <= told.j_per_dof_bound
    assert 93 <= told.coverage_percent <= 97
    assert told.loss_worst_mw <= 0.1
    assert told.not_plausible == 0
    assert told.scans_with_removals == 0


def test_what_is_missing_costs_little_where_injections_have_typical_values(
    bench: SimulatedScans,
) -> None:
    told = accuracy(bench, bench.reduced, np.random.default_rng(1), _draws(bench))
    assert told.flow_rmse_by_sigma <= 0.5
    assert told.j_per_dof_farthest <= told.j_per_dof_bound
    assert 93 <= told.coverage_percent <= 97
    assert told.not_plausible == 0


def test_every_single_gross_error_is_found_and_nothing_else(bench: SimulatedScans) -> None:
    rows = bench.measured[:: 1 + len(bench.measured) // 300]
    told = single_errors(bench, rows, np.random.default_rng(2))
    assert (told.critical, told.missed, told.with_others) == (0, 0, 0)


@pytest.mark.parametrize("name", ["bench118", "bench1354"])
def test_ten_gross_errors_at_once_are_all_found_and_nothing_else(
    name: str, request: pytest.FixtureRequest
) -> None:
    bench = request.getfixturevalue(name)
    told = errors_at_once(bench, np.random.default_rng(9), _draws(bench))
    assert told.recall == 1.0
    assert told.exact_percent >= 99
    assert told.false_removals == 0


def test_with_a_third_missing_a_state_is_right_or_says_where_it_is_not(
    bench1354: SimulatedScans,
) -> None:
    told = missing_at_random(bench1354, np.random.default_rng(3), 12)
    assert told.silently_wrong == 0
    assert told.not_plausible == 0
    assert told.unobserved_percent < 1


@pytest.mark.parametrize("draw", ["full", "reduced"])
@pytest.mark.parametrize("name", ["case14", "case118"])
def test_voltages_agree_with_pandapower(name: str, draw: str) -> None:
    if importlib.util.find_spec("pandapower") is None:
        pytest.skip("needs pandapower, the 'demo' extra")
    from tests.network import pandapower_oracle

    bench = SimulatedScans.of(published_pandapower_case(name))
    scan = getattr(bench, draw)(np.random.default_rng(4))
    ours = bench.estimator.estimate(scan.value, sigma=scan.sigma, remove_bad=False).v
    theirs, _ = pandapower_oracle.estimate(
        name, bench.network, bench.telemetry, scan.value, scan.sigma
    )
    np.testing.assert_allclose(_turned(bench, theirs, ours), ours, atol=2e-4)


def test_voltages_agree_with_power_grid_model(bench: SimulatedScans) -> None:
    scan = bench.full(np.random.default_rng(12))
    ours = bench.estimator.estimate(scan.value, remove_bad=False).v
    theirs = power_grid_model_oracle.estimate(bench.network, bench.telemetry, scan.value)
    np.testing.assert_allclose(_turned(bench, theirs, ours), ours, atol=2e-4)


def _turned(bench: SimulatedScans, theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    slack = int(np.flatnonzero(bench.network.buses.kind == 3)[0])
    return theirs * np.exp(1j * (np.angle(ours[slack]) - np.angle(theirs[slack])))
