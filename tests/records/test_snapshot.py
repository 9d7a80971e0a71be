from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.snapshot import Tree, pack, unpack

leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary()
trees = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(trees)
def test_a_tree_comes_back_as_it_was(tree: Tree) -> None:
    assert unpack(pack(tree)) == tree


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u4", "u2", "?"])
def test_arrays_keep_dtype_shape_and_can_be_written(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    again = unpack(pack({"a": [array]}))["a"][0]
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype
    again[0, 0] = 1


def test_an_empty_array_keeps_its_shape() -> None:
    assert unpack(pack(np.empty((0, 4)))).shape == (0, 4)


def test_objects_are_refused_rather_than_pickled() -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        pack({"a": np.array([object()])})
    with pytest.raises(TypeError, match="cannot hold"):
        pack({"a": object()})  # type: ignore[dict-item]
