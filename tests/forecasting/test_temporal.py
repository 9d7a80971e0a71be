import numpy as np
import pytest

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from forecasting.reconciliation import wls
from forecasting.temporal import daily_sums

HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize(
    ("start", "hours_of_day"), [("2024-03-30T23", 23), ("2024-06-09T22", 24), ("2024-10-26T22", 25)]
)
def test_a_local_day_sums_the_hours_it_has(start: str, hours_of_day: int):
    calendar = Calendar("Europe/Paris", HOUR_NS)
    times = np.datetime64(start, "ns").astype(np.int64) + HOUR_NS * np.arange(48)
    daily = daily_sums(calendar, times, np.full((1, 48), 2.0))
    assert daily.energy_mwh[0, 0] == 2.0 * hours_of_day
    assert daily.complete[0]


def test_days_cut_by_the_horizon_are_told_from_whole_ones():
    calendar = Calendar("UTC", HOUR_NS // 2)
    times = np.datetime64("2024-06-01T06", "ns").astype(np.int64) + HOUR_NS // 2 * np.arange(96)
    daily = daily_sums(calendar, times, np.ones((1, 96)))
    assert daily.complete.tolist() == [False, True, False]
    assert daily.energy_mwh[0].tolist() == [18.0, 24.0, 6.0]


def test_what_adds_up_in_space_over_hours_does_over_days():
    tree = Hierarchy(("t", "x", "y"), ("top", "low", "low"), (None, "t", "t"))
    steps = wls(tree, np.array([2.0, 1.0, 1.5])).apply(
        np.random.default_rng(0).normal(50, 5, (3, 48))
    )
    daily = daily_sums(Calendar("UTC", HOUR_NS), HOUR_NS * np.arange(48), steps)
    assert tree.incoherence(daily.energy_mwh) < 1e-12
    np.testing.assert_allclose(steps[:, :24].sum(axis=1), daily.energy_mwh[:, 0])
