import msgspec
import pytest

from records.alarm import Alarm, AlarmKind, AlarmSeverity, LeadTime
from records.rupture import Evidence, RuptureEvent, RuptureKind
from records.state import NetworkState, Removal
from storage.redis_state import Heartbeat, LiveState

NOW = 1_415_577_600_000_000_000


@pytest.fixture
def live(client, namespace):
    return LiveState(client, namespace)


def a_state(time, iterations=3):
    return NetworkState(
        time, "case118", True, "", iterations, 1.02, b"", b"", b"", b"", b"", b"",
        {"0": 1.5}, [Removal("branch:7 from p_mw", 9.0, 100.0, 42.0)], 800, 3,
    )  # fmt: skip


def rupture(series, detected_at):
    return RuptureEvent(
        series, detected_at - 100, detected_at, RuptureKind.LEVEL, Evidence(9.0, 5.0, 10.0, None)
    )


def test_there_is_nothing_at_first(live):
    assert (live.states(), live.health(), live.ruptures()) == ({}, {}, {})


def test_the_latest_state_is_kept_whatever_comes_last(live):
    live.put_state(a_state(NOW))
    live.put_state(a_state(NOW - 1, iterations=9))
    state = live.states()["case118"]
    assert (state.time, state.iterations) == (NOW, 3)
    assert state.losses_mw == {"0": 1.5}
    assert state.removed[0].point == "branch:7 from p_mw"
    live.put_state(a_state(NOW, iterations=4))
    assert live.states()["case118"].iterations == 4


def test_times_are_compared_to_the_nanosecond(live):
    live.put_state(a_state(NOW + 1))
    live.put_state(a_state(NOW))
    assert live.states()["case118"].time == NOW + 1


def test_each_service_has_its_last_heartbeat(live):
    live.beat(Heartbeat("forecaster", NOW, NOW - 5))
    live.beat(Heartbeat("recorder", NOW, None, "degraded", "disk 95 % full"))
    live.beat(Heartbeat("forecaster", NOW + 1, NOW))
    assert live.health() == {
        "forecaster": Heartbeat("forecaster", NOW + 1, NOW),
        "recorder": Heartbeat("recorder", NOW, None, "degraded", "disk 95 % full"),
    }


def test_the_active_alarms_are_listed_by_priority(live):
    minor = Alarm(
        "branch:1", "", AlarmKind.LOADING, AlarmSeverity.MINOR, 4, LeadTime.OPERATIONAL, NOW, NOW,
        NOW, None, 103.0, 100.0, "MVA", 103.0, "branch:1",
    )  # fmt: skip
    worse = msgspec.structs.replace(minor, element="branch:2", priority=1, raised=NOW + 1)
    for alarm in (minor, worse):
        live.put_alarms([alarm])
    assert live.alarms() == [worse, minor]
    live.put_alarms([msgspec.structs.replace(worse, cleared=NOW + 9, updated=NOW + 9)])
    live.put_alarms([worse])
    assert live.alarms() == [minor]


def test_each_series_has_its_last_rupture(live):
    live.put_ruptures([rupture("load:1 p_mw", NOW), rupture("total", NOW)])
    live.put_ruptures([rupture("load:1 p_mw", NOW + 7), rupture("total", NOW - 7)])
    assert {name: event.detected_at for name, event in live.ruptures().items()} == {
        "load:1 p_mw": NOW + 7,
        "total": NOW,
    }
    live.put_ruptures([])
