from itertools import islice

import numpy as np
import pytest

from network.measurement import Quantity
from network.topology_errors import explain
from tests.network.simulated.planted import Fault, Planted, plant
from tests.network.simulated.scans import SimulatedScans


def _planted(bench: SimulatedScans, fault: Fault, count: int) -> list[Planted]:
    return list(islice(plant(bench, fault, np.random.default_rng(0)), count))


def test_a_scan_that_fits_needs_no_explanation(bench118: SimulatedScans) -> None:
    scan = bench118.full(np.random.default_rng(0))
    assert explain(bench118.estimator, scan.value, bench118.estimate(scan)) == ()


@pytest.mark.parametrize("fault", Fault)
def test_what_is_wrong_is_named_first(bench118: SimulatedScans, fault: Fault) -> None:
    for planted in _planted(bench118, fault, 12):
        first = planted.explained(bench118)[0]
        assert planted.is_named_by(first)
        assert first.plausible


@pytest.mark.parametrize("fault", Fault)
def test_what_is_wrong_is_named_first_among_1354_buses(
    bench1354: SimulatedScans, fault: Fault
) -> None:
    for planted in _planted(bench1354, fault, 2):
        assert planted.is_named_by(planted.explained(bench1354)[0])


@pytest.mark.parametrize("fault", [Fault.OPEN, Fault.CLOSED, Fault.TAP])
def test_a_wrong_model_leaves_no_measurement_to_blame(
    bench118: SimulatedScans, fault: Fault
) -> None:
    for planted in _planted(bench118, fault, 5):
        assert planted.explained(bench118)[0].faults == ()


def test_a_branch_in_series_with_the_open_one_is_told_apart(bench118: SimulatedScans) -> None:
    # Lines 158 and 160 meet in bus 107, which withdraws 2 MW: either open looks much the same.
    of_158 = [
        planted
        for planted in _planted(bench118, Fault.OPEN, 60)
        if bench118.network.branches.id[planted.branch] == "line:158"
    ]
    assert of_158
    for planted in of_158:
        assert planted.is_named_by(planted.explained(bench118)[0])


def test_the_right_tap_is_told(bench118: SimulatedScans) -> None:
    for planted in _planted(bench118, Fault.TAP, 5):
        assert planted.explained(bench118)[0].tap == pytest.approx(planted.expected, abs=2e-3)


def test_the_factor_of_a_wrong_scale_is_told(bench118: SimulatedScans) -> None:
    for planted in _planted(bench118, Fault.SCALE, 5):
        told = planted.explained(bench118)[0].faults[0]
        assert told.factor == pytest.approx(planted.expected)


def test_a_value_that_is_merely_wrong_stays_a_gross_error(bench118: SimulatedScans) -> None:
    bench = bench118
    row = int(np.flatnonzero(bench.telemetry.quantity == Quantity.P_FROM)[30])
    value = bench.full(np.random.default_rng(1)).value.copy()
    value[row] += 30 * bench.telemetry.sigma[row]
    first = explain(bench.estimator, value, bench.estimator.estimate(value, v0=bench.v))[0]
    assert first.kind == "measurements"
    assert [(fault.kind, fault.rows) for fault in first.faults] == [("gross", (row,))]
