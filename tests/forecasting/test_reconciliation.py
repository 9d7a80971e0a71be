import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.hierarchy import Hierarchy
from forecasting.reconciliation import FixedNodesDisagreeError, mint_shrink, wls

TREE = Hierarchy(
    ("all", "a", "b", "a1", "a2", "b1", "b2", "b3"),
    ("total", "zone", "zone", "bus", "bus", "bus", "bus", "bus"),
    (None, "all", "all", "a", "a", "b", "b", "b"),
)


def textbook(base: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Return S (S' W^-1 S)^-1 S' W^-1 y."""
    S = TREE.summing_matrix.toarray()
    left = S.T @ np.linalg.inv(W)
    return S @ np.linalg.solve(left @ S, left @ base)


def test_two_leaves_share_the_gap_by_their_variance():
    tree = Hierarchy(("t", "x", "y"), ("top", "low", "low"), (None, "t", "t"))
    out = wls(tree, np.array([0.0, 3.0, 1.0])).apply(np.array([[14.0], [6.0], [4.0]]))
    np.testing.assert_allclose(out[:, 0], [14.0, 9.0, 5.0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_constraint_form_is_the_textbook_projection(seed: int):
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.1, 10, len(TREE))
    base = rng.normal(50, 20, (len(TREE), 5))
    out = wls(TREE, variance).apply(base)
    np.testing.assert_allclose(out, textbook(base, np.diag(variance)), rtol=1e-9, atol=1e-9)
    assert TREE.incoherence(out) < 1e-12


def test_variances_orders_apart_still_give_sums_that_hold():
    variance = np.array([144.0, 1e-3, 16.0, 1e-3, 1e-3, 169.0, 1e3, 1e-6])
    base = np.array([0.0, 22.0, 0.0, 0.0, 0.0, 0.0, 7.0, -3.0])[:, None]
    out = wls(TREE, variance).apply(base)
    np.testing.assert_allclose(out, textbook(base, np.diag(variance)), rtol=1e-6, atol=1e-6)


def test_what_already_adds_up_stays_as_it_is():
    base = TREE.aggregate(np.arange(1.0, 11).reshape(5, 2))
    np.testing.assert_allclose(wls(TREE, np.ones(8)).apply(base), base)


def test_mint_is_the_textbook_projection_with_the_shrunk_covariance():
    rng = np.random.default_rng(2)
    errors = rng.normal(size=(200, 8)) @ rng.normal(size=(8, 8))
    base = rng.normal(50, 20, (8, 3))
    E = errors - errors.mean(axis=0)
    sample = E.T @ E / len(E)
    D = np.diag(np.diag(sample))
    R = E / E.std(axis=0)
    correlation = R.T @ R / len(R)
    # Schaefer and Strimmer's intensity, written out pair by pair.
    products = np.einsum("ti,tj->tij", R, R)
    off = ~np.eye(8, dtype=bool)
    noise = products.var(axis=0)[off].sum() / (len(R) - 1)
    intensity = min(1.0, noise / (correlation[off] ** 2).sum())
    W = intensity * D + (1 - intensity) * sample
    out = mint_shrink(TREE, errors).apply(base)
    np.testing.assert_allclose(out, textbook(base, W), rtol=1e-8, atol=1e-8)


def test_scheduled_nodes_do_not_move():
    rng = np.random.default_rng(3)
    base = rng.normal(50, 5, (8, 4))
    fixed = np.array([i in ("all", "b2") for i in TREE.ids])
    for reconciler in (
        wls(TREE, np.ones(8), fixed=fixed),
        mint_shrink(TREE, rng.normal(size=(50, 8)), fixed=fixed),
    ):
        out = reconciler.apply(base)
        np.testing.assert_allclose(out[fixed], base[fixed], rtol=1e-9)
        assert TREE.incoherence(out) < 1e-9


def test_a_wholly_fixed_family_that_agrees_is_kept():
    base = TREE.aggregate(np.full((5, 1), 3.0))
    base[TREE.ids.index("b1")] = 5.0
    fixed = np.array([i in ("a", "a1", "a2") for i in TREE.ids])
    out = wls(TREE, np.ones(8), fixed=fixed).apply(base)
    np.testing.assert_allclose(out[fixed], base[fixed], rtol=1e-9)


def test_fixed_nodes_that_contradict_each_other_are_refused():
    base = TREE.aggregate(np.full((5, 1), 3.0))
    base[TREE.ids.index("a")] = 100.0
    fixed = np.array([i in ("a", "a1", "a2") for i in TREE.ids])
    with pytest.raises(FixedNodesDisagreeError, match="do not add up"):
        wls(TREE, np.ones(8), fixed=fixed).apply(base)


def test_a_node_without_a_forecast_takes_what_the_others_imply():
    base = TREE.aggregate(np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]))
    for missing in ("b3", "a", "all"):
        holed = base.copy()
        holed[TREE.ids.index(missing)] = np.nan
        np.testing.assert_allclose(wls(TREE, np.ones(8)).apply(holed), base, rtol=1e-4)
