import numpy as np
import pytest

from records.points import ElementKind, Point, PointRegister, Quantity
from records.time import MINUTE, SECOND
from stream.roster import Roster, RosterTable
from stream.sequence import Memory, judge
from stream.validation import Rule, RuleLimits


def table(**changes: float) -> RosterTable:
    given = {"sigma": 0.5, "max_rate": 0.1} | changes
    point = Point("p", 1, 0, ElementKind.LOAD, "1", Quantity.ACTIVE, **given)
    return Roster(PointRegister([point]), 0).at(0)


def verdicts(
    values: list[float],
    step_s: float = 10.0,
    limits: RuleLimits | None = None,
    **changes: float,
) -> list[int]:
    memory, entries = Memory.empty(1), table(**changes)
    found = []
    for k, value in enumerate(values):
        _, broken = judge(
            memory,
            entries,
            limits or RuleLimits(),
            slice(None),
            np.array([int(k * step_s * SECOND)]),
            np.array([value]),
            np.array([True]),
        )
        found.append(0 if broken is None else int(broken[0]))
    return found


def test_a_change_within_rate_and_noise_is_believed() -> None:
    assert verdicts([100.0, 104.0]) == [0, 0]  # 10 s of 0.1 a second and 3 of noise


def test_a_spike_is_suspect_and_judged_by_the_last_believed_value() -> None:
    assert verdicts([100.0, 110.0, 100.5]) == [0, Rule.RATE, 0]


def test_the_third_reading_that_agrees_on_a_new_level_is_believed() -> None:
    assert verdicts([100.0, 150.0, 150.2, 150.1, 150.0]) == [0, Rule.RATE, Rule.RATE, 0, 0]


def test_spikes_that_disagree_do_not_make_a_level() -> None:
    spikes = [100.0, 150.0, 50.0, 150.0, 50.0]
    assert verdicts(spikes) == [0, Rule.RATE, Rule.RATE, Rule.RATE, Rule.RATE]


@pytest.mark.parametrize("slipped", [100_000.0, 0.1])
def test_a_unit_slip_is_told_from_a_jump_and_never_becomes_a_level(slipped: float) -> None:
    assert verdicts([100.0, *[slipped] * 4]) == [0, *[Rule.UNIT_SLIP] * 4]


def test_a_value_that_repeats_for_too_long_is_frozen() -> None:
    found = verdicts([100.0] * 6, limits=RuleLimits(frozen_after=40 * SECOND))
    assert found == [0, 0, 0, 0, Rule.FROZEN, Rule.FROZEN]


def test_zero_and_telemetry_by_exception_may_repeat() -> None:
    limits = RuleLimits(frozen_after=40 * SECOND)
    assert verdicts([0.0] * 6, limits=limits) == [0] * 6
    assert verdicts([100.0] * 6, limits=limits, deadband=1.0) == [0] * 6


def test_an_old_value_judges_nothing() -> None:
    assert verdicts([100.0, 900.0], step_s=901.0) == [0, 0]
    assert verdicts([100.0, 900.0], step_s=899.0) == [0, Rule.RATE]


def test_a_turned_sign_is_looked_for_only_on_request() -> None:
    values = [50.0, -50.0]
    assert verdicts(values) == [0, Rule.RATE]
    assert verdicts(values, limits=RuleLimits(check_sign=True)) == [0, Rule.SIGN]


def test_the_verdict_on_a_point_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(3)
    n_points, n_scans = 40, 60
    points = [
        Point(str(n), n, 0, ElementKind.LOAD, "1", Quantity.ACTIVE, sigma=0.5, max_rate=0.1)
        for n in range(n_points)
    ]
    entries = Roster(PointRegister(points), 0).at(0)
    values = 100 + rng.normal(0, 0.5, (n_scans, n_points))
    values[rng.random(values.shape) < 0.1] *= 1.5
    values[rng.random(values.shape) < 0.02] *= 1000
    together, apart = Memory.empty(n_points), Memory.empty(n_points)
    limits = RuleLimits(frozen_after=MINUTE)
    for k, scan in enumerate(values):
        time = np.full(n_points, k * 10 * SECOND)
        yes = np.ones(n_points, np.bool_)
        judge(together, entries, limits, slice(None), time, scan, yes)
        for row in range(n_points):
            rows = np.array([row])
            judge(apart, entries, limits, rows, time[rows], scan[rows], yes[rows])
    assert not together.differs(apart).any()
