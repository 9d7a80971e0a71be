"""Alarms from views, states and acts, on the network of `tests.stream.four_buses`."""

from __future__ import annotations

import numpy as np
import pytest

from network.alarm_rules import AlarmRules
from network.outage_factors import OutageFactors
from network.power_flow import PowerFlow
from records.alarm import AlarmKind, LeadTime
from records.operator_act import ActKind, OperatorAct
from records.quality import Quality
from records.time import HOUR, MINUTE, SECOND
from stream.alarm_book import BookState
from stream.alarm_watch import dump_alarms
from tests.stream.alarm_log import (
    T0,
    Log,
    drive,
    minutes,
    quiet,
)
from tests.stream.four_buses import FLOWS, NETWORK


@pytest.fixture
def log() -> Log:
    return Log()


def test_the_flows_of_the_case_are_those_worked_out_by_hand() -> None:
    np.testing.assert_allclose(FLOWS.p_from_mw, [70, 80, -10, 30], atol=0.5)


def test_an_overload_is_one_alarm_however_long_it_lasts(log: Log) -> None:
    scales = [1.0, 1.3, 1.29, 1.31, 1.23, 1.0, 1.0]
    records = [r for k, x in enumerate(scales) for r in (log.state(k, {1: x}), *log.views(k))]
    told = drive(quiet(), records)
    assert [(a.element, minutes(a.updated), minutes(a.cleared)) for a in told] == [
        ("branch:1", 5, None),
        ("branch:1", 25, 25),
    ]
    assert told[0].percent == pytest.approx(104, abs=1)


def test_a_small_and_a_large_overload_get_different_times(log: Log) -> None:
    states = [log.state(0, {0: 103 / 70, 1: 140 / 80}), *log.views(0)]
    found = {a.element: a for a in drive(quiet(), states)}
    small, large = found["branch:0"], found["branch:1"]
    assert small.permitted == 60 * MINUTE
    assert large.permitted == MINUTE
    assert (small.lead_time, large.lead_time) == (LeadTime.OPERATIONAL, LeadTime.AUTOMATIC)
    assert small.for_operator
    assert not large.for_operator
    assert large.priority < small.priority


def test_an_overload_that_lasts_too_long_comes_first(log: Log) -> None:
    records = [r for k in range(14) for r in (log.state(k, {0: 1.5}), *log.views(k))]
    told = drive(quiet(), records)
    assert [(minutes(a.updated), a.overdue, a.priority) for a in told] == [
        (0, False, 4),
        (65, True, 1),
    ]


def test_a_voltage_outside_the_band_is_told(log: Log) -> None:
    told = drive(quiet(), [log.state(0, v_pu={2: 0.93}), *log.views(0)])
    assert [(a.kind, a.element, a.limit) for a in told] == [(AlarmKind.VOLTAGE, "bus:3", 0.94)]


def test_no_state_neither_raises_nor_clears(log: Log) -> None:
    states = [log.state(0, {1: 1.3}), log.state(1, valid=False), log.state(2, {1: 1.3})]
    told = drive(quiet(), [*states, *(v for k in range(3) for v in log.views(k))])
    assert len(told) == 1


def test_telemetry_alarms_with_the_view_itself_and_waits_for_no_state(log: Log) -> None:
    stage = quiet()
    told = drive(stage, [log.view(0, 10), log.view(0, 40, {"branch:0 from p_mw": 120.0})])
    (alarm,) = told
    assert (alarm.kind, alarm.element, alarm.end) == (AlarmKind.TELEMETRY, "branch:0", "from")
    assert alarm.raised == T0 + 40 * SECOND
    assert alarm.disputed is None
    assert alarm.percent == pytest.approx(120, abs=1)


@pytest.mark.parametrize("rejected", [True, False])
def test_a_value_the_estimator_rejects_still_alarms_and_is_tagged(log: Log, rejected: bool) -> None:
    point = "branch:0 from p_mw"
    high = {point: 120.0}
    records = [
        log.view(0, 290, high),
        log.view(0, 330, high),
        log.view(1, 330),
        log.state(1, removed=[point] if rejected else []),
    ]
    raised, judged = drive(quiet(), [log.view(0, 10), log.view(1, 10), log.state(0), *records])
    assert (raised.disputed, judged.disputed) == (None, rejected)
    assert raised.raised == judged.raised
    assert judged.updated == T0 + 5 * MINUTE


