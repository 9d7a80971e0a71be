from __future__ import annotations

import numpy as np
import pytest

from forecasting.hierarchy import Hierarchy
from records.time import HOUR
from stream.lead_scores import LeadRow, LeadScores

TREE = Hierarchy(("total", "a"), ("total", "bus"), (None, "total"))
TRUTH = np.array([[100.0, 10.0], [200.0, 20.0], [400.0, 40.0]])


def test_the_lead_of_a_step_runs_to_its_end() -> None:
    scores = LeadScores(TREE, HOUR, [HOUR, 2 * HOUR])
    scores.take(HOUR, {"gam": np.array([[220.0, 300.0], [20.0, 40.0]])})
    rows = scores.rows(0, TRUTH)
    assert LeadRow("total", "total", "PT1H", "gam", 1, pytest.approx(10.0)) in rows
    assert LeadRow("total", "total", "PT2H", "gam", 1, pytest.approx(25.0)) in rows
    assert LeadRow("a", "bus", "PT2H", "gam", 1, pytest.approx(0.0)) in rows


def test_a_forecast_without_a_truth_is_not_scored() -> None:
    scores = LeadScores(TREE, HOUR, [HOUR])
    scores.take(5 * HOUR, {"gam": np.ones((2, 1))})
    assert {row.n for row in scores.rows(0, TRUTH)} == {0}


def test_a_level_is_the_mean_over_its_series() -> None:
    tree = Hierarchy(("t", "a", "b"), ("total", "bus", "bus"), (None, "t", "t"))
    scores = LeadScores(tree, HOUR, [HOUR])
    scores.take(0, {"gam": np.array([[30.0], [11.0], [26.0]])})
    rows = scores.rows(0, np.array([[30.0, 10.0, 20.0]]))
    assert LeadRow(None, "bus", "PT1H", "gam", 2, pytest.approx(20.0)) in rows


def test_a_lead_that_is_not_a_whole_number_of_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of the step"):
        LeadScores(TREE, HOUR, [HOUR // 2])
