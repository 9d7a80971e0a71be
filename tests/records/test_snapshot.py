from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.snapshot import Part, Tree, pack, unpack

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


def test_a_part_goes_apart_and_the_document_only_names_it() -> None:
    part = Part.of({"a": np.arange(1000)})
    apart: dict[str, bytes] = {}
    data = pack({"kept": [part, part], "n": 1}, apart)
    assert apart == {part.name: part.body}
    assert len(data) < 100
    again = unpack(data, apart)["kept"][1]
    assert again.name == part.name
    np.testing.assert_array_equal(again.tree()["a"], np.arange(1000))


def test_without_a_place_for_it_a_part_is_packed_in_place() -> None:
    part = Part.of([1.5])
    again = unpack(pack({"kept": part}))["kept"]
    assert (again.name, again.body) == (part.name, part.body)


def test_the_arrays_of_a_part_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Part.of(np.arange(3)).tree()[0] = 9


def test_a_part_of_which_only_the_name_is_known_says_so() -> None:
    known = unpack(pack(Part.of([1]), {}))
    with pytest.raises(ValueError, match="not at hand"):
        known.tree()
