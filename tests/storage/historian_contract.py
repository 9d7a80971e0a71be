"""What every historian must answer. Subclass it and give it the fixtures.

`history(records)` records and commits them, and returns something to query. `retained(records,
now, limits)` does, then deletes what is past its retention at `now`, and returns the same.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.time import DAY, HOUR, MINUTE
from storage.historian_classes import HistoryClass
from tests.storage import history_records as made
from tests.storage.history_records import T0, logged


def column(table: pa.Table, name: str) -> list:
    return table[name].to_pylist()


def all_logged(*outgoing):
    return [logged(out, offset, 100 + offset) for offset, out in enumerate(outgoing)]


def rows_of(historian, kept_as) -> int:
    (count,) = historian.sql(f"SELECT count(*) AS n FROM {kept_as.value}")["n"].to_pylist()
    return count


BOTH_DAYS = {
    HistoryClass.RECORDS: lambda day: made.tick(day),
    HistoryClass.SCADA: lambda day: made.frame(day, [1.0]),
    HistoryClass.VALIDATED: lambda day: made.view(day, [1.0]),
    HistoryClass.METER_READS: lambda day: made.meters(day, [1.0]),
    HistoryClass.WEATHER: lambda day: made.weather([day], [20.0]),
    HistoryClass.WINDOWS: lambda day: made.window(day, [1.0]),
    HistoryClass.LONG_WINDOWS: lambda day: made.window(day, [1.0], topic=made.QUARTERS),
    HistoryClass.METER_INTERVALS: lambda day: made.window(day, [1.0], topic=made.INTERVALS),
    HistoryClass.STATES: lambda day: made.state(day),
    HistoryClass.FORECASTS: lambda day: made.forecast(day, [1.0]),
    HistoryClass.EVENTS: lambda day: made.finding(day),
}
"""One row of each class whose retention goes by the time of its data."""

TWO_VERSIONS = {
    HistoryClass.VALIDATED: (
        made.view(T0, [1.0]), made.view(T0, [2.0], version=2, known=T0 + 9), "value",
    ),
    HistoryClass.METER_READS: (
        made.meters(T0, [1.0], available_at=T0), made.meters(T0, [2.0], run=1, available_at=T0 + 9),
        "withdrawn_mwh",
    ),
    HistoryClass.WEATHER: (
        made.weather([T0], [1.0], available_at=T0), made.weather([T0], [2.0], available_at=T0 + 9),
        "value",
    ),
    HistoryClass.WINDOWS: (
        made.window(T0, [1.0], known=T0), made.window(T0, [2.0], revision=2, known=T0 + 9), "value",
    ),
    HistoryClass.LONG_WINDOWS: (
        made.window(T0, [1.0], known=T0, topic=made.QUARTERS),
        made.window(T0, [2.0], revision=2, known=T0 + 9, topic=made.QUARTERS), "value",
    ),
    HistoryClass.METER_INTERVALS: (
        made.window(T0, [1.0], known=T0, topic=made.INTERVALS),
        made.window(T0, [2.0], revision=2, known=T0 + 9, topic=made.INTERVALS), "value",
    ),
    HistoryClass.STATES: (
        made.state(T0, known=T0, j_per_dof=1.0), made.state(T0, known=T0 + 9, j_per_dof=2.0),
        "j_per_dof",
    ),
}  # fmt: skip
"""Of each class two records of one value, known at T0 and nine ns later. (Forecasts have a test
of their own, and events no versions.)"""


class HistorianContract:
    """Held by the embedded historian and by a server's."""

    def test_what_was_never_recorded_is_an_empty_answer(self, history) -> None:
        historian = history([])
        assert historian.as_of(HistoryClass.WINDOWS, 0, 2**62).num_rows == 0
        times, values = historian.matrix(["a"], T0, T0 + HOUR, HOUR)
        assert times.tolist() == [T0]
        assert np.isnan(values).tolist() == [[True]]
        assert historian.scada(0, 2**62).num_rows == 0

    def test_as_of_a_time_only_what_was_known_then_counts(self, history) -> None:
        historian = history(
            all_logged(
                made.window(T0, [10.0]),
                made.window(T0, [12.0], revision=2, known=T0 + HOUR),
                made.window(T0, [11.0], revision=3, known=T0 + DAY),
            )
        )

        def known(as_of):
            rows = historian.as_of(HistoryClass.WINDOWS, T0, T0 + HOUR, as_of=as_of)
            return list(zip(column(rows, "version"), column(rows, "value"), strict=True))

        assert known(T0) == []
        assert known(T0 + 5 * MINUTE) == [(1, 10.0)]
        assert known(T0 + HOUR - 1) == [(1, 10.0)]
        assert known(T0 + HOUR) == [(2, 12.0)]
        assert known(None) == [(3, 11.0)]

    def test_a_lower_revision_that_comes_late_changes_nothing(self, history) -> None:
        historian = history(
            all_logged(
                made.window(T0, [12.0], revision=2, known=T0 + HOUR),
                made.window(T0, [10.0], revision=1, known=T0 + 2 * HOUR),
            )
        )
        assert column(historian.as_of(HistoryClass.WINDOWS, T0, T0 + 1), "value") == [12.0]

    def test_a_newer_revision_without_a_value_takes_the_old_value_back(self, history) -> None:
        historian = history(
            all_logged(
                made.window(T0, [12.0]), made.window(T0, [np.nan], revision=2, known=T0 + HOUR)
            )
        )
        assert column(historian.as_of(HistoryClass.WINDOWS, T0, T0 + 1), "value") == [None]
        _, values = historian.matrix(["a"], T0, T0 + 5 * MINUTE, 5 * MINUTE)
        assert np.isnan(values).all()

    def test_intervals_are_half_open_and_series_can_be_chosen(self, history) -> None:
        historian = history(
            all_logged(*(made.window(T0 + i * 5 * MINUTE, [float(i), -float(i)]) for i in range(4)))
        )
        rows = historian.as_of(
            HistoryClass.WINDOWS, T0 + 5 * MINUTE, T0 + 15 * MINUTE, series=["b"]
        )
        assert column(rows, "series") == ["b", "b"]
        assert column(rows, "value") == [-1.0, -2.0]
        assert historian.as_of(HistoryClass.WINDOWS, T0, T0 + DAY, series=[]).num_rows == 0

    def test_windows_of_several_lengths_that_begin_together_are_kept_apart(self, history) -> None:
        quarter, hour = 15 * MINUTE, HOUR
        historian = history(
            all_logged(
                made.window(T0, [5.0]),
                made.window(T0, [15.0], length=quarter, topic=made.QUARTERS),
                made.window(T0, [60.0], length=hour, topic=made.HOURS),
                made.window(T0, [16.0], length=quarter, topic=made.QUARTERS, revision=2, known=T0),
            )
        )
        assert column(historian.as_of(HistoryClass.WINDOWS, T0, T0 + 1), "value") == [5.0]
        longer = historian.as_of(HistoryClass.LONG_WINDOWS, T0, T0 + 1)
        found = zip(column(longer, "length_ns"), column(longer, "value"), strict=True)
        assert dict(found) == {quarter: 16.0, hour: 60.0}

    def test_settlement_runs_count_before_revisions(self, history) -> None:
        historian = history(
            all_logged(
                made.meters(T0, [5.0], run=1, revision=1, available_at=T0 + 2 * DAY),
                made.meters(T0, [3.0], run=0, revision=7, available_at=T0 + 3 * DAY),
                made.meters(T0, [5.0], run=2, revision=1, available_at=T0 + 9 * DAY,
                            withdrawn=[True]),
            )
        )  # fmt: skip
        reads = HistoryClass.METER_READS
        before = historian.as_of(reads, T0, T0 + DAY, as_of=T0 + 4 * DAY)
        assert column(before, "withdrawn_mwh") == [5.0]
        assert column(before, "withdrawn_reading") == [False]
        assert column(historian.as_of(reads, T0, T0 + DAY), "withdrawn_reading") == [True]

    def test_a_reading_left_out_of_a_later_run_leaves_the_earlier_one_standing(
        self, history
    ) -> None:
        historian = history(
            all_logged(
                made.meters(T0, [3.0, 4.0], run=0, available_at=T0 + DAY),
                made.meters(T0, [None, 4.5], run=1, available_at=T0 + 2 * DAY),
            )
        )
        rows = historian.as_of(HistoryClass.METER_READS, T0, T0 + DAY)
        assert column(rows, "withdrawn_mwh") == [3.0, 4.5]

    def test_within_a_run_what_was_known_last_counts(self, history) -> None:
        historian = history(
            all_logged(
                made.meters(T0, [3.0], revision=2, available_at=T0 + DAY),
                made.meters(T0, [3.5], revision=1, available_at=T0 + 2 * DAY),
            )
        )
        rows = historian.as_of(HistoryClass.METER_READS, T0, T0 + DAY)
        assert column(rows, "withdrawn_mwh") == [3.5]

    def test_of_forecasts_the_last_issue_known_counts(self, history) -> None:
        historian = history(
            all_logged(made.forecast(T0, [1.0, 2.0, 3.0]), made.forecast(T0 + HOUR, [20.0, 30.0]))
        )

        def values(as_of):
            rows = historian.as_of(HistoryClass.FORECASTS, T0, T0 + DAY, as_of=as_of)
            return column(rows, "value")

        assert values(T0) == [1.0, 2.0, 3.0]
        assert values(T0 + HOUR) == [1.0, 20.0, 30.0]

    def test_weather_quantities_do_not_replace_each_other(self, history) -> None:
        historian = history(
            all_logged(
                made.weather([T0], [20.0]),
                made.weather([T0], [22.0], issue_time=T0 - DAY, available_at=T0 - DAY),
            )
        )
        rows = historian.as_of(HistoryClass.WEATHER, T0, T0 + 1, as_of=T0 - HOUR)
        assert column(rows, "value") == [22.0]
        assert column(historian.as_of(HistoryClass.WEATHER, T0, T0 + 1), "value") == [20.0]

    def test_classes_without_versions_have_no_as_of(self, history) -> None:
        with pytest.raises(ValueError, match="scada has no versions"):
            history([]).as_of(HistoryClass.SCADA, 0, 1)

    @pytest.mark.parametrize("kept_as", TWO_VERSIONS)
    def test_of_every_class_what_was_known_then_is_told(self, history, kept_as) -> None:
        first, second, name = TWO_VERSIONS[kept_as]
        historian = history(all_logged(first, second))

        def known(as_of: int) -> list:
            return column(historian.as_of(kept_as, T0, T0 + HOUR, as_of=as_of), name)

        assert [known(T0 - 1), known(T0 + 8), known(T0 + 9)] == [[], [1.0], [2.0]]

    @pytest.mark.parametrize("kept_as", BOTH_DAYS)
    def test_retention_deletes_past_the_limit_of_a_class_and_only_past_it(
        self, retained, kept_as
    ) -> None:
        make = BOTH_DAYS[kept_as]
        days = [T0 + day * DAY for day in range(4)]
        records = all_logged(*(make(day) for day in days), made.rupture(T0))
        limits = {kept_as: timedelta(days=2)}

        def left(now: int) -> list[int]:
            historian = retained(records, now, limits)
            others = 1 if kept_as is HistoryClass.EVENTS else 0
            return [rows_of(historian, kept_as) - others, rows_of(historian, HistoryClass.EVENTS)]

        whole = left(days[0] + 2 * DAY)
        one_less = left(days[0] + 2 * DAY + HOUR)
        if kept_as is HistoryClass.EVENTS:
            assert (whole[0], one_less[0]) == (4, 2)
        else:
            assert (whole, one_less) == ([4, 1], [3, 1])

    def test_what_is_kept_for_years_by_default_is_not_deleted_by_months(self, retained) -> None:
        records = all_logged(*(make(T0) for make in BOTH_DAYS.values()))
        historian = retained(records, T0 + 93 * DAY, {})
        gone = {kept_as for kept_as in BOTH_DAYS if rows_of(historian, kept_as) == 0}
        assert gone == {HistoryClass.RECORDS, HistoryClass.SCADA, HistoryClass.VALIDATED}
        historian = retained(records, T0 + 4 * 366 * DAY, {})
        assert [rows_of(historian, kept_as) for kept_as in BOTH_DAYS] == [0] * len(BOTH_DAYS)

    def test_a_matrix_weights_by_time_and_leaves_out_what_is_not_known(self, history) -> None:
        means = [[6.0, 1.0], [12.0, np.nan], [np.nan, np.nan], [4.0, 8.0]]
        historian = history(
            all_logged(*(made.window(T0 + i * 5 * MINUTE, m) for i, m in enumerate(means)))
        )
        times, values = historian.matrix(["b", "a", "z"], T0, T0 + 30 * MINUTE, 10 * MINUTE)
        assert times.tolist() == [T0, T0 + 10 * MINUTE, T0 + 20 * MINUTE]
        np.testing.assert_array_equal(
            values, [[1.0, 8.0, np.nan], [9.0, 4.0, np.nan], [np.nan] * 3]
        )
        _, strict = historian.matrix(["b"], T0, T0 + 20 * MINUTE, 10 * MINUTE, least_share=1.0)
        assert np.isnan(strict).all()

    def test_a_matrix_may_leave_out_what_was_mostly_replaced(self, history) -> None:
        historian = history(
            all_logged(
                made.window(T0, [10.0]),
                made.window(T0 + 5 * MINUTE, [90.0], imputed_share=0.8),
            )
        )
        axis = (["a"], T0, T0 + 10 * MINUTE, 10 * MINUTE)
        assert historian.matrix(*axis)[1].tolist() == [[50.0]]
        assert historian.matrix(*axis, most_imputed=0.5)[1].tolist() == [[10.0]]

    def test_a_matrix_reads_metered_intervals_too(self, history) -> None:
        historian = history(all_logged(made.window(T0, [7.0], topic=made.INTERVALS, length=HOUR)))
        source = HistoryClass.METER_INTERVALS
        assert historian.matrix(["a"], T0, T0 + HOUR, HOUR, source=source)[1].tolist() == [[7.0]]
        with pytest.raises(ValueError, match="intervals of PT1H that do not fit in steps of PT30M"):
            historian.matrix(["a"], T0, T0 + HOUR, 30 * MINUTE, source=source)

    def test_a_matrix_of_broken_steps_is_refused(self, history) -> None:
        with pytest.raises(ValueError, match="not a whole number of steps"):
            history([]).matrix(["a"], T0, T0 + HOUR, 7 * MINUTE)

    def test_raw_measurements_are_found_by_point_and_time(self, history) -> None:
        historian = history(
            all_logged(*(made.frame(T0 + i * MINUTE, [i, 10.0 + i], sequence=i) for i in range(3)))
        )
        rows = historian.scada(T0, T0 + 2 * MINUTE, points=[1])
        assert column(rows, "value") == [10.0, 11.0]
        assert historian.scada(T0, T0 + DAY).num_rows == 6

    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(
        revisions=st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 6), st.integers(-50, 50)),
            max_size=12,
            unique_by=lambda row: row[:2],
        ),
        as_of=st.integers(0, 7),
    )
    def test_as_of_agrees_with_reading_the_history_by_hand(
        self, history, revisions: list[tuple[int, int, int]], as_of: int
    ) -> None:
        """A revision becomes known at the hour of its number."""
        historian = history(
            all_logged(
                *(
                    made.window(T0 + w * 5 * MINUTE, [v], revision=r, known=T0 + r * HOUR)
                    for w, r, v in revisions
                )
            )
        )
        expected = {}
        for w, r, v in sorted(revisions):
            if r <= as_of:
                expected[T0 + w * 5 * MINUTE] = float(v)
        rows = historian.as_of(HistoryClass.WINDOWS, T0, T0 + DAY, as_of=T0 + as_of * HOUR)
        times = rows["valid_time"].cast(pa.int64()).to_pylist()
        assert dict(zip(times, column(rows, "value"), strict=True)) == expected
