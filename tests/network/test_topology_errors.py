from dataclasses import replace

import numpy as np
import pytest

from network.bridges import find_bridges
from network.estimator import Estimator
from network.measurement import Origin, Quantity, full_telemetry
from network.model import Network
from network.power_flow import PowerFlow
from network.topology_errors import Hypothesis, explain


class Bench:
    """The 118 buses with a solved state, to plant one fault at a time."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.telemetry = full_telemetry(network)
        self.v = PowerFlow(network).solve()
        self.estimator = Estimator(network, self.telemetry)
        self.truth = self.estimator.predict(self.v)
        self.noise = np.where(self.telemetry.origin == Origin.MEASURED, self.telemetry.sigma, 0.0)
        flow = np.abs(self.estimator.estimate(self.truth, v0=self.v).s_from_mva)
        carrying = (flow > 20) & network.branches.in_service
        carrying[find_bridges(network).branch] = False
        self.carrying = np.flatnonzero(carrying)

    def scan(self, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return truth + self.noise * rng.standard_normal(len(truth))

    def solved(self, network: Network) -> np.ndarray:
        v = PowerFlow(network).solve(v0=self.v)
        return Estimator(network, self.telemetry, at=v).predict(v)

    def opened(self, branch: int) -> Network:
        return self.network.with_branch_status(
            self.network.branches.in_service & (np.arange(self.network.n_branch) != branch)
        )

    def first(self, value: np.ndarray, estimator: Estimator | None = None) -> Hypothesis:
        estimator = estimator or self.estimator
        return explain(estimator, value, estimator.estimate(value, v0=self.v))[0]


@pytest.fixture(scope="module")
def bench(case118: Network) -> Bench:
    return Bench(case118)


def test_a_scan_that_fits_needs_no_explanation(bench: Bench) -> None:
    value = bench.scan(bench.truth, np.random.default_rng(0))
    assert explain(bench.estimator, value, bench.estimator.estimate(value)) == ()


@pytest.mark.parametrize("seed", range(3))
def test_a_branch_that_is_open_though_the_model_has_it_closed_is_named(
    bench: Bench, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    branch = rng.choice(bench.carrying)
    first = bench.first(bench.scan(bench.solved(bench.opened(branch)), rng))
    assert (first.kind, first.branch) == ("open", bench.network.branches.id[branch])
    assert first.plausible and first.faults == ()


@pytest.mark.parametrize("seed", range(3))
def test_a_branch_that_is_closed_though_the_model_has_it_open_is_named(
    bench: Bench, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    branch = rng.choice(bench.carrying)
    wrong = Estimator(bench.opened(branch), bench.telemetry, at=bench.v)
    first = bench.first(bench.scan(bench.truth, rng), wrong)
    assert (first.kind, first.branch) == ("closed", bench.network.branches.id[branch])


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_tap_is_named_and_the_right_one_told(bench: Bench, seed: int) -> None:
    rng = np.random.default_rng(seed)
    branches = bench.network.branches
    branch = rng.choice(np.flatnonzero(branches.tap != 1))
    tap = branches.tap.copy()
    tap[branch] *= 1 + rng.choice([-1, 1]) * rng.uniform(0.02, 0.06)
    moved = replace(bench.network, branches=replace(branches, tap=tap))
    first = bench.first(bench.scan(bench.solved(moved), rng))
    assert (first.kind, first.branch) == ("tap", branches.id[branch])
    assert first.tap == pytest.approx(tap[branch], abs=2e-3)


@pytest.mark.parametrize("kind", ["sign", "scale"])
@pytest.mark.parametrize("seed", range(3))
def test_a_turned_sign_and_a_wrong_scale_are_told_from_noise(
    bench: Bench, kind: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    power = (bench.telemetry.quantity != Quantity.V) & (np.abs(bench.truth) > 20)
    row = int(rng.choice(np.flatnonzero(power)))
    factor = -1.0 if kind == "sign" else float(rng.choice([1000.0, 0.001, 10.0]))
    value = bench.scan(bench.truth, rng)
    value[row] *= factor
    first = bench.first(value)
    assert first.kind == "measurements"
    assert [(fault.kind, fault.rows) for fault in first.faults] == [(kind, (row,))]
    if kind == "scale":
        assert first.faults[0].factor == pytest.approx(factor)


@pytest.mark.parametrize("seed", range(3))
def test_swapped_active_and_reactive_power_are_told(bench: Bench, seed: int) -> None:
    rng, telemetry = np.random.default_rng(seed), bench.telemetry
    p_rows = np.flatnonzero(telemetry.quantity == Quantity.P_FROM)
    q_rows = np.flatnonzero(telemetry.quantity == Quantity.Q_FROM)
    apart = np.flatnonzero(np.abs(bench.truth[p_rows] - bench.truth[q_rows]) > 20)
    pick = rng.choice(apart)
    p, q = int(p_rows[pick]), int(q_rows[pick])
    value = bench.scan(bench.truth, rng)
    value[[p, q]] = value[[q, p]]
    first = bench.first(value)
    assert [(fault.kind, fault.rows) for fault in first.faults] == [("swap", (p, q))]


def test_a_value_that_is_merely_wrong_stays_a_gross_error(bench: Bench) -> None:
    row = int(np.flatnonzero(bench.telemetry.quantity == Quantity.P_FROM)[30])
    value = bench.scan(bench.truth, np.random.default_rng(1))
    value[row] += 30 * bench.telemetry.sigma[row]
    first = bench.first(value)
    assert first.kind == "measurements"
    assert [(fault.kind, fault.rows) for fault in first.faults] == [("gross", (row,))]
