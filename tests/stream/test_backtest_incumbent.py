"""The incumbent at an origin: what it had issued by then, the newest first."""

import numpy as np

from forecasting.hierarchy import Hierarchy
from forecasting.known import KnownLoads
from forecasting.rolling_origin import Origins
from ingest.dataset.incumbent import IncumbentForecasts
from stream.backtest_incumbent import incumbent_forecasts

STEP = 10
TREE = Hierarchy(("all", "a", "b"), ("total", "zone", "zone"), (None, "all", "all"))
TIMES = STEP * np.arange(6)
KNOWN = KnownLoads(TREE, TIMES, (np.ones((6, 2)),), (np.repeat(TIMES[:, None] + STEP, 2, axis=1),))


def told(*rows: tuple[int, int, int, float]) -> IncumbentForecasts:
    """From rows of node, issue time, valid time and MW."""
    node, issued, valid, load = (np.array(column) for column in zip(*rows, strict=True))
    return IncumbentForecasts(node, issued, valid, load.astype(np.float64))


def test_the_newest_issue_by_the_origin_counts() -> None:
    forecasts = told(
        (0, 0, 30, 5.0),
        (0, 20, 30, 6.0),  # at the second origin to the moment
        (0, 25, 30, 7.0),  # after it, before the third
        (1, -50, 20, 9.0),  # long before the record begins
    )
    found = incumbent_forecasts(forecasts, KNOWN, Origins(np.array([1, 2, 3]), 2))
    np.testing.assert_array_equal(found[..., 0], [[np.nan, np.nan], [np.nan, 6.0], [7.0, np.nan]])
    np.testing.assert_array_equal(found[..., 1], [[np.nan, 9.0], [9.0, np.nan], [np.nan, np.nan]])
    assert np.isnan(found[..., 2]).all()


def test_without_any_in_the_window_nothing_is_known() -> None:
    found = incumbent_forecasts(told((0, 0, 900, 5.0)), KNOWN, Origins(np.array([0]), 3))
    assert np.isnan(found).all()
