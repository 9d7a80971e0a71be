import numpy as np
import pytest

from forecasting.hierarchy import Hierarchy
from forecasting.known import NEVER, KnownLoads

TREE = Hierarchy(("all", "a", "b"), ("total", "zone", "zone"), (None, "all", "all"))
TIMES = np.array([0, 10, 20, 30])


@pytest.fixture
def corrected() -> KnownLoads:
    """Leaf a is prompt; leaf b comes 15 late and is corrected once, at 100."""
    first = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [4.0, np.nan]])
    second = np.full((4, 2), np.nan)
    second[0, 1] = 50.0
    when = np.stack([TIMES + 10, TIMES + 25], axis=1)
    when[3, 1] = NEVER
    later = np.full((4, 2), NEVER)
    later[0, 1] = 100
    return KnownLoads(TREE, TIMES, (first, second), (when, later))


def test_a_node_is_known_once_all_its_leaves_are(corrected):
    table = corrected.as_of(25)
    np.testing.assert_array_equal(table[:, 1], [1.0, 2.0, np.nan, np.nan])
    np.testing.assert_array_equal(table[:, 2], [5.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(table[:, 0], [6.0, np.nan, np.nan, np.nan])


def test_a_correction_counts_from_when_it_came(corrected):
    assert corrected.as_of(99)[0].tolist() == [6.0, 1.0, 5.0]
    assert corrected.as_of(100)[0].tolist() == [51.0, 1.0, 50.0]
    assert corrected.final[0].tolist() == [51.0, 1.0, 50.0]


def test_windows_hold_what_each_issue_knew(corrected):
    rows, issued = np.array([[-1, 0], [0, 1]]), np.array([[20], [100]])
    found = corrected.windows(rows, issued)[..., 2]
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [50.0, 6.0]])


def test_the_longest_wait_counts_in_steps(corrected):
    assert corrected.delay_steps == 9


def test_prompt_loads_still_hide_the_future():
    loads = np.arange(8.0).reshape(4, 2)
    when = np.repeat(TIMES[:, None] + 10, 2, axis=1)
    prompt = KnownLoads(TREE, TIMES, (loads,), (when,))
    found = prompt.windows(np.array([1, 2]), np.array([20]))[:, 1]
    np.testing.assert_array_equal(found, [2.0, np.nan])
