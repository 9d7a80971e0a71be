import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from forecasting.splines import basis, dense_basis, difference_penalty, row_tensor


def test_the_basis_equals_scipys_b_splines():
    x = np.linspace(-2.0, 5.0, 101)[:-1]
    ours = dense_basis(*basis(x, 9, -2.0, 5.0), 9)
    width = 7.0 / 6
    knots = -2.0 + width * np.arange(-3, 10)
    np.testing.assert_allclose(ours, BSpline.design_matrix(x, knots, 3).toarray(), atol=1e-12)


@given(st.floats(-1e3, 1e3), st.booleans())
def test_a_basis_is_a_partition_of_unity_even_outside_its_range(x: float, cyclic: bool):
    _, values = basis(np.array([x]), 8, 0.0, 10.0, cyclic=cyclic)
    assert abs(values.sum() - 1.0) < 1e-12
    assert (values >= 0).all()


def test_a_cyclic_basis_meets_itself_with_its_slope():
    grid = np.array([0.0, 1e-6, 1.0 - 1e-6, 1.0])
    B = dense_basis(*basis(grid, 6, 0.0, 1.0, cyclic=True), 6)
    np.testing.assert_allclose(B[0], B[3], atol=1e-12)
    np.testing.assert_allclose(B[1] - B[0], B[3] - B[2], atol=1e-10)


def test_the_second_difference_penalty_spares_straight_lines():
    P = difference_penalty(7)
    line = 3.0 + 2.0 * np.arange(7)
    assert abs(line @ P @ line) < 1e-12
    assert np.linalg.matrix_rank(P) == 5
    assert np.linalg.matrix_rank(difference_penalty(7, cyclic=True)) == 6


def test_a_row_tensor_multiplies_row_by_row():
    a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]])
    assert row_tensor(a, b).tolist() == [[3.0, 5.0, 6.0, 10.0]]
