import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.alarm_rules import AlarmRules, is_transformer, lead_time_class, priority
from network.model import Network
from records.alarm import AlarmKind, AlarmSeverity, LeadTime
from records.time import DAY, HOUR, MINUTE

RULES = AlarmRules()
LINE = RULES.line


def allowed(percent: float) -> int | None:
    step = LINE.climb(np.array([0]), np.array([percent]))
    return LINE.steps[int(step[0]) - 1].permitted


def test_a_small_overload_may_last_longer_than_a_large_one() -> None:
    assert (allowed(103.0), allowed(140.0)) == (HOUR, MINUTE)


def test_a_transformer_may_be_overloaded_longer_than_a_line(three_buses: Network) -> None:
    line, transformer = LINE.steps[0].permitted, RULES.transformer.steps[0].permitted
    assert line is not None
    assert transformer is not None
    assert transformer > line
    assert is_transformer(three_buses).tolist() == [False, True, True, False]


def test_an_unknown_level_changes_nothing() -> None:
    step = np.array([0, 2])
    assert LINE.climb(step, np.full(2, np.nan)).tolist() == [0, 2]


def test_noise_neither_raises_nor_clears() -> None:
    noise = np.array([4.0])
    for step, level in ((0, 103.0), (1, 94.0)):
        assert LINE.climb(np.array([step]), np.array([level]), noise).tolist() == [step]
    assert LINE.climb(np.array([0]), np.array([104.0]), noise).tolist() == [1]
    assert LINE.climb(np.array([1]), np.array([92.9]), noise).tolist() == [0]


@given(st.lists(st.floats(80.0, 170.0), max_size=40), st.floats(0.0, 5.0))
def test_a_step_is_entered_at_its_begin_and_left_below_the_hysteresis(
    levels: list[float], noise: float
) -> None:
    begins = [0.0, *(step.level for step in LINE.steps)]
    step = np.array([0])
    for level in levels:
        before, step = int(step[0]), LINE.climb(step, np.array([level]), noise)
        after = int(step[0])
        if after > before:
            assert level - noise >= begins[after]
        if after < before:
            assert level + noise + LINE.hysteresis < begins[after + 1]


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        (5 * MINUTE - 1, LeadTime.AUTOMATIC),
        (5 * MINUTE, LeadTime.OPERATIONAL),
        (DAY, LeadTime.MAINTENANCE),
        (200 * DAY, LeadTime.SEASONAL),
        (6 * 365 * DAY, LeadTime.INVESTMENT),
    ],
)
def test_the_lead_time_says_who_can_act(lead: int, expected: LeadTime) -> None:
    assert lead_time_class(lead) is expected


def test_what_lasts_too_long_comes_first_and_what_is_disputed_later() -> None:
    major, loading = AlarmSeverity.MAJOR, AlarmKind.LOADING
    assert priority(major, loading, disputed=None, overdue=False) == 3
    assert priority(major, loading, disputed=True, overdue=False) == 4
    assert priority(major, AlarmKind.CONTINGENCY, disputed=None, overdue=False) == 4
    assert priority(major, loading, disputed=True, overdue=True) == 1
