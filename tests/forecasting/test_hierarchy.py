import numpy as np
import pytest

from forecasting.hierarchy import Hierarchy

UNBALANCED = Hierarchy(
    ("all", "a", "b", "a1", "a2", "a11"),
    ("total", "region", "region", "bus", "bus", "feeder"),
    (None, "all", "all", "a", "a", "a1"),
)


def test_leaves_at_any_depth_sum_to_every_ancestor():
    values = UNBALANCED.aggregate(np.array([[10.0], [2.0], [5.0]]))  # b, a2, a11
    assert dict(zip(UNBALANCED.ids, values[:, 0], strict=True)) == {
        "all": 17.0, "a": 7.0, "b": 10.0, "a1": 5.0, "a2": 2.0, "a11": 5.0,
    }  # fmt: skip
    assert UNBALANCED.incoherence(values) == 0.0


def test_incoherence_is_relative_to_the_children():
    values = UNBALANCED.aggregate(np.array([[100.0], [20.0], [50.0]]))
    values[0] += 1.7
    assert UNBALANCED.incoherence(values) == pytest.approx(0.01)


def test_constraints_are_zero_on_every_coherent_set():
    leaf = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_allclose(UNBALANCED.constraints @ UNBALANCED.aggregate(leaf), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("ids", "parents", "words"),
    [
        (("a", "a"), (None, None), "repeat: a"),
        (("a", "b"), (None, "c"), "unknown parents: c"),
        (("a", "b"), ("b", "a"), "own ancestor"),
    ],
)
def test_a_broken_tree_is_refused_with_the_node_named(ids, parents, words):
    with pytest.raises(ValueError, match=words):
        Hierarchy(ids, ("x",) * len(ids), parents)


def test_the_version_follows_the_structure():
    same = Hierarchy(UNBALANCED.ids, UNBALANCED.levels, UNBALANCED.parents)
    other = Hierarchy(UNBALANCED.ids, UNBALANCED.levels, (None, "all", "all", "a", "b", "a1"))
    assert same.version == UNBALANCED.version != other.version


def test_a_removed_node_leaves_its_children_to_what_remains():
    smaller = UNBALANCED.subset({"all", "b", "a1", "a2", "a11"})
    assert smaller.parents[smaller.ids.index("a2")] == "all"
    assert smaller.version != UNBALANCED.version
