"""Hand-derived wholes of two to four parts, values in MW."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.quality import Quality
from records.time import HOUR, MINUTE
from stream.fold import Aggregates
from stream.whole import nothing_known, whole

QUARTER = 15 * MINUTE
MISSING, HELD, MANUAL = int(Quality.MISSING), int(Quality.HELD), int(Quality.MANUAL)


def part(
    mean: float, *, q95: float = 0.0, low: float = 0.0, high: float = 0.0, count: int = 30,
    share: float = 0.0, quality: int = 0, power: bool = True,
) -> Aggregates:  # fmt: skip
    """A quarter of an hour of one series."""
    energy = mean * (QUARTER / HOUR) if power else np.nan
    return Aggregates(
        *(np.array([number]) for number in (mean, q95, low, high, energy)),
        np.array([count], np.int32),
        np.array([share]),
        np.array([quality], np.uint16),
    )


def hour(parts: Sequence[Aggregates]) -> Aggregates:
    return whole(parts, 4, HOUR)


def test_the_whole_has_the_mean_of_its_parts_their_extremes_and_their_counts() -> None:
    found = hour(
        [
            part(10, low=8, high=12),
            part(20, low=19, high=44),
            part(30, low=-3, high=31, count=28),
            part(40, low=39, high=41),
        ]
    )
    assert found.mean[0] == 25.0
    assert (found.minimum[0], found.maximum[0]) == (-3.0, 44.0)
    assert found.count[0] == 118
    assert (found.imputed_share[0], found.quality[0]) == (0.0, 0)


@given(means=st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4))
def test_the_energy_of_the_whole_is_the_sum_of_its_parts(means: list[float]) -> None:
    parts = [part(mean) for mean in means]
    added = sum(float(one.energy_mwh[0]) for one in parts)
    scale = sum(abs(mean) for mean in means)
    assert hour(parts).energy_mwh[0] == pytest.approx(added, abs=1e-9 * scale)


@given(quantiles=st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4))
def test_no_quantile_is_folded_from_quantiles(quantiles: list[float]) -> None:
    found = hour([part(10.0, q95=q95) for q95 in quantiles])
    assert np.isnan(found.q95[0])


def test_a_part_that_is_not_there_counts_as_replaced() -> None:
    found = hour([part(10), part(20), part(30, share=0.5)])
    assert found.mean[0] == 20.0
    assert found.energy_mwh[0] == 20.0
    assert found.imputed_share[0] == (0.5 + 1) / 4
    assert found.quality[0] == HELD


def test_a_part_of_which_nothing_is_known_counts_like_one_that_is_not_there() -> None:
    there = [part(10), part(20), part(30)]
    found, without = hour([*there, nothing_known(1)]), hour(there)
    for name, numbers in found.columns(slice(None)).items():
        assert np.array_equal(numbers, without.columns(slice(None))[name], equal_nan=True), name


def test_nothing_known_of_any_part_is_nothing_known_of_the_whole() -> None:
    found = hour([nothing_known(1)] * 4)
    assert np.isnan([found.mean[0], found.minimum[0], found.maximum[0], found.energy_mwh[0]]).all()
    assert (found.count[0], found.imputed_share[0], found.quality[0]) == (0, 1.0, MISSING)


def test_bits_of_the_parts_are_told_and_missing_only_where_all_parts_were() -> None:
    found = hour([part(1, quality=MANUAL), part(1, quality=MISSING | HELD), part(1), part(1)])
    assert found.quality[0] == MANUAL | HELD
    assert hour([part(1, quality=MISSING | HELD)] * 4).quality[0] == MISSING | HELD


def test_other_quantities_have_no_energy() -> None:
    assert np.isnan(hour([part(230.0, power=False)] * 4).energy_mwh[0])
