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
            for name in ("mape", "wape", "mae", "rmse", "bias"):
                assert row[name] == pytest.approx(float(getattr(plain, name)))
            assert row["pinball"] == pytest.approx(pinball(y, q, PROBABILITIES).mean())
            assert row["crps"] == pytest.approx(
                100 * crps(y, q, PROBABILITIES) / np.nanmean(y), rel=1e-9
            )
            assert row["coverage90"] == pytest.approx(coverage(y, q[0], q[-1]))
            known = np.isfinite(y)
            assert row["width80"] == pytest.approx(interval_width(q[1, known], q[-2, known]))
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
