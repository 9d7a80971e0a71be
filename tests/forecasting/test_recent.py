import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.recent import Recent


@given(
    keep=st.integers(1, 6),
    sizes=st.lists(st.integers(0, 9), max_size=12),
    forks=st.lists(st.integers(0, 11), max_size=4),
)
def test_every_version_is_the_end_of_all_that_led_to_it(
    keep: int, sizes: list[int], forks: list[int]
) -> None:
    number = iter(range(10_000))

    def fresh(n: int) -> np.ndarray:
        return np.array([[next(number)] for _ in range(n)], dtype=np.float64).reshape(n, 1)

    start = fresh(3)
    versions = [(Recent.of(start, keep), start)]
    for size in sizes:
        rows = fresh(size)
        recent, whole = versions[-1]
        versions.append((recent.appended(rows), np.concatenate([whole, rows])))
    for fork in forks:  # an older version goes on too, and disturbs no other
        recent, whole = versions[fork % len(versions)]
        rows = fresh(2)
        versions.append((recent.appended(rows), np.concatenate([whole, rows])))
    for recent, whole in versions:
        np.testing.assert_array_equal(recent.rows, whole[max(0, len(whole) - keep) :])


def test_what_is_remembered_cannot_be_written_to() -> None:
    rows = Recent.of(np.zeros((2, 1)), keep=2).rows
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 1.0