def test_telemetry_clears_when_the_value_is_back_for_certain(log: Log) -> None:
    values = [(100, 120.0), (130, 99.0), (160, 96.0), (190, 70.0), (220, 70.0)]
    views = [log.view(0, at, {"branch:0 from p_mw": p}) for at, p in values]
    rest = [log.view(0, 330), log.view(1, 330), log.state(1)]
    told = drive(quiet(), [log.state(0), log.view(0, 30), log.view(1, 30), *views, *rest])
    assert [(minutes(a.raised), minutes(a.cleared)) for a in told if a.end == "from"][-1] == (
        pytest.approx(100 / 60),
        pytest.approx(190 / 60),
    )
    assert sum(a.cleared is not None for a in told) == 1


@pytest.mark.parametrize("bit", [Quality.HELD, Quality.SUSPECT, Quality.INVALID, Quality.TYPICAL])
def test_a_value_that_was_not_measured_neither_raises_nor_clears(log: Log, bit: Quality) -> None:
    point = "branch:0 from p_mw"
    assert not drive(quiet(), [log.view(0, 10, {point: 150.0}, {point: bit})])
    raised = log.view(0, 40, {point: 150.0})
    assert len(drive(quiet(), [raised, log.view(0, 70, {point: 10.0}, {point: bit})])) == 1


def test_what_would_be_overloaded_after_an_outage_is_told_before_it_happens(log: Log) -> None:
    told = drive(quiet(screen_every=1), [log.state(0), *log.views(0)])
    assert {a.kind for a in told} == {AlarmKind.CONTINGENCY}
    lost = {a.element: a for a in told if a.evidence.overloads}
    assert set(lost) == {"branch:0", "branch:1"}
    for row, element in ((0, "branch:1"), (1, "branch:0")):
        worst = lost[f"branch:{row}"].evidence.overloads[0]
        assert worst.element == element
        without = NETWORK.branches.in_service.copy()
        without[row] = False
        after = NETWORK.with_branch_status(without)
        solved = OutageFactors(after, PowerFlow(after).solve()).p_from_mw
        assert worst.p_mw == pytest.approx(solved[1 - row], abs=2)
        assert worst.loading_percent == pytest.approx(150, rel=0.06)
        assert lost[f"branch:{row}"].cause == element


def test_an_outage_that_cuts_buses_off_is_told_once(log: Log) -> None:
    records = [r for k in range(4) for r in (log.state(k), *log.views(k))]
    told = [a for a in drive(quiet(screen_every=1), records) if a.evidence.cut_off]
    assert [(a.element, a.evidence.cut_off) for a in told] == [("branch:3", ("bus:4",))]


def test_an_overload_that_stands_before_the_outage_is_not_the_outage_s(log: Log) -> None:
    """Branch 3 is radial and overloaded: no outage of another one moves its flow."""
    told = drive(quiet(screen_every=1), [log.state(0, {3: 4.0}), *log.views(0)])
    named = {o.element for a in told for o in a.evidence.overloads}
    assert "branch:3" not in named


def test_contingencies_are_bounded_and_the_bound_is_told(log: Log) -> None:
    stage = quiet(screen_every=1, rules=AlarmRules(most_contingencies=1))
    told = drive(stage, [log.state(0), *log.views(0)])
    lost = [a.element for a in told if not a.evidence.cut_off]
    assert lost[1:] == ["network:four"]
    assert lost[0] in {"branch:0", "branch:1"}
    assert told[-1].evidence.note


def test_alarms_that_touch_are_one_group_named_by_the_worst(log: Log) -> None:
    first = [log.state(0, {0: 1.5, 1: 1.6}, v_pu={3: 0.93}), *log.views(0)]
    second = [log.state(1, {0: 1.5, 1: 1.6, 3: 6.0}, v_pu={3: 0.93}), *log.views(1)]
    causes = {a.key: a.cause for a in drive(quiet(), [*first, *second])}
    assert causes == {
        ("loading", "branch:0", ""): "branch:1",
        ("loading", "branch:1", ""): "branch:1",
        ("voltage", "bus:4", ""): "bus:4",
        ("loading", "branch:3", ""): "branch:1",
    }


