"""The tail of a window against the quantile of everything that was in force."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from records.snapshot import pack, unpack
from stream.tail import Tail, quantile_of

PERCENT = 95
Cells = list[tuple[float, int]]


def tail_of(cells: Cells, within: int) -> Tail:
    """Tail of the (value, weight) cells of a single point."""
    ordered = sorted(cells, key=lambda cell: cell[0] if cell[1] else -np.inf)
    value = np.array([[v] for v, _ in ordered])
    weight = np.array([[w] for _, w in ordered], np.int64)
    return Tail.of(value, weight, np.cumsum(weight, axis=0), within)


def inverse_distribution(cells: Cells) -> float:
    """Smallest value at or below which 95 % of the weight lies."""
    known = sorted((v, w) for v, w in cells if w)
    total, below = sum(w for _, w in known), 0
    for value, weight in known:
        below += weight
        if below * 100 >= PERCENT * total:
            return value
    return float("nan")


# Values repeat, so that ties at the quantile happen.
cell = st.tuples(st.sampled_from([float(v) for v in range(-5, 9)]), st.integers(0, 40))
part = st.lists(cell, min_size=1, max_size=30)


@given(parts=st.lists(part, min_size=1, max_size=4))
def test_tails_decide_the_quantile_of_the_whole_exactly(parts: list[Cells]) -> None:
    whole = [cell for cells in parts for cell in cells]
    length = max(sum(weight for _, weight in cells) for cells in parts) * len(parts)
    within = (100 - PERCENT) * length // 100
    found = quantile_of([tail_of(cells, within) for cells in parts], PERCENT)
    assert np.array_equal(found, [inverse_distribution(whole)], equal_nan=True)


def test_a_tail_keeps_only_what_can_decide() -> None:
    cells = [(float(value), 10) for value in range(100)]
    tail = tail_of(cells, 45)
    # More than 45 ns are spent above 95, which is the fifth from the top: it cannot be above it.
    assert tail.value[:, 0].tolist() == [95.0, 96.0, 97.0, 98.0, 99.0]
    assert tail.total.tolist() == [1000]


def test_a_point_is_overwritten_by_a_deeper_tail_and_by_a_shallower_one() -> None:
    both = Tail(np.array([[1.0, 2.0]]), np.array([[5, 5]]), np.array([5, 5]))
    deeper = Tail(np.array([[7.0], [8.0]]), np.array([[1], [2]]), np.array([3]))
    both.put(np.array([1]), deeper)
    assert both.value[:, 1].tolist() == [7.0, 8.0]
    assert both.weight.tolist() == [[0, 1], [5, 2]]
    both.put(np.array([1]), Tail(np.array([[4.0]]), np.array([[9]]), np.array([9])))
    assert both.weight.tolist() == [[0, 0], [5, 9]]
    assert (both.value[1].tolist(), both.total.tolist()) == ([1.0, 4.0], [5, 9])


def test_a_tail_comes_back_from_its_checkpoint() -> None:
    tail = tail_of([(1.0, 3), (2.0, 4)], 7)
    again = Tail.load(unpack(pack(tail.dump())))
    assert again.value.tolist() == tail.value.tolist()
    assert (again.weight.tolist(), again.total.tolist()) == (tail.weight.tolist(), [7])
