import numpy as np
import qdldl
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from network.selected_inverse import SelectedInverse


@given(st.integers(1, 40), st.floats(0.0, 0.5), st.integers(0, 2**31))
def test_it_agrees_with_the_dense_inverse_on_the_whole_pattern(
    n: int, density: float, seed: int
) -> None:
    half = sp.random_array((n, n), density=density, rng=np.random.default_rng(seed))
    matrix = (half @ half.T + sp.eye_array(n)).tocsc()
    lower, pivots, order = qdldl.Solver(sp.triu(matrix, format="csc"), upper=True).factors()
    inverse = np.linalg.inv(matrix.toarray())[np.ix_(order, order)]
    chosen = SelectedInverse(lower, pivots)
    np.testing.assert_allclose(chosen.diagonal, np.diag(inverse), atol=1e-10)
    stored = lower.tocoo()
    expected = inverse[stored.row, stored.col]
    np.testing.assert_allclose(chosen.entries(stored.col, stored.row), expected, atol=1e-10)
