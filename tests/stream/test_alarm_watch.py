"""One raise and one clear an excursion."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from network.alarm_rules import AlarmRules
from records.alarm import Alarm, AlarmKind, LeadTime
from records.snapshot import pack, unpack
from records.time import HOUR, MINUTE
from stream.alarm_watch import Levels, Watch, Watched, WatchState

WATCH = Watch(AlarmKind.LOADING, [Watched("branch:1", "", "MVA")], [AlarmRules().line])


def drive(levels: list[float], state: WatchState | None = None) -> list[Alarm]:
    state = state or WATCH.initial()
    told: list[Alarm] = []
    for time, level in enumerate(levels):
        there = np.array([level])
        told += WATCH.take(state, time, Levels(there, there, np.array([100.0])))
    return told


def test_an_overload_is_told_when_it_begins_worsens_and_ends() -> None:
    told = drive([90.0, 103.0, 104.0, 101.0, 140.0, 141.0, 99.0, 98.0, 96.0, 95.0])
    assert [(a.updated, a.raised, a.cleared, a.severity.value) for a in told] == [
        (1, 1, None, "minor"),
        (4, 1, None, "critical"),
        (6, 1, None, "minor"),
        (8, 1, 8, "minor"),
    ]
    assert [a.permitted for a in told] == [HOUR, MINUTE, HOUR, HOUR]
    assert [a.lead_time for a in told[:2]] == [LeadTime.OPERATIONAL, LeadTime.AUTOMATIC]
    assert [a.since for a in told] == [1, 4, 6, 6]
    assert told[0].percent == 103.0


def test_a_level_that_is_not_known_keeps_the_alarm() -> None:
    assert len(drive([103.0, float("nan"), 103.0])) == 1


@given(st.lists(st.floats(80.0, 170.0) | st.just(float("nan")), max_size=60))
def test_each_excursion_is_raised_once_and_cleared_once(levels: list[float]) -> None:
    ends = [a for a in drive(levels) if a.cleared is not None]
    begins = [a for a in drive(levels) if a.raised == a.updated]
    beyond, excursions = False, []
    for time, level in enumerate(levels):
        if not beyond and level >= 100.0:
            excursions.append(time)
            beyond = True
        elif beyond and level < 97.0:
            beyond = False
    assert [a.raised for a in begins] == excursions
    assert [a.raised for a in ends] == excursions[: len(excursions) - beyond]


@given(st.lists(st.floats(80.0, 170.0), min_size=1, max_size=30), st.data())
def test_it_goes_on_from_a_checkpoint(levels: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(levels)))
    state = WATCH.initial()
    drive(levels[:cut], state)
    again = WatchState.load(unpack(pack(state.dump())))
    assert drive(levels[cut:], again) == drive(levels[cut:], state)
