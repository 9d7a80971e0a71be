"""Hand-derived windows: 300 s from 0, values in MW."""

import numpy as np
import numpy.typing as npt
import pytest

from records.points import ElementKind, Point, PointRegister, Quantity
from records.quality import Quality
from records.time import MINUTE, SECOND
from stream.block import Block
from stream.fold import Aggregates, FoldLimits, fold
from stream.readings import Readings
from stream.roster import Roster
from stream.sequence import Memory

LENGTH = 5 * MINUTE
START = 1_000 * LENGTH
LIMITS = FoldLimits()


def one(
    readings: list[tuple[float, float]],
    *,
    entry: tuple[float, float] | None = None,
    quality: list[int] | None = None,
    heard: list[float] | None = None,
    deadband: float = 0.0,
    quantity: Quantity = Quantity.ACTIVE,
) -> Aggregates:
    """Aggregate the (second, value) readings of a single point."""
    point = Point("p", 1, 0, ElementKind.LOAD, "1", quantity, sigma=0.0, deadband=deadband)
    roster = Roster(PointRegister([point]), 0)
    kept = Readings()
    for index, (second, value) in enumerate(readings):
        kept.add(
            Block(
                np.array([0]),
                np.array([START + int(second * SECOND)]),
                np.array([value]),
                np.array([quality[index] if quality else 0], np.uint16),
                np.array([1], np.int32),
            )
        )
    memory = Memory.empty(1)
    if entry is not None:
        memory.time[0], memory.value[0] = START + int(entry[0] * SECOND), entry[1]
        memory.seen[0], memory.trusted[0] = memory.time[0], True
    times: npt.NDArray[np.int64] = START + (np.array(heard or [], np.float64) * SECOND).astype(
        np.int64
    )
    found, _ = fold(
        memory, kept.cells(1), times, roster.at(START), slice(None), START, LENGTH, LIMITS
    )
    return found


def scans(*values: float) -> list[tuple[float, float]]:
    return [(300 / len(values) * k, value) for k, value in enumerate(values)]


def test_the_mean_weighs_each_value_by_the_time_it_was_in_force() -> None:
    found = one([(0, 10.0), (60, 20.0), (90, 40.0)], quality=None)
    # 60 s of 10, 30 s of 20, 210 s of 40.
    assert found.mean[0] == pytest.approx((600 + 600 + 8400) / 300)
    assert found.count[0] == 3
    assert (found.minimum[0], found.maximum[0]) == (10.0, 40.0)


def test_energy_is_the_mean_times_the_length() -> None:
    found = one(scans(*[12.0] * 10))
    assert found.energy_mwh[0] == pytest.approx(1.0)


def test_other_quantities_have_no_energy() -> None:
    assert np.isnan(one(scans(1.0, 2.0), quantity=Quantity.VOLTAGE).energy_mwh[0])


def test_the_quantile_is_the_inverse_of_the_empirical_distribution() -> None:
    # Twenty values of 15 s each: 95 % of the time is spent at or below the 19th.
    found = one(scans(*[float(value) for value in range(20, 0, -1)]))
    assert found.q95[0] == 19.0


def test_the_quantile_sees_an_overload_that_the_mean_hides() -> None:
    found = one([(0, 10.0), (60, 10.0), (120, 90.0), (140, 10.0), (200, 10.0), (260, 10.0)])
    assert found.q95[0] == 90.0  # 20 of 300 s is more than 5 %
    assert found.mean[0] == pytest.approx(10 + 80 * 20 / 300)


def test_a_value_counts_as_measured_for_its_reach_and_is_carried_after() -> None:
    found = one([(0, 10.0)])
    assert found.mean[0] == 10.0
    assert found.imputed_share[0] == pytest.approx(210 / 300)
    assert found.quality[0] == Quality.HELD


def test_what_was_in_force_before_enters_the_window() -> None:
    found = one([(100, 40.0), (190, 40.0), (280, 40.0)], entry=(-20, 10.0))
    assert found.mean[0] == pytest.approx((100 * 10 + 200 * 40) / 300)
    assert found.imputed_share[0] == pytest.approx(30 / 300)  # 70 s to 100 s
    assert found.minimum[0] == 10.0
    assert found.count[0] == 3


def test_a_value_carried_too_long_is_given_up() -> None:
    found = one([], entry=(-800, 10.0))
    assert found.mean[0] == 10.0  # for the first 100 s
    assert found.imputed_share[0] == 1.0
    gone = one([], entry=(-901, 10.0))
    assert np.isnan(gone.mean[0])
    assert gone.quality[0] == Quality.MISSING


def test_an_unbelieved_reading_leaves_the_value_before_it_in_force() -> None:
    found = one(
        [(0, 10.0), (60, 999.0), (120, 20.0), (180, 20.0), (240, 20.0)],
        quality=[0, int(Quality.INVALID), 0, 0, 0],
    )
    assert found.mean[0] == pytest.approx((120 * 10 + 180 * 20) / 300)
    assert found.count[0] == 4
    assert found.maximum[0] == 20.0
    assert found.imputed_share[0] == pytest.approx(30 / 300)


def test_silence_by_exception_on_a_live_link_is_not_a_gap() -> None:
    heard = [0.0, 60, 120, 180, 240]
    found = one([(60, 20.0)], entry=(-3600, 10.0), heard=heard, deadband=1.0)
    assert found.mean[0] == pytest.approx((60 * 10 + 240 * 20) / 300)
    assert found.imputed_share[0] == 0.0
    assert found.quality[0] == 0
    assert found.count[0] == 1


def test_silence_by_exception_on_a_dead_link_is_a_gap() -> None:
    found = one([(0, 20.0)], heard=[0.0, 60.0], deadband=1.0)
    assert found.imputed_share[0] == pytest.approx(150 / 300)  # 60 s + 90 s of reach


def test_silence_after_an_unbelieved_reading_confirms_nothing() -> None:
    found = one(
        [(0, 20.0), (60, 20.0)],
        quality=[0, int(Quality.INVALID)],
        heard=[0.0, 60, 120, 180, 240],
        deadband=1.0,
    )
    assert found.imputed_share[0] == pytest.approx(210 / 300)


def test_an_empty_window_is_missing() -> None:
    found = one([])
    assert np.isnan(found.mean[0])
    assert found.imputed_share[0] == 1.0
    assert found.quality[0] == Quality.MISSING
    assert found.count[0] == 0
