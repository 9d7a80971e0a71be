"""Deadlines: when a forecast is late, and when it is in time again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from records.deadline import DeadlineEvent, Severity
from stream.deadline import DeadlinePolicy, DeadlineState, clock, input_reached, published

POLICY = DeadlinePolicy("short", cadence=100, warning=10, alarm=20, silence=1_000, clear_after=2)


def due_at(append_time: int, issue_time: int = 200) -> DeadlineState:
    """A state in which the forecast of `issue_time` became due at `append_time`."""
    state = input_reached(POLICY, DeadlineState(), "scada/0", issue_time - 1, append_time - 1)
    return input_reached(POLICY, state, "scada/0", issue_time, append_time)


def severities(events: list[DeadlineEvent]) -> list[Severity]:
    return [event.severity for event in events]


def test_a_forecast_is_due_when_the_first_input_passes_its_issue_time() -> None:
    assert due_at(50).due == {200: 50}


def test_what_came_before_the_watcher_is_not_waited_for() -> None:
    assert input_reached(POLICY, DeadlineState(), "scada/0", 5_000, 1).due == {}


def test_an_input_that_jumps_makes_every_issue_time_between_due() -> None:
    state = input_reached(POLICY, due_at(50), "scada/0", 430, 60)
    assert state.due == {200: 50, 300: 60, 400: 60}


def test_a_second_input_that_follows_does_not_make_it_due_again() -> None:
    state = input_reached(POLICY, due_at(50), "scada/1", 150, 55)
    assert input_reached(POLICY, state, "scada/1", 250, 90).due == {200: 50}


def test_the_warning_comes_before_the_alarm_and_each_only_once() -> None:
    state = due_at(50)
    seen = []
    for now in range(50, 90):
        state, events = clock(POLICY, state, now)
        seen += [(event.at, event.severity) for event in events]
    assert seen == [(61, Severity.WARNING), (71, Severity.ALARM)]


def test_a_forecast_in_time_raises_nothing() -> None:
    state, events = published(POLICY, due_at(50), 200, 58)
    assert events == []
    state, events = clock(POLICY, state, 500)
    assert events == []
    assert state.missed == 0


def test_the_alarm_names_the_input_that_is_behind() -> None:
    state = input_reached(POLICY, due_at(50), "weather/0", 120, 55)
    _, events = clock(POLICY, state, 80)
    assert events[0].reason == "not published 0 s after its inputs; input behind: weather/0"
    assert events[0].issue_time == 200


def test_the_alarm_is_cleared_by_two_punctual_forecasts_not_by_one() -> None:
    state, _ = clock(POLICY, due_at(50), 75)
    state, events = published(POLICY, state, 200, 76)
    assert events == [] and state.missed == 1
    for issue_time, expected in ((300, []), (400, [Severity.CLEARANCE])):
        state = input_reached(POLICY, state, "scada/0", issue_time, issue_time)
        state, events = published(POLICY, state, issue_time, issue_time + 3)
        assert severities(events) == expected
    assert state.severity is None


def test_a_late_forecast_between_two_punctual_ones_starts_the_count_again() -> None:
    state, _ = clock(POLICY, due_at(50), 75)
    for issue_time, delay in ((200, 26), (300, 3), (400, 15), (500, 3)):
        state = input_reached(POLICY, state, "scada/0", issue_time, issue_time)
        state, events = published(POLICY, state, issue_time, issue_time + delay)
        assert events == []
    assert state.severity is Severity.ALARM


def test_a_skipped_issue_counts_as_missed() -> None:
    state = input_reached(POLICY, due_at(50), "scada/0", 300, 55)
    state, _ = published(POLICY, state, 300, 57)
    assert state.missed == 1
    assert state.punctual == 0
    assert state.due == {}


def test_the_same_forecast_again_changes_nothing() -> None:
    state, _ = published(POLICY, due_at(50), 200, 58)
    assert published(POLICY, state, 200, 900) == (state, [])


def test_silence_of_all_inputs_raises_the_alarm_and_work_clears_it() -> None:
    state, _ = published(POLICY, due_at(50), 200, 55)
    state, events = clock(POLICY, state, 1_050)
    assert events == []
    state, events = clock(POLICY, state, 1_051)
    assert [(event.severity, event.issue_time) for event in events] == [(Severity.ALARM, None)]
    assert "no input for" in events[0].reason
    for issue_time in (300, 400):
        state = input_reached(POLICY, state, "scada/0", issue_time, 2_000 + issue_time)
        state, events = published(POLICY, state, issue_time, 2_001 + issue_time)
    assert severities(events) == [Severity.CLEARANCE]


def test_a_clock_set_forward_by_years_does_not_fill_the_memory() -> None:
    assert len(input_reached(POLICY, due_at(50), "scada/0", 10**12, 60).due) <= 1_001


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 60)), max_size=40))
def test_warnings_and_alarms_alternate_with_clearances(steps: list[tuple[int, int]]) -> None:
    state, now, event_time, seen = DeadlineState(), 0, 0, []
    for advance, delay in steps:
        now, event_time = now + 1, event_time + advance
        state = input_reached(POLICY, state, "scada/0", event_time, now)
        now += delay
        state, raised = clock(POLICY, state, now)
        state, cleared = published(POLICY, state, event_time - event_time % 100, now)
        seen += severities(raised + cleared)
    quiet = True
    for severity in seen:
        assert (severity is Severity.CLEARANCE) != quiet or severity is Severity.ALARM
        quiet = severity is Severity.CLEARANCE
