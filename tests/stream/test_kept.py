import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from records.snapshot import Part, pack, unpack
from stream.block import Block
from stream.imputation import Usual
from stream.kept import Kept
from stream.readings import Readings


def usual() -> Usual:
    return Usual(np.array([1.0, np.nan]), np.array([3, 0], np.int32))


def block(times: list[int], value: float = 1.0, version: int = 1) -> Block:
    n_rows = len(times)
    return Block(
        np.arange(n_rows),
        np.array(times),
        np.full(n_rows, value),
        np.zeros(n_rows, np.uint16),
        np.full(n_rows, version, np.int32),
    )


def test_a_piece_that_did_not_change_is_not_written_again() -> None:
    kept = Kept(usual())
    first = kept.dump()
    assert kept.dump() is first
    kept.change().count[1] = 5
    second = kept.dump()
    assert second.name != first.name
    assert Kept.load(Usual, second).value.count.tolist() == [3, 5]


def test_a_piece_that_was_written_cannot_be_changed_without_saying_so() -> None:
    kept = Kept(usual())
    kept.dump()
    with pytest.raises(ValueError, match="read-only"):
        kept.value.mean[0] = 2.0


def test_a_loaded_piece_is_known_to_be_written() -> None:
    part = Kept(usual()).dump()
    assert Kept.load(Usual, part).dump() is part


@given(
    st.lists(st.tuples(st.integers(0, 70_000), st.integers(-(10**6), 10**6)), max_size=9),
    st.sampled_from([1, 1_000_000]),
    st.data(),
)
def test_a_block_comes_back_as_it_was(
    rows: list[tuple[int, int]], unit: int, data: st.DataObject
) -> None:
    n_rows = len(rows)
    before = Block(
        np.array([row for row, _ in rows], np.int64),
        10**18 + unit * np.array([after for _, after in rows], np.int64),
        data.draw(arrays.arrays(np.float64, n_rows)),
        data.draw(arrays.arrays(np.uint16, n_rows)),
        data.draw(arrays.arrays(np.int32, n_rows)),
        data.draw(st.booleans()),
    )
    after = Block.load(Part.of(before.dump()).tree())
    for name in ("row", "time", "value", "quality", "version"):
        column, again = getattr(before, name), getattr(after, name)
        assert (again.dtype, again.tobytes()) == (column.dtype, column.tobytes()), name
    assert after.single == before.single


def test_a_scan_takes_ten_bytes_a_reading_where_its_columns_are_plain() -> None:
    scan = block(list(range(0, 10**9, 10**6)))
    assert len(pack(scan.dump())) < 10.2 * 1000


def test_readings_come_back_as_they_were_whatever_of_them_was_written() -> None:
    kept = Readings()
    for scan in range(5):
        kept.add(block([10 * scan, 10 * scan + 1], value=scan))
        if scan in (1, 3):
            kept.dump(9)
    again = Readings.load(unpack(pack(kept.dump(9))))
    assert len(again.parts) == 3
    for cells in (kept.cells(2), again.cells(2)):
        assert cells.time.tolist() == [[10 * scan, 10 * scan + 1] for scan in range(5)]
        assert cells.value.tolist() == [[scan, scan] for scan in range(5)]
    assert again.cells(2, np.array([1])).time.tolist() == [[10 * scan + 1] for scan in range(5)]


def test_parts_are_joined_where_they_are_many_and_a_large_one_stays_as_it_is() -> None:
    kept = Readings()
    kept.add(block(list(range(1000))))
    kept.dump(2)
    large = kept.parts[0]
    for scan in range(1, 4):
        kept.add(block([10_000 * scan]))
        kept.dump(2)
    assert len(kept.parts) == 2
    assert kept.parts[0] is large
    assert kept.cells(1000).present.sum() == 1003


def test_repeated_readings_are_forgotten_where_they_are_half_of_all_or_more() -> None:
    kept = Readings()
    kept.add(block([0, 1]))
    kept.settled = 2
    kept.add(block([0, 1]))
    kept.compact()
    assert kept.n_rows == 4
    kept.add(block([0, 1], version=2))
    kept.dump(9)
    kept.compact()
    assert (kept.n_rows, kept.settled, kept.parts) == (2, 2, [])
    assert kept.cells(2).time.tolist() == [[0, 1]]
