import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.rupture_state import (
    STATUSES,
    Observed,
    StateRules,
    Statuses,
    learnt_again,
    observe,
)

RULES = StateRules(settle=2, enough=10, quiet=5)


def seen(suspicion: float = 0.0, onset: int | None = None) -> Observed:
    return Observed(
        np.array([suspicion]),
        np.array([onset is not None]),
        np.array([onset or 0]),
        np.array([20.0]),
        np.array([14.0]),
    )


def name(states: Statuses) -> str:
    return STATUSES[states.status[0]]


def test_a_high_statistic_makes_suspect_and_calm_clears_it() -> None:
    states, changed = observe(Statuses.normal(1, 0), seen(0.6), 1, RULES)
    assert (name(states), changed[0]) == ("suspect", True)
    states, changed = observe(states, seen(0.4), 2, RULES)
    assert (name(states), changed[0]) == ("suspect", False)
    states, _ = observe(states, seen(0.1), 3, RULES)
    assert name(states) == "normal"


def test_a_rupture_simplifies_until_trained_on_enough_and_then_quiet() -> None:
    states, _ = observe(Statuses.normal(1, 0), seen(1.0, onset=3), 6, RULES)
    assert (name(states), states.onset[0], states.statistic[0]) == ("simplified", 3, 20.0)
    states, changed = learnt_again(states, 12, RULES)
    assert (name(states), changed[0]) == ("simplified", False)
    states, changed = learnt_again(states, 13, RULES)
    assert (name(states), changed[0]) == ("recovering", True)
    states, _ = observe(states, seen(), 17, RULES)
    assert name(states) == "recovering"
    states, _ = observe(states, seen(), 18, RULES)
    assert name(states) == "normal"


def test_a_rupture_that_follows_at_once_is_the_same_one() -> None:
    states, _ = observe(Statuses.normal(1, 0), seen(1.0, onset=3), 6, RULES)
    states, changed = observe(states, seen(1.0, onset=7), 7, RULES)
    assert (states.onset[0], changed[0]) == (3, False)
    states, changed = observe(states, seen(1.0, onset=8), 9, RULES)
    assert (states.onset[0], changed[0]) == (8, True)


def test_a_rupture_while_recovering_simplifies_again() -> None:
    states, _ = observe(Statuses.normal(1, 0), seen(1.0, onset=0), 1, RULES)
    states, _ = learnt_again(states, 20, RULES)
    states, _ = observe(states, seen(1.0, onset=20), 21, RULES)
    assert name(states) == "simplified"


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=40))
def test_without_a_training_a_rupture_is_never_forgotten(story: list[tuple[float, bool]]) -> None:
    states, broke = Statuses.normal(1, 0), False
    for now, (suspicion, ruptured) in enumerate(story):
        states, _ = observe(states, seen(suspicion, now if ruptured else None), now, RULES)
        broke |= ruptured
        assert (name(states) == "simplified") == broke


def test_states_survive_being_stored() -> None:
    states, _ = observe(Statuses.normal(2, 0), seen(0.6), 1, RULES)
    again = Statuses.from_arrays(states.to_arrays())
    for field in Statuses.__slots__:
        np.testing.assert_array_equal(getattr(states, field), getattr(again, field))
