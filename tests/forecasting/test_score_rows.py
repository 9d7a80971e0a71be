import numpy as np
import pytest

from forecasting.score_rows import cells_of, score_cells
from forecasting.scores import coverage, crps, interval_width, pinball, score

PROBABILITIES = np.arange(1, 20) / 20


@pytest.fixture
def case(calendar):
    rng = np.random.default_rng(4)
    times = np.datetime64("2023-04-24", "ns").astype(np.int64) + calendar.step_ns * np.arange(240)
    actual = rng.uniform(50, 100, (240, 2))
    actual[5, 0], actual[9, 1] = 0.0, np.nan
    forecast = actual + rng.normal(1, 3, actual.shape)
    naive = actual + rng.normal(0, 9, actual.shape)
    fan = forecast + np.linspace(-6, 6, 19)[:, None, None]
    cells = cells_of(calendar, times)
    return calendar, times, cells, actual, forecast, naive, fan


def test_each_cell_scores_as_its_targets_alone_would(case):
    calendar, times, cells, actual, forecast, naive, fan = case
    table = score_cells(cells, actual, forecast, naive, fan, PROBABILITIES)
    local = calendar.instant(times)
    places = {(None, None): np.arange(240), (7, None): np.flatnonzero(local == 7)}
    for label, rows in places.items():
        for s in (0, 1):
            row = table[cells.labels.index(label)][s]
            y, f, q = actual[rows, s], forecast[rows, s], fan[:, rows, s]
            plain = score(y, f)
            assert (row["n"], row["n_zero"]) == (plain.n, plain.n_zero)
            for name in ("mape", "wape", "mae", "rmse", "bias", "over_share", "peak_error"):
                assert row[name] == pytest.approx(float(getattr(plain, name)))
            assert row["pinball"] == pytest.approx(pinball(y, q, PROBABILITIES).mean())
            assert row["crps"] == pytest.approx(
                100 * crps(y, q, PROBABILITIES) / np.nanmean(y), rel=1e-9
            )
            assert row["coverage90"] == pytest.approx(coverage(y, q[0], q[-1]))
            known = np.isfinite(y)
            assert row["width80"] == pytest.approx(interval_width(q[1, known], q[-2, known]))
            sizes = np.abs(f - y)[known]
            assert row["p95_error"] == pytest.approx(np.quantile(sizes, 0.95))
            own = np.nanmean(np.abs(naive[rows, s] - y))
            assert row["skill"] == pytest.approx(1 - row["mae"] / own)


def test_holidays_are_their_own_day_type(case):
    _, _, cells, actual, forecast, naive, _ = case
    table = score_cells(cells, actual, forecast, naive, None, PROBABILITIES)
    n = {kind: table[i][0]["n"] for i, (_, kind) in enumerate(cells.labels) if kind}
    # 24 April 2023 02:00 local to 4 May 02:00: the Monday, 1 May, is a holiday.
    assert n == {"workday": 168, "saturday": 24, "sunday": 24, "holiday": 24}


def test_without_a_fan_there_is_nothing_probabilistic(case):
    _, _, cells, actual, forecast, naive, _ = case
    row = score_cells(cells, actual, forecast, naive, None, PROBABILITIES)[0][0]
    absent = ("pinball", "crps", "coverage80", "coverage90", "width80", "width90")
    assert all(row[name] is None for name in absent)


def test_bias_is_told_by_local_month_and_hour(calendar):
    """Two hours that straddle midnight of 1 July in Paris."""
    first = np.datetime64("2023-06-30T21", "ns").astype(np.int64)  # 23:00 local, then 00:00
    times = first + calendar.step_ns * np.arange(2)
    actual = np.array([[100.0], [100.0]])
    forecast = np.array([[103.0], [98.0]])
    cells = cells_of(calendar, times)
    row = score_cells(cells, actual, forecast, actual, None, PROBABILITIES)[0][0]
    june, july = row["bias_by_month_hour"][5], row["bias_by_month_hour"][6]
    assert (june[23], july[0]) == (3.0, -2.0)
    over = row["over_share_by_month_hour"]
    assert (over[5][23], over[6][0]) == (100.0, 0.0)
    told = [value for month in over for value in month if value is not None]
    assert len(told) == 2


def test_below_counts_the_actuals_that_each_quantile_reaches(calendar):
    times = np.datetime64("2023-06-01", "ns").astype(np.int64) + calendar.step_ns * np.arange(4)
    actual = np.array([[1.0], [2.0], [3.0], [np.nan]])
    fan = np.repeat(np.array([0.5, 2.0, 9.0])[:, None, None], 4, axis=1)
    forecast = np.full((4, 1), 2.0)
    cells = cells_of(calendar, times)
    table = score_cells(cells, actual, forecast, actual, fan, np.array([0.1, 0.5, 0.9]))
    assert table[0][0]["below"] == pytest.approx([0.0, 200 / 3, 100.0], abs=1e-5)
    assert all(row[0]["below"] is None for row in table[1:])
