"""Where a replay differs: tables matched by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.replay_differences import MEAN, VALUES, Difference, ProductDifferences


def row(value: float | None, series: str = "a", **key: Any) -> dict[str, Any]:
    given = {
        "series": series,
        "length": 300,
        "valid_time": 0,
        "issue_time": 0,
        "revision": 1,
        "quantile": MEAN,
    }
    return {**given, **key, "value": value}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), VALUES)


def taken(recorded: pa.Table, replayed: pa.Table, **options: Any) -> ProductDifferences:
    found = ProductDifferences("window", **options)
    found.take(recorded, replayed)
    return found


def test_equal_values_in_any_order_are_no_difference() -> None:
    one, two = row(1.5), row(2.5, "b")
    found = taken(table(one, two), table(two, one))
    assert (found.compared, found.different, found.kept) == (2, 0, [])


def test_what_is_unknown_on_both_sides_is_the_same() -> None:
    found = taken(table(row(None)), table(row(float("nan"))))
    assert (found.compared, found.different) == (1, 0)


def test_a_value_that_changed_is_told_with_both_sides() -> None:
    found = taken(table(row(1.0, revision=2)), table(row(1.25, revision=2)))
    assert found.kept == [Difference("window", "a", 0, None, 2, None, 1.0, 1.25)]
    assert found.largest == 0.25


def test_a_value_that_is_known_on_one_side_only_is_a_difference() -> None:
    found = taken(table(row(1.0)), table(row(None)))
    assert (found.different, found.only_recorded, found.only_replayed) == (1, 0, 0)
    assert found.kept[0].replayed is None


def test_a_revision_on_one_side_only_is_counted_there() -> None:
    found = taken(table(row(1.0), row(2.0, revision=2)), table(row(1.0), row(3.0, "b")))
    assert (found.different, found.only_recorded, found.only_replayed) == (2, 1, 1)
    assert {(d.series, d.recorded, d.replayed) for d in found.kept} == {
        ("a", 2.0, None),
        ("b", None, 3.0),
    }


def test_a_quantile_of_an_issue_keeps_its_level_and_its_issue() -> None:
    key = {"issue_time": 7, "valid_time": 9, "quantile": 0.05}
    found = taken(table(row(1.0, **key)), table(row(2.0, **key)))
    assert found.kept == [Difference("window", "a", 9, 7, 1, 0.05, 1.0, 2.0)]


def test_intervals_of_another_length_are_other_values() -> None:
    found = taken(table(row(1.0)), table(row(1.0, length=900)))
    assert (found.only_recorded, found.only_replayed) == (1, 1)


@pytest.mark.parametrize(("replayed", "different"), [(1000.1, 0), (1000.2, 1)])
def test_a_tolerance_is_a_share_of_the_value(replayed: float, different: int) -> None:
    found = taken(table(row(1000.0)), table(row(replayed)), tolerance=1.5e-4)
    assert found.different == different
    assert found.largest == pytest.approx(replayed - 1000.0)


def test_only_the_earliest_differences_are_kept_and_all_are_counted() -> None:
    found = ProductDifferences("window", keep=2)
    for times in ((3, 1), (5, 4)):
        rows = [row(1.0, valid_time=time) for time in times]
        found.take(table(*rows), table())
    assert found.different == 4
    assert [difference.valid_time for difference in found.kept] == [1, 3]


def test_of_rows_with_the_same_key_the_last_one_counts() -> None:
    found = taken(table(row(1.0), row(2.0)), table(row(3.0), row(2.0)))
    assert (found.compared, found.different) == (1, 0)


def test_keys_that_differ_in_every_column_are_matched() -> None:
    rows = [
        row(float(k), str(k), length=k, valid_time=k, issue_time=k, revision=k, quantile=k / 512)
        for k in range(512)
    ]
    found = taken(table(*rows), table(*rows[::-1], row(1.0, "other")))
    assert (found.compared, found.different, found.only_replayed) == (513, 1, 1)


values = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3)),
    st.none() | st.integers(-2, 2).map(float),
)


@given(recorded=values, replayed=values)
def test_counts_are_those_of_a_comparison_of_dictionaries(recorded: Any, replayed: Any) -> None:
    found = taken(
        *(
            table(*(row(v, s, valid_time=t) for (s, t), v in side.items()))
            for side in (recorded, replayed)
        )
    )
    keys = recorded.keys() | replayed.keys()
    absent = object()
    unequal = [k for k in keys if recorded.get(k, absent) != replayed.get(k, absent)]
    assert found.compared == len(keys)
    assert found.different == len(unequal)
    assert found.only_recorded == len(recorded.keys() - replayed.keys())
    assert found.only_replayed == len(replayed.keys() - recorded.keys())