def test_an_acknowledgement_holds_for_the_alarms_there_are(log: Log) -> None:
    act = OperatorAct("branch:1", ActKind.ACKNOWLEDGE, T0 + 6 * MINUTE, "ana")
    scales = [1.0, 1.3, 1.3, 1.0, 1.3]
    records = [
        *(log.state(k, {1: x}) for k, x in enumerate(scales)),
        *(v for k in range(5) for v in log.views(k)),
        log.tick(0),
        log.act(act),
        log.tick(4),
    ]
    told = drive(quiet(acts=True), records)
    assert [(minutes(a.updated), minutes(a.acknowledged), a.acknowledged_by) for a in told] == [
        (5, None, ""),
        (10, 6, "ana"),
        (15, 6, "ana"),
        (20, None, ""),
    ]


def test_a_shelved_alarm_comes_back_when_the_shelf_expires(log: Log) -> None:
    until = T0 + 12 * MINUTE
    act = OperatorAct("branch:1", ActKind.SHELVE, T0 + MINUTE, "ana", until=until)
    records = [
        *(log.state(k, {1: 1.3}) for k in range(4)),
        *(v for k in range(4) for v in log.views(k)),
        log.tick(0),
        log.act(act),
        log.tick(3),
    ]
    told = drive(quiet(acts=True), records)
    assert [(minutes(a.updated), a.shelved_until, a.for_operator) for a in told] == [
        (0, None, True),
        (5, until, False),
        (15, None, True),
    ]


def test_an_alarm_can_be_taken_back_from_the_shelf(log: Log) -> None:
    shelve = OperatorAct("branch:1", ActKind.SHELVE, T0 + MINUTE, "ana", until=T0 + 60 * MINUTE)
    back = OperatorAct("branch:1", ActKind.UNSHELVE, T0 + 6 * MINUTE, "ana")
    records = [
        *(log.state(k, {1: 1.3}) for k in range(4)),
        *(v for k in range(4) for v in log.views(k)),
        *(log.tick(0), log.act(shelve), log.act(back), log.tick(3)),
    ]
    assert [a.for_operator for a in drive(quiet(acts=True), records)] == [True, False, True]


def test_an_alarm_keeps_who_did_what_about_it(log: Log) -> None:
    shelve = OperatorAct(
        "branch:1", ActKind.SHELVE, T0 + MINUTE, "ana", until=T0 + 8 * MINUTE, note="works"
    )
    seen = OperatorAct("branch:1", ActKind.ACKNOWLEDGE, T0 + 6 * MINUTE, "bo")
    records = [
        *(log.state(k, {1: x}) for k, x in enumerate([1.3, 1.3, 1.3, 1.0])),
        *(v for k in range(4) for v in log.views(k)),
        *(log.tick(0), log.act(shelve), log.act(shelve), log.act(seen), log.act(seen), log.tick(3)),
    ]
    *_, last = drive(quiet(acts=True), records)
    assert last.cleared is not None
    assert [(a.act, a.operator, minutes(a.time), a.note) for a in last.trail] == [
        ("shelve", "ana", 1, "works"),
        ("acknowledge", "bo", 6, ""),
    ]


def test_a_shelving_that_comes_again_after_it_was_taken_back_does_not_count(log: Log) -> None:
    shelve = OperatorAct("branch:1", ActKind.SHELVE, T0 + MINUTE, "ana", until=T0 + 60 * MINUTE)
    back = OperatorAct("branch:1", ActKind.UNSHELVE, T0 + 2 * MINUTE, "ana")
    records = [
        *(log.state(k, {1: 1.3}) for k in range(3)),
        *(v for k in range(3) for v in log.views(k)),
        *(log.tick(0), log.act(shelve), log.act(back), log.act(shelve), log.tick(2)),
    ]
    told = drive(quiet(acts=True), records)
    assert all(alarm.for_operator for alarm in told)


def test_a_shelf_kept_before_it_had_names_is_taken_up() -> None:
    state = BookState.load({"active": dump_alarms([]), "shelf": [["branch:1", "", T0 + HOUR]]})
    assert [(act.element, act.until) for act in state.shelf.values()] == [("branch:1", T0 + HOUR)]
    assert BookState.load(state.dump()).shelf == state.shelf  # type: ignore[arg-type]
