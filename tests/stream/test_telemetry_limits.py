"""Which values of a view are beyond their limits, and by how much."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from network.alarm_rules import AlarmRules
from network.readers.matpower import network_from_matpower_text
from records.points import ElementKind, Point, PointRegister, Quantity
from records.view import ScadaView
from stream.telemetry_limits import TelemetryLimits

NETWORK = network_from_matpower_text("""
function mpc = two
mpc.baseMVA = 100;
mpc.bus = [
  1  3   0  0  0  0  1  1.0  0  110  1  1.1  0.9;
  2  1  60  0  0  0  1  1.0  0  110  1  1.1  0.9;
];
mpc.gen = [ 1  60  0  99  -99  1.0  100  1  200  0 ];
mpc.branch = [
  1  2  0  0.05  0  50  0  0  0  0  1;
  1  2  0  0.05  0   0  0  0  0  0  1;
  1  2  0  0.05  0  50  0  0  0  0  0;
];
""")
BUS, BRANCH = ElementKind.BUS, ElementKind.BRANCH
P, Q = Quantity.ACTIVE, Quantity.REACTIVE
POINTS = [
    Point("bus:2 v_kv", 1, 0, BUS, "2", Quantity.VOLTAGE, sigma=0.11),
    Point("branch:0 from p_mw", 2, 0, BRANCH, "0", P, 0.5, end="from"),
    Point("branch:0 from q_mvar", 3, 0, BRANCH, "0", Q, 0.5, end="from"),
    Point("branch:0 to p_mw", 4, 0, BRANCH, "0", P, 0.5, end="to"),
    Point("branch:1 from p_mw", 5, 0, BRANCH, "1", P, 0.5, end="from"),
    Point("branch:2 from p_mw", 6, 0, BRANCH, "2", P, 0.5, end="from"),
    Point("branch:9 from p_mw", 7, 0, BRANCH, "9", P, 0.5, end="from"),
    Point("bus:9 v_kv", 8, 0, BUS, "9", Quantity.VOLTAGE, sigma=0.11),
    Point("load:1 p_mw", 9, 0, ElementKind.LOAD, "1", P, 0.5),
    Point("bus:1 v_kv", 10, 1, BUS, "1", Quantity.VOLTAGE, sigma=0.11),
]


@pytest.fixture
def limits() -> TelemetryLimits:
    return TelemetryLimits(NETWORK, PointRegister(POINTS), 0, AlarmRules())


def view(values: dict[int, float]) -> ScadaView:
    n_points = len(values)
    number = np.array(list(values), np.uint32)
    value = np.array(list(values.values()))
    nothing = np.zeros(n_points, np.uint16)
    return ScadaView(0, 0, 1, number, value, nothing, np.zeros(n_points, np.float32))


def test_what_is_rated_in_service_and_known_is_watched(limits: TelemetryLimits) -> None:
    assert [(row.element, row.end) for row in limits.watch.rows] == [
        ("bus:2", ""),
        ("branch:0", "from"),
        ("branch:0", "to"),
    ]
    assert limits.evidence(1).points == ("branch:0 from p_mw", "branch:0 from q_mvar")


def test_a_branch_counts_by_apparent_power_where_it_is_measured(limits: TelemetryLimits) -> None:
    levels = limits.levels(view({1: 110.0, 2: -30.0, 3: 40.0, 4: -45.0}))
    np.testing.assert_allclose(levels.value, [110, 50, 45])
    np.testing.assert_allclose(levels.level[1:], [100, 90])
    assert levels.noise is not None
    np.testing.assert_allclose(levels.noise, [0.3, 3, 3])


@pytest.mark.parametrize(
    ("kv", "level", "limit"),
    [(110.0, -6.0, 116.6), (117.7, 1.0, 116.6), (101.2, 2.0, 103.4), (0.5, -100.0, 103.4)],
)
def test_a_voltage_counts_by_how_far_it_is_outside_the_band_unless_it_is_dead(
    limits: TelemetryLimits, kv: float, level: float, limit: float
) -> None:
    levels = limits.levels(view({1: kv, 2: 0.0, 3: 0.0, 4: 0.0}))
    assert levels.level[0] == pytest.approx(level)
    assert levels.limit[0] == pytest.approx(limit)


def test_a_point_that_is_not_in_the_view_is_not_known(limits: TelemetryLimits) -> None:
    first = limits.levels(view({1: 110.0, 2: 30.0, 3: 40.0, 4: 45.0}))
    assert not np.isnan(first.level).any()
    shown: dict[int, Any] = {4: 45.0, 2: 30.0}
    np.testing.assert_allclose(limits.levels(view(shown)).level, [np.nan, np.nan, 90])
    np.testing.assert_allclose(limits.levels(view({})).level, [np.nan] * 3)


def test_the_points_of_a_later_entry_are_those_of_the_same_element() -> None:
    later = replace(POINTS[0], valid_from=100)
    before = replace(POINTS[0], valid_to=100)
    limits = TelemetryLimits(NETWORK, PointRegister([before, later]), 0, AlarmRules())
    assert len(limits.watch.rows) == 1
