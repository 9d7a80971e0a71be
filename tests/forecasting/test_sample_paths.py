import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from forecasting.hierarchy import Hierarchy
from forecasting.reconciliation import wls
from forecasting.sample_paths import (
    error_ranks,
    path_quantiles,
    reconciled_paths,
    sample_paths,
)

TREE = Hierarchy(
    ("all", "north", "south", "n1", "n2", "s1"),
    ("total", "region", "region", "bus", "bus", "bus"),
    (None, "all", "all", "north", "north", "south"),
)
PROBABILITIES = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95])
N_STEPS = 4


def errors(seed: int, n_paths: int, together: float = 0.0) -> np.ndarray:
    """Errors of the nodes, leaves with a common part, (n_paths, n_steps, n_nodes)."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n_paths, N_STEPS, 1))
    own = rng.standard_normal((n_paths, N_STEPS, 3))
    leaves = np.sqrt(together) * common + np.sqrt(1.0 - together) * own
    return TREE.aggregate(leaves.reshape(-1, 3).T).T.reshape(n_paths, N_STEPS, 6)


def fan(mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Normal quantiles of the nodes, the same at every step."""
    q = mean[:, None] + sd[:, None] * ndtri(PROBABILITIES)
    return np.repeat(q[:, :, None], N_STEPS, axis=2)


@given(
    st.integers(0, 10**6),
    st.integers(2, 40),
    st.lists(st.floats(0.1, 100.0), min_size=6, max_size=6),
    st.lists(st.floats(-500.0, 500.0), min_size=6, max_size=6),
)
def test_reconciled_paths_add_up_at_every_level(
    seed: int, n_paths: int, spread: list[float], mean: list[float]
) -> None:
    paths = sample_paths(
        error_ranks(errors(seed, n_paths)), fan(np.array(mean), np.array(spread)), PROBABILITIES
    )
    coherent = reconciled_paths(paths, wls(TREE, np.array(spread) ** 2))
    assert TREE.incoherence(coherent.reshape(6, -1)) < 1e-9


@given(st.integers(0, 10**6), st.integers(2, 60))
def test_the_paths_of_a_node_have_the_quantiles_of_that_node(seed: int, n_paths: int) -> None:
    mean, sd = np.arange(6.0), 1.0 + np.arange(6.0)
    paths = sample_paths(error_ranks(errors(seed, n_paths)), fan(mean, sd), PROBABILITIES)
    levels = (np.arange(n_paths) + 0.5) / n_paths
    expected = mean[:, None] + sd[:, None] * ndtri(levels)
    np.testing.assert_allclose(
        np.sort(paths, axis=1), np.repeat(expected[:, :, None], N_STEPS, axis=2), atol=1e-9
    )


@given(st.integers(0, 10**6))
def test_leaves_keep_their_quantiles_where_the_sums_give_way(seed: int) -> None:
    """With nothing known of the sums, reconciling is adding up the leaves."""
    sd = np.array([9.0, 4.0, 5.0, 1.0, 2.0, 3.0])
    marginals = fan(np.array([60.0, 30.0, 30.0, 10.0, 20.0, 30.0]), sd)
    paths = sample_paths(error_ranks(errors(seed, 200)), marginals, PROBABILITIES)
    bottom_up = wls(TREE, np.array([1e12, 1e12, 1e12, 1.0, 1.0, 1.0]))
    found = path_quantiles(reconciled_paths(paths, bottom_up), PROBABILITIES)
    np.testing.assert_allclose(found[TREE.leaves], marginals[TREE.leaves], rtol=1e-6, atol=0.02)


@pytest.mark.parametrize("together", [0.0, 0.8])
def test_the_spread_of_a_sum_follows_from_what_moves_together(together: float) -> None:
    """Var(a + b + c) = 3 sd^2 (1 + 2 r) for three leaves of the same spread and correlation r."""
    marginals = fan(np.zeros(6), np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0]))
    ranks = error_ranks(errors(1, 4000, together))
    bottom_up = wls(TREE, np.array([1e12, 1e12, 1e12, 1.0, 1.0, 1.0]))
    found = path_quantiles(
        reconciled_paths(sample_paths(ranks, marginals, PROBABILITIES), bottom_up), PROBABILITIES
    )
    expected = 2.0 * np.sqrt(3.0 * (1.0 + 2.0 * together)) * ndtri(PROBABILITIES)
    np.testing.assert_allclose(found[0].mean(axis=1), expected, atol=0.15)


def test_reconciled_quantiles_never_cross() -> None:
    marginals = fan(np.array([61.0, 33.0, 31.0, 10.0, 20.0, 30.0]), np.arange(1.0, 7.0))
    paths = sample_paths(error_ranks(errors(3, 90)), marginals, PROBABILITIES)
    found = path_quantiles(reconciled_paths(paths, wls(TREE, np.ones(6))), PROBABILITIES)
    assert (np.diff(found, axis=1) >= 0).all()


def test_a_past_with_a_gap_is_no_template() -> None:
    past = errors(0, 5)
    past[2, 1, 0] = np.nan
    ranks = error_ranks(past)
    assert ranks.shape == (4, N_STEPS, 6)
    assert (np.sort(ranks, axis=0) == np.arange(4)[:, None, None]).all()
