from __future__ import annotations

import numpy as np

from ingest.twin.faults import FaultRates, draw_faults
from ingest.twin.grid import Grid
from ingest.twin.measuring import Corruption, Measuring
from ingest.twin.register import Telemetry
from records.points import ElementKind, Quantity
from records.time import DAY, HOUR, SECOND, parse_time


def test_every_quantity_of_the_network_is_a_point(grid: Grid, telemetry: Telemetry) -> None:
    network = grid.network
    assert len(telemetry.points) == 118 + 4 * 186 + 2 * 99 + 2 * 54
    assert len({point.id for point in telemetry.points}) == len(telemetry.points)
    assert len(set(telemetry.number.tolist())) == len(telemetry.points)
    assert telemetry.register.areas == (0, 1, 2)
    by_id = {point.id: point for point in telemetry.points}
    load = by_id["load:12 p_mw"]
    assert (load.kind, load.element, load.quantity) == (
        ElementKind.LOAD,
        "load:12",
        Quantity.ACTIVE,
    )
    assert load.area == grid.load_area[network.loads.id.tolist().index("load:12")]
    branch = by_id["branch:7 to q_mvar"]
    assert (branch.element, branch.end) == (str(network.branches.id[7]), "to")
    assert branch.area == grid.bus_area[network.branches.to_bus[7]]


def test_sigmas_are_those_of_the_measurement_model(telemetry: Telemetry) -> None:
    sigma = {point.id: point.sigma for point in telemetry.points}
    assert sigma["bus:0 v_kv"] == 0.004 * 138
    assert (sigma["branch:0 from p_mw"], sigma["load:0 q_mvar"], sigma["gen:0 p_mw"]) == (0.8, 1, 1)


def test_the_points_of_an_area_stand_together_by_number(telemetry: Telemetry) -> None:
    for area in telemetry.register.areas:
        part = slice(telemetry.first[area], telemetry.first[area + 1])
        table = telemetry.register.at(area, parse_time("2014-06-01T00:00:00Z"))
        np.testing.assert_array_equal(table.number, telemetry.number[part])


def test_truth_stays_within_the_limits_even_in_the_heat_wave(
    grid: Grid, telemetry: Telemetry
) -> None:
    start = parse_time("2014-01-16T00:00:00Z")
    states = grid.solve(start, start + 12 * HOUR)
    faults = draw_faults(telemetry, FaultRates.none(), start // DAY, 30 * SECOND, seed=1)
    measuring = Measuring(grid, telemetry, 30 * SECOND, seed=1)
    low = np.array([point.low for point in telemetry.points])
    high = np.array([point.high for point in telemetry.points])
    for hour in range(12):
        readings = measuring.block(states, start + hour * HOUR, faults, Corruption())
        assert ((readings.true > low) & (readings.true < high)).all()
