"""Alarms on the network as its breakers stood when the state was estimated."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from network.alarm_rules import AlarmRules
from network.limits import RatingKind
from network.outage_factors import OutageFactors
from network.power_flow import PowerFlow
from network.switching import switched
from network.topology import Element
from records.alarm import AlarmKind
from records.log import LogRecord
from records.points import ElementKind, Point, PointRegister, Quantity
from records.state import decode_state, state_record
from records.time import MINUTE
from stream.alarms import AlarmSettings, AlarmStage
from stream.network_versions import NetworkVersions
from stream.telemetry_limits import TelemetryLimits
from tests.stream.alarm_log import STATES, T0, Log, bytes_of, drive, minutes, of_kind
from tests.stream.four_buses import FLOWS, NETWORK, REGISTER

OPENED = switched(NETWORK, [(Element("branch", "0"), False)]).network


@pytest.fixture
def log() -> Log:
    return Log()


def opened(log: Log, cut: int) -> LogRecord:
    """The state without branch 0: 150 MW over branch 1, of 100."""
    v = PowerFlow(OPENED).solve()
    flows = OutageFactors(OPENED, v)
    told = msgspec.structs.replace(
        decode_state(log.state(cut).value),
        v_pu=bytes_of(np.abs(v)),
        angle_deg=bytes_of(np.rad2deg(np.angle(v))),
        p_from_mw=bytes_of(flows.s_from_mva.real),
        q_from_mvar=bytes_of(flows.s_from_mva.imag),
        p_to_mw=bytes_of(flows.s_to_mva.real),
        q_to_mvar=bytes_of(flows.s_to_mva.imag),
        topology_since=T0 + cut * 5 * MINUTE,
        switched={"branch:0": False},
    )
    return log.put(state_record(STATES, told, told.time), told.time)


def test_outages_are_screened_on_the_network_of_the_state(log: Log) -> None:
    stage = AlarmStage("test", NETWORK, REGISTER, AlarmSettings(screen_every=1))
    records = [
        log.state(0), opened(log, 1), log.state(2), *(v for k in range(3) for v in log.views(k)),
    ]  # fmt: skip
    told = of_kind(drive(stage, records), AlarmKind.CONTINGENCY)
    by_element = {
        name: [
            (minutes(a.updated), minutes(a.cleared), a.evidence.cut_off, a.evidence.n_overloads)
            for a in told
            if a.element == name
        ]
        for name in ("branch:0", "branch:1", "branch:2", "branch:3")
    }
    # In the ring the loss of 1-2 or 1-3 overloads the other; 3-4 is a spur all the time.
    assert by_element["branch:0"] == [(0, None, (), 1), (5, 5, (), 1), (10, None, (), 1)]
    everything = ("bus:2", "bus:3", "bus:4")
    first, ended, now, back, again = by_element["branch:1"]
    assert first == (0, None, (), 1)
    # Told with different words: it is another excursion.
    assert (ended[1], now[0], sorted(now[2])) == (5, 5, sorted(everything))
    assert (back[1], again) == (10, (10, None, (), 1))
    assert [entry[2] for entry in by_element["branch:2"]] == [("bus:2",), ("bus:2",)]
    assert len(by_element["branch:3"]) == 1


def test_the_loading_of_a_branch_that_came_in_is_judged(log: Log) -> None:
    out = np.array([True, True, True, False])
    case = NETWORK.with_branch_status(out)
    stage = AlarmStage("test", case, REGISTER, AlarmSettings(screen_every=10**6))
    record = log.state(0, {3: 4.0})
    told = decode_state(record.value)
    closed = msgspec.structs.replace(told, switched={"branch:3": True})
    sent = state_record(STATES, closed, closed.time)
    record = replace(record, value=sent.value)
    (alarm,) = of_kind(drive(stage, [record, *log.views(0)]), AlarmKind.LOADING)
    assert alarm.element == "branch:3" and alarm.value == pytest.approx(120, abs=0.5)


def test_states_of_one_topology_have_the_same_network(log: Log) -> None:
    versions = NetworkVersions(NETWORK)
    first, second = decode_state(opened(log, 1).value), decode_state(opened(log, 2).value)
    assert versions.of(first) is versions.of(second)
    assert versions.of(decode_state(log.state(0).value)) is NETWORK
    unheard = msgspec.structs.replace(first, switched={"branch:99": False})
    assert versions.of(unheard) is NETWORK


def test_a_branch_out_of_service_is_watched_where_its_status_is_known() -> None:
    case = NETWORK.with_branch_status(np.array([True, True, True, False]))
    status = Point("branch:3 closed", 900, 0, ElementKind.BRANCH, "3", Quantity.STATUS, 0.0)
    rules = AlarmSettings().rules

    def watched(register: PointRegister) -> set[str]:
        rows = (TelemetryLimits(case, register, area, rules).watch.rows for area in (0, 1))
        return {row.element for area in rows for row in area}

    assert "branch:3" not in watched(REGISTER)
    assert "branch:3" in watched(PointRegister([*REGISTER.points, status]))


def test_ratings_can_limit_the_current_at_the_voltage_there_is(log: Log) -> None:
    rules = AlarmRules(ratings=RatingKind.CURRENT)
    stage = AlarmStage("test", NETWORK, REGISTER, AlarmSettings(screen_every=10**6, rules=rules))
    # 96 MVA at 0.95 pu heat a line as 101 MVA at 1 pu would; 100 MVA are its rating.
    values = dict.fromkeys(range(4), 0.95)
    record = log.state(0, {1: 96 / abs(FLOWS.s_to_mva[1])}, v_pu=values)
    (alarm,) = of_kind(drive(stage, [record, *log.views(0)]), AlarmKind.LOADING)
    assert alarm.element == "branch:1" and alarm.unit == "A"
    # I = S / (sqrt(3) U): 96 MVA at 104.5 kV, and 100 MVA at 110 kV.
    sqrt3 = 3**0.5
    assert alarm.value == pytest.approx(96e3 / (sqrt3 * 104.5), rel=0.01)
    assert alarm.limit == pytest.approx(100e3 / (sqrt3 * 110))
    plain = AlarmStage("test", NETWORK, REGISTER, AlarmSettings(screen_every=10**6))
    assert not of_kind(drive(plain, [record, *Log().views(0)]), AlarmKind.LOADING)
