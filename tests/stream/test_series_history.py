from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from records.meter_estimate import EstimateInputs, EstimateMethod, MeterEstimate
from records.snapshot import pack, unpack
from records.time import HOUR, MINUTE
from stream.series_history import SeriesHistory

EMPTY = np.empty((0, 2))


def history() -> SeriesHistory:
    return SeriesHistory(["a", "b"], 0, HOUR, EMPTY, fine_step=15 * MINUTE, fine_keep=8)


def put(past: SeriesHistory, quarter: int, value: float, revision: int = 1) -> int:
    columns, ones = np.array([0]), np.array([revision], np.int32)
    return past.take(
        quarter * 15 * MINUTE, 15 * MINUTE, columns, np.array([value]), ones, np.zeros(1)
    )


def test_a_step_is_the_mean_of_its_windows() -> None:
    past = history()
    for quarter, value in enumerate([1.0, 2.0, 3.0, 6.0]):
        put(past, quarter, value)
    assert past.values[0, 0] == 3.0
    assert np.isnan(past.values[0, 1])


def test_a_step_with_less_than_half_its_windows_is_missing() -> None:
    past = history()
    put(past, 0, 1.0)
    assert np.isnan(past.values[0, 0])
    put(past, 1, 3.0)
    assert past.values[0, 0] == 2.0


def test_a_window_told_again_is_no_correction() -> None:
    past = history()
    for quarter in range(4):
        put(past, quarter, 1.0)
    assert past.corrected_since(0, HOUR)
    put(past, 1, 1.0)
    assert not past.corrected_since(0, HOUR)


def test_a_correction_changes_the_mean_and_a_lower_revision_does_not() -> None:
    past = history()
    for quarter in range(4):
        put(past, quarter, 1.0)
    put(past, 2, 5.0, revision=2)
    assert past.values[0, 0] == 2.0
    put(past, 2, 9.0, revision=1)
    assert past.values[0, 0] == 2.0


def test_a_correction_beyond_what_is_kept_is_reported_as_late() -> None:
    past = history()
    for quarter in range(12):
        put(past, quarter, 1.0)
    assert put(past, 0, 5.0, revision=2) == 1
    assert past.values[0, 0] == 1.0


def test_a_mean_given_whole_is_not_undone_by_some_of_its_windows() -> None:
    past = SeriesHistory(
        ["a", "b"], 0, HOUR, np.array([[8.0, 9.0]]), fine_step=15 * MINUTE, fine_keep=8
    )
    assert [put(past, quarter, 2.0, revision=2) for quarter in range(3)] == [1, 1, 1]
    assert past.values[0].tolist() == [8.0, 9.0]
    assert not past.corrected_since(0, HOUR)
    # With all of them it is known what it was.
    assert put(past, 3, 6.0, revision=2) == 0
    assert past.values[0].tolist() == [3.0, 9.0]
    assert put(past, 3, 2.0, revision=3) == 0
    assert past.values[0].tolist() == [2.0, 9.0]
    assert past.corrected_since(0, HOUR)


def test_a_mean_that_was_missing_is_filled_as_soon_as_half_its_windows_come() -> None:
    past = SeriesHistory(
        ["a", "b"], 0, HOUR, np.array([[np.nan, 9.0]]), fine_step=15 * MINUTE, fine_keep=8
    )
    for quarter in range(4):
        assert put(past, quarter, quarter + 1.0) == 0
    assert past.values[0].tolist() == [2.5, 9.0]


def test_a_long_interval_fills_every_window_it_covers() -> None:
    past = history()
    past.take_means(0, HOUR, {"b": 4.0, "unknown": 1.0})
    assert past.values[0, 1] == 4.0


def test_the_imputed_share_is_the_mean_over_recent_windows() -> None:
    past = history()
    for quarter, share in enumerate([0.0, 1.0, 0.0, 1.0]):
        start, columns = quarter * 15 * MINUTE, np.array([0])
        past.take(start, 15 * MINUTE, columns, np.ones(1), np.ones(1, np.int32), np.array([share]))
    assert past.imputed_share(1).tolist() == [0.5, 0.0]


quarters = st.lists(
    st.tuples(st.integers(0, 7), st.integers(1, 3)), unique=True, min_size=1, max_size=16
)


