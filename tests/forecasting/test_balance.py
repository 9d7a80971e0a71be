"""A balance: usual gaps are learnt, what is beyond them tells, and the whole stands for a part."""

import numpy as np

from forecasting.balance import Balances
from forecasting.hierarchy import Hierarchy

TREE = Hierarchy(
    ("all", "r", "a", "b", "c"),
    ("total", "region", "load", "load", "load"),
    (None, "all", "r", "r", "all"),
)


def learnt(n: int = 7) -> Balances:
    leaves = np.tile([2.0, 3.0, 5.0], (n, 1))
    metered = np.tile([11.0, 5.5], (n, 1))
    return Balances.learnt(TREE, ["all", "r"], leaves, metered, per_day=1)


def test_a_leaf_belongs_to_the_nearest_balance_above_it() -> None:
    assert learnt().of_leaf.tolist() == [1, 1, 0]
    assert learnt().member.tolist() == [[True, True, True], [True, True, False]]


def test_losses_of_honest_times_are_no_gap() -> None:
    balances = learnt()
    assert balances.offset.tolist() == [-1.0, -0.5]
    gap = balances.gap(np.array([[2.0, 3.0, 5.0], [6.0, 3.0, 5.0]]), np.array([[11.0, 5.5]] * 2))
    assert gap.tolist() == [[0.0, 0.0], [4.0, 4.0]]


def test_a_balance_without_a_week_of_past_says_nothing() -> None:
    assert np.isnan(learnt(6).noise).all()


def test_what_the_others_leave_stands_for_a_false_leaf_from_its_onset_on() -> None:
    leaves = np.array([[6.0, 3.0, 5.0], [6.0, 3.0, 5.0]])
    metered = np.array([[11.0, 5.5], [11.0, 5.5]])
    false = np.array([True, False, False])
    told = learnt().credible(leaves, metered, np.array([0, 1]), false, np.array([1, 0, 0]))
    assert told.tolist() == [[6.0, 3.0, 5.0], [2.0, 3.0, 5.0]]


def test_two_false_leaves_of_one_balance_cannot_be_told_apart() -> None:
    leaves, metered = np.array([[6.0, 9.0, 5.0]]), np.array([[11.0, 5.5]])
    false = np.array([True, True, False])
    told = learnt().credible(leaves, metered, np.array([0]), false, np.zeros(3, np.int64))
    assert np.isnan(told[0, :2]).all()
    assert told[0, 2] == 5.0
