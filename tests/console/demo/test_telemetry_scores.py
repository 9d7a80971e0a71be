"""Errors of estimated, received and replaced flows, against sums done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from console.demo.telemetry_scores import FlowScore, ImputationScore, TelemetryScores, flow_error
from ingest.twin.truth import TimedTable
from records.points import ElementKind, Point, PointRegister, Quantity
from records.quality import Quality
from records.state import NetworkState
from records.view import ScadaView

REGISTER = PointRegister(
    [
        Point("branch:0 from p_mw", 1, 0, ElementKind.BRANCH, "0", Quantity.ACTIVE, 0.5, "from"),
        Point("branch:0 to p_mw", 2, 0, ElementKind.BRANCH, "0", Quantity.ACTIVE, 0.5, "to"),
        Point("bus:0 v_kv", 3, 0, ElementKind.BUS, "0", Quantity.VOLTAGE, 1.0),
    ]
)
TRUTH = TimedTable(
    np.array([300, 600]),
    ("branch:0 from p_mw", "branch:0 to p_mw"),
    np.array([[10.0, -9.0], [20.0, -19.0]]),
)


def view(time: int, values: list[float], quality: list[int]) -> ScadaView:
    return ScadaView(
        0,
        time,
        1,
        np.array([1, 2, 3], np.uint32),
        np.array(values),
        np.array(quality, np.uint16),
        np.zeros(3, np.float32),
    )


def state(time: int, flows: tuple[float, float], valid: bool = True) -> NetworkState:
    nothing = np.empty(0).tobytes()
    p_from, p_to = (np.array([value]).tobytes() for value in flows)
    return NetworkState(
        time, "n", valid, "", 1, 1.0, nothing, nothing, p_from, nothing, p_to, nothing, {}, [], 1, 0
    )


def test_believed_readings_are_compared_in_standard_deviations() -> None:
    scores = TelemetryScores(REGISTER, TRUTH)
    scores.take(view(300, [10.5, -9.0, 110.0], [0, 0, 0]))
    assert scores.raw_flows() == FlowScore(pytest.approx(math.sqrt(0.5)), 2)
    assert scores.imputation().n_held == 0


def test_replaced_readings_are_judged_by_their_method_and_not_as_measured() -> None:
    scores = TelemetryScores(REGISTER, TRUTH)
    missing = Quality.MISSING
    scores.take(view(600, [23.0, -18.0, 110.0], [missing | Quality.HELD, Quality.TYPICAL, 0]))
    assert scores.imputation() == ImputationScore(3.0, 1, 1.0, 1)
    assert scores.raw_flows().n == 0


def test_what_is_not_believed_is_not_compared() -> None:
    scores = TelemetryScores(REGISTER, TRUTH)
    scores.take(view(300, [99.0, math.nan, 110.0], [Quality.SUSPECT, Quality.MISSING, 0]))
    assert scores.raw_flows().n == 0


def test_a_moment_without_truth_is_passed_over() -> None:
    scores = TelemetryScores(REGISTER, TRUTH)
    assert scores.wants(600) and not scores.wants(330)
    scores.take(view(330, [0.0, 0.0, 0.0], [0, 0, 0]))
    assert scores.raw_flows().n == 0


def test_estimated_flows_are_compared_at_both_ends_of_valid_states() -> None:
    states = [state(300, (10.0, -8.0)), state(600, (0.0, 0.0), valid=False), state(900, (1.0, 1.0))]
    assert flow_error(states, REGISTER, TRUTH) == FlowScore(pytest.approx(math.sqrt(2.0)), 2)


def test_without_anything_to_compare_the_error_is_not_a_number() -> None:
    assert math.isnan(flow_error([], REGISTER, TRUTH).rmse_over_sigma)