@given(quarters, st.randoms(use_true_random=False))
def test_order_and_duplicates_of_revisions_do_not_matter(
    updates: list[tuple[int, int]], random: object
) -> None:
    def final(order: list[tuple[int, int]]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        past = history()
        past.extend_to(2 * HOUR)
        for quarter, revision in order:
            put(past, quarter, quarter + 10.0 * revision, revision)
        return past.values

    shuffled = [*updates, *updates]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(final(updates), final(shuffled))


def test_a_restored_history_goes_on_where_it_stopped() -> None:
    past = history()
    put(past, 0, 1.0)
    put(past, 1, 2.0)
    again = SeriesHistory.load(unpack(pack(past.dump())))
    for each in (past, again):
        put(each, 2, 3.0)
        put(each, 3, 4.0)
    np.testing.assert_array_equal(past.values, again.values)


def estimate(quarter: int, energy_mwh: float | None, revision: int = 1) -> MeterEstimate:
    nothing = EstimateInputs([], 0.0, 0, 0, 0, 0, "", None)
    method = EstimateMethod.REVERSED if energy_mwh is None else EstimateMethod.TYPICAL_SCALED
    period = 15 * MINUTE
    return MeterEstimate(
        0, "meter a", "a", period, [quarter * period], [energy_mwh], [revision], method, nothing,
        "", "rule:test/1", 0,
    )  # fmt: skip


def test_an_estimate_stands_where_nothing_was_measured_and_nowhere_else() -> None:
    past = history()
    for quarter, value in enumerate([4.0, 4.0, 4.0]):
        put(past, quarter, value)
    past.take_estimate(estimate(3, 2.0))  # 2 MWh in a quarter of an hour: 8 MW
    assert past.values[0, 0] == 5.0
    past.take_estimate(estimate(0, 9.0))
    assert past.values[0, 0] == 5.0


def test_a_reading_outranks_its_estimate_and_the_reversal_changes_nothing_more() -> None:
    past = history()
    for quarter in range(3):
        put(past, quarter, 4.0)
    past.take_estimate(estimate(3, 2.0))
    put(past, 3, 4.0)
    assert past.values[0, 0] == 4.0
    past.take_estimate(estimate(3, None, 2))
    assert past.values[0, 0] == 4.0


@given(order=st.permutations(range(4)))
def test_readings_withdrawals_and_estimates_give_the_same_whatever_came_first(
    order: list[int],
) -> None:
    def after(order: list[int]) -> SeriesHistory:
        past = history()
        put(past, 0, 4.0)
        what = [
            lambda: put(past, 1, 6.0),
            lambda: put(past, 1, float("nan"), revision=2),
            lambda: past.take_estimate(estimate(1, 0.5)),
            lambda: past.take_estimate(estimate(2, 2.0)),
        ]
        for which in order:
            what[which]()
        return past

    # 4 MW measured, the withdrawn quarter estimated at 2 MW, the third at 8 MW.
    assert after(order).values[0, 0] == after([0, 1, 2, 3]).values[0, 0] == (4.0 + 2.0 + 8.0) / 3


def test_a_step_that_was_mostly_estimated_teaches_nothing() -> None:
    past = history()
    put(past, 0, 4.0)
    for quarter in (1, 2, 3):
        past.take_estimate(estimate(quarter, 1.0))
    assert past.values[0, 0] == 4.0
    assert np.isnan(past.measured[0, 0])
    put(past, 1, 4.0)
    put(past, 2, 4.0)
    assert past.measured[0, 0] == 4.0


def test_flags_survive_a_checkpoint() -> None:
    past = history()
    put(past, 0, 4.0)
    for quarter in (1, 2, 3):
        past.take_estimate(estimate(quarter, 1.0))
    loaded = SeriesHistory.load(unpack(pack(past.dump())))  # type: ignore[arg-type]
    assert np.isnan(loaded.measured[0, 0])
    put(loaded, 3, 8.0)
    assert loaded.values[0, 0] == 5.0


def hourly(values: np.ndarray) -> SeriesHistory:
    return SeriesHistory(["a", "b"], 0, HOUR, values, fine_step=HOUR, fine_keep=4)


def put_hour(past: SeriesHistory, hour: int, value: float, revision: int) -> int:
    columns, told = np.array([0]), np.array([revision], np.int32)
    return past.take(hour * HOUR, HOUR, columns, np.array([value]), told, np.array([0.25]))


def test_a_window_that_is_a_step_can_be_corrected_at_any_age_that_is_known() -> None:
    past = hourly(np.full((3, 2), 5.0))
    for hour in range(3, 40):
        put_hour(past, hour, float(hour), 1)
        if hour % 5 == 0:
            put_hour(past, hour, hour + 0.5, 2)
    assert past.corrected_for == 40 * HOUR
    past.corrected_since(0, 0)
    # Given before the first record, of its first revision, and corrected while it was kept.
    assert [put_hour(past, hour, -1.0, 3) for hour in (1, 7, 10)] == [0, 0, 0]
    assert past.values[[1, 7, 10, 39], 0].tolist() == [-1.0, -1.0, -1.0, 39.0]
    assert past.values[1, 1] == 5.0
    assert past.corrected_since(7 * HOUR, 8 * HOUR)
    # What is told again, or was outdone while it was kept, changes nothing.
    again = SeriesHistory.load(unpack(pack(past.dump())))
    for history in (past, again):
        for hour, revision in ((1, 3), (7, 2), (10, 3), (15, 2), (16, 1)):
            assert put_hour(history, hour, 77.0, revision) == 0
        assert history.values[[1, 7, 10, 15, 16], 0].tolist() == [-1.0, -1.0, -1.0, 15.5, 16.0]
        assert not history.corrected_since(0, 40 * HOUR)
        assert put_hour(history, 16, np.nan, 2) == 1
        assert put_hour(history, -1, 1.0, 2) == 1
        assert put_hour(history, 16, 8.0, 3) == 0
        assert history.values[16, 0] == 8.0
