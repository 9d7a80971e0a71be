from __future__ import annotations

import numpy as np
import pytest

from ingest.twin.faults import DayFaults, FaultRates, ReadingFault, Run, draw_faults
from ingest.twin.grid import NODE, Grid, NodeStates
from ingest.twin.measuring import Corruption, Measuring, Readings
from ingest.twin.register import Telemetry
from records.quality import Quality
from records.time import DAY, HOUR, SECOND, parse_time

START = parse_time("2014-11-10T06:00:00Z")
PERIOD = 30 * SECOND
FIRST = START % DAY // PERIOD


@pytest.fixture(scope="module")
def states(grid: Grid) -> NodeStates:
    return grid.solve(START, START + HOUR)


def faults_with(
    *runs: Run, singles: tuple[tuple[int, int, ReadingFault, float], ...] = ()
) -> DayFaults:
    columns = [np.array(column) for column in zip(*singles, strict=True)] or [np.empty(0, int)] * 4
    shape = (DAY // PERIOD, 3)
    return DayFaults(runs, *columns, np.zeros(shape, np.int8), np.zeros(shape))


def read(
    grid: Grid, telemetry: Telemetry, states: NodeStates, faults: DayFaults, n_blocks: int = 1
) -> tuple[list[Readings], Corruption]:
    measuring, corruption = Measuring(grid, telemetry, PERIOD, seed=3), Corruption()
    blocks = [
        measuring.block(states, START + k * NODE, faults, corruption) for k in range(n_blocks)
    ]
    return blocks, corruption


def test_noise_has_the_sigma_of_the_register(
    grid: Grid, telemetry: Telemetry, states: NodeStates
) -> None:
    blocks, corruption = read(grid, telemetry, states, faults_with(), 12)
    scaled = np.concatenate([(b.value - b.true) / telemetry.sigma for b in blocks])
    assert scaled.shape == (120, 1168)
    # 140,160 draws: the mean within 4 / sqrt(n), the deviation within 4 / sqrt(2 n).
    assert abs(scaled.mean()) < 4 / np.sqrt(scaled.size)
    assert abs(scaled.std() - 1) < 4 / np.sqrt(2 * scaled.size)
    assert not corruption.time and all(b.complete.all() for b in blocks)


def test_readings_of_a_block_do_not_depend_on_where_reading_began(
    grid: Grid, telemetry: Telemetry, states: NodeStates
) -> None:
    blocks, _ = read(grid, telemetry, states, faults_with(), 3)
    alone = Measuring(grid, telemetry, PERIOD, seed=3).block(
        states, START + 2 * NODE, faults_with(), Corruption()
    )
    np.testing.assert_array_equal(blocks[2].value, alone.value)


def test_a_stuck_point_repeats_its_first_value_over_the_blocks(
    grid: Grid, telemetry: Telemetry, states: NodeStates
) -> None:
    run = Run(ReadingFault.STUCK, np.array([40]), FIRST + 7, FIRST + 23)
    blocks, corruption = read(grid, telemetry, states, faults_with(run), 3)
    series = np.concatenate([b.value[:, 40] for b in blocks])
    assert (series[7:23] == series[7]).all()
    assert len(np.unique(series)) == 30 - 15
    assert sum(map(len, corruption.time)) == 16


def test_an_outage_silences_its_points_and_is_noted(
    grid: Grid, telemetry: Telemetry, states: NodeStates
) -> None:
    points = np.array([3, 4, 9])
    run = Run(ReadingFault.OUTAGE, points, FIRST + 2, FIRST + 5)
    (block,), corruption = read(grid, telemetry, states, faults_with(run))
    expected = np.ones((10, 1168), bool)
    expected[2:5, points] = False
    np.testing.assert_array_equal(block.present, expected)
    assert block.complete.tolist() == [True] * 2 + [False] * 3 + [True] * 5
    assert np.isnan(np.concatenate(corruption.sent)).all()
    assert set(np.concatenate(corruption.point).tolist()) == set(telemetry.number[points].tolist())


@pytest.mark.parametrize(("fault", "factor"), [("UNIT_SLIP", 1000.0), ("SIGN", -1.0)])
def test_slips_and_turned_signs_alter_what_is_read(
    grid: Grid, telemetry: Telemetry, states: NodeStates, fault: str, factor: float
) -> None:
    run = Run(ReadingFault[fault], np.array([200]), FIRST, FIRST + 4)
    (sound,), _ = read(grid, telemetry, states, faults_with())
    (block,), corruption = read(grid, telemetry, states, faults_with(run))
    np.testing.assert_allclose(block.value[:4, 200], factor * sound.value[:4, 200])
    np.testing.assert_array_equal(block.value[4:], sound.value[4:])
    np.testing.assert_array_equal(np.concatenate(corruption.true), block.true[:4, 200])


def test_single_faults_hit_their_cell_alone(
    grid: Grid, telemetry: Telemetry, states: NodeStates
) -> None:
    singles = (
        (FIRST + 1, 10, ReadingFault.GAP, 0.0),
        (FIRST + 2, 11, ReadingFault.SPIKE, -0.5),
        (FIRST + 3, 12, ReadingFault.FLAGGED, -1.0),
        (FIRST + 4, 13, ReadingFault.FLAGGED, -0.5),
    )
    (sound,), _ = read(grid, telemetry, states, faults_with())
    (block,), corruption = read(grid, telemetry, states, faults_with(singles=singles))
    assert not block.present[1, 10] and block.present.sum() == block.present.size - 1
    spike = block.value[2, 11] - sound.value[2, 11]
    assert spike == pytest.approx(-60 * telemetry.sigma[11])
    assert (block.quality[3, 12], block.value[3, 12]) == (Quality.INVALID, 0.0)
    assert block.quality[4, 13] == Quality.OVERFLOW
    assert block.value[4, 13] == telemetry.points[13].high
    assert np.count_nonzero(block.quality) == 2
    assert np.concatenate(corruption.fault).tolist() == [1, 4, 7, 7]


def test_a_period_that_does_not_divide_five_minutes_is_refused(
    grid: Grid, telemetry: Telemetry
) -> None:
    with pytest.raises(ValueError, match="does not divide"):
        Measuring(grid, telemetry, 7 * SECOND, seed=1)


def test_a_days_faults_come_at_their_rates(telemetry: Telemetry) -> None:
    day = START // DAY
    rates = FaultRates()
    faults = draw_faults(telemetry, rates, day, PERIOD, seed=1)
    n_readings = DAY // PERIOD * len(telemetry.points)
    gaps = np.count_nonzero(faults.fault == ReadingFault.GAP)
    assert gaps == pytest.approx(rates.gap_share * n_readings, rel=0.15)
    outages = [run for run in faults.runs if run.fault is ReadingFault.OUTAGE]
    assert 10 < len(outages) < 45
    assert all((run.high - run.low + 1) * PERIOD >= 2 * 60e9 for run in outages if run.high < 2880)
    # An outage takes every point of one terminal.
    stations = {tuple(np.unique(telemetry.station[run.points])) for run in outages}
    assert all(len(station) == 1 for station in stations)
    again = draw_faults(telemetry, rates, day, PERIOD, seed=1)
    np.testing.assert_array_equal(faults.frame, again.frame)
    assert draw_faults(telemetry, FaultRates.none(), day, PERIOD, seed=1).runs == ()
