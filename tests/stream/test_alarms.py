"""Alarms from views, states and acts, on the network of `tests.stream.four_buses`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.alarm_rules import AlarmRules
from network.outage_factors import OutageFactors
from network.power_flow import PowerFlow
from records.alarm import Alarm, AlarmKind, LeadTime, decode_alarm
from records.log import LogRecord, Outgoing, Partition
from records.operator_act import ActKind, OperatorAct, act_record
from records.quality import Quality
from records.snapshot import pack, unpack
from records.state import NetworkState, Removal, state_record
from records.tick import tick_record
from records.time import MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.view import ScadaView, view_record
from stream.alarms import AlarmSettings, AlarmStage
from tests.stream.four_buses import FLOWS, NETWORK, REGISTER, V, truth

T0 = parse_time("2014-11-10T00:00:00Z")
VIEWS, STATES, ACTS, ALARMS, DEAD = (
    topic_name("test", name)
    for name in (
        "scada.view.v1", "network.state.v1", "operator.act.v1", "network.alarm.v1",
        "dead-letter.v1",
    )
)  # fmt: skip
PARTITIONS = [Partition(VIEWS, 0), Partition(VIEWS, 1), Partition(STATES, 0)]


def bytes_of(values: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(values, np.float64).tobytes()


class Log:
    """Numbers records as a log would."""

    def __init__(self) -> None:
        self._offsets: Counter[tuple[str, int]] = Counter()

    def put(self, sent: Outgoing, append_time: int) -> LogRecord:
        place = sent.topic, sent.partition
        self._offsets[place] += 1
        return LogRecord(
            *place, self._offsets[place] - 1, append_time, sent.value, sent.key, sent.headers
        )

    def view(
        self, area: int, at_s: float, changed: Mapping[str, float] | None = None,
        quality: Mapping[str, Quality] | None = None,
    ) -> LogRecord:  # fmt: skip
        points = REGISTER.at(area, T0).points
        values = truth() | dict(changed or {})
        time = T0 + int(at_s * SECOND)
        shown = ScadaView(
            area, time, 1,
            np.array([p.number for p in points], np.uint32),
            np.array([values.get(p.id, 0.0) for p in points]),
            np.array([int((quality or {}).get(p.id, 0)) for p in points], np.uint16),
            np.zeros(len(points), np.float32),
        )  # fmt: skip
        return self.put(view_record(VIEWS, shown, time - 20 * SECOND), time)

    def state(
        self, cut: int, scale: Mapping[int, float] | None = None, *, v_pu: Mapping[int, float]
        | None = None, removed: Sequence[str] = (), valid: bool = True,
    ) -> LogRecord:  # fmt: skip
        """The state at the given cut, flows of some branches scaled."""
        factor = np.ones(NETWORK.n_branch)
        for row, value in (scale or {}).items():
            factor[row] = value
        magnitude = np.abs(V)
        for row, value in (v_pu or {}).items():
            magnitude[row] = value
        s_from, s_to = FLOWS.s_from_mva * factor, FLOWS.s_to_mva * factor
        time = T0 + cut * 5 * MINUTE
        told = NetworkState(
            time, "four", valid, "", 3, 1.0, bytes_of(magnitude),
            bytes_of(np.rad2deg(np.angle(V))), bytes_of(s_from.real), bytes_of(s_from.imag),
            bytes_of(s_to.real), bytes_of(s_to.imag), {},
            [Removal(point, 9.0, 1.0, 0.0) for point in removed], 10, 0,
        )  # fmt: skip
        return self.put(state_record(STATES, told, time), time)

    def views(self, cut: int) -> list[LogRecord]:
        """The views that complete a cut."""
        return [self.view(area, cut * 300 + 30) for area in (0, 1)]

    def act(self, act: OperatorAct) -> LogRecord:
        return self.put(act_record(ACTS, act), act.time)

    def tick(self, cut: int) -> LogRecord:
        time = T0 + cut * 5 * MINUTE
        return self.put(tick_record(ACTS, 0, time, "gateway"), time)


@pytest.fixture
def log() -> Log:
    return Log()


def quiet(**changes: Any) -> AlarmStage:
    """A stage that screens no outages, unless told to."""
    given = {"screen_every": 10**6} | changes
    return AlarmStage("test", NETWORK, REGISTER, AlarmSettings(**given))


def drive(stage: AlarmStage, records: Sequence[LogRecord]) -> list[Alarm]:
    acts = [Partition(topic, 0) for topic in stage.inputs if topic == ACTS]
    state = stage.initial([*PARTITIONS, *acts])
    told = []
    for record in records:
        state, outcomes = stage.step(state, record)
        told += [decode_alarm(o.value) for o in outcomes if o.topic == ALARMS]  # type: ignore[union-attr]
    return told


def of_kind(alarms: Sequence[Alarm], kind: AlarmKind) -> list[Alarm]:
    return [alarm for alarm in alarms if alarm.kind is kind]


def minutes(time: int | None) -> float | None:
    return None if time is None else (time - T0) / MINUTE


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


def test_what_cannot_be_placed_goes_to_the_dead_letters(log: Log) -> None:
    stage = quiet(acts=True)
    state = stage.initial([*PARTITIONS, Partition(ACTS, 0)])
    five = bytes_of(np.zeros(5))
    other = NetworkState(
        T0, "five", True, "", 1, 1.0, five, five, five, five, five, five, {}, [], 0, 0
    )
    future = OperatorAct("branch:1", ActKind.ACKNOWLEDGE, T0 + 90 * MINUTE, "ana")
    for record in (
        log.put(state_record(STATES, other, T0), T0),
        log.put(Outgoing(STATES, 0, b"\xc1", b"", {"ce_type": "gridcast.network.state.v1"}), T0),
        log.put(Outgoing(VIEWS, 0, b"x", b"", {"ce_type": "gridcast.scada.view.v1"}), T0),
        log.put(Outgoing(VIEWS, 0, b"x", b"", {"ce_type": "other"}), T0),
        log.put(act_record(ACTS, future), T0),
        log.put(Outgoing(ACTS, 0, b"{}", b"", {"ce_type": "gridcast.operator.act.v1"}), T0),
    ):
        state, (letter,) = stage.step(state, record)
        assert isinstance(letter, Outgoing)
        assert letter.topic == DEAD


@given(
    st.sampled_from([VIEWS, STATES, ACTS]),
    st.sampled_from(["scada.view.v1", "network.state.v1", "operator.act.v1", "tick.v1"]),
    st.binary(max_size=200),
    st.sampled_from(["12", "x", ""]),
)
def test_bytes_of_any_kind_end_as_dead_letters(
    topic: str, kind: str, value: bytes, watermark: str
) -> None:
    stage = quiet(acts=True)
    headers = {"ce_type": f"gridcast.{kind}", "gc_watermark": watermark}
    record = LogRecord(topic, 0, 0, T0, value, b"", headers)
    _, (letter,) = stage.step(stage.initial([*PARTITIONS, Partition(ACTS, 0)]), record)
    assert isinstance(letter, Outgoing)
    assert letter.topic == DEAD


def busy(log: Log) -> list[LogRecord]:
    """Excursions of every kind over four cuts, acts among them."""
    high = {"branch:0 from p_mw": 125.0}
    records = []
    for k in range(5):
        records.append(log.state(k, {1: 1.0 + 0.3 * (k % 2)}, removed=["branch:0 from p_mw"]))
        for at in (30, 90, 250):
            records.append(log.view(0, k * 300 + at, high if (k + at) % 4 else None))
            records.append(log.view(1, k * 300 + at))
    shelve = OperatorAct("branch:0", ActKind.SHELVE, T0 + 6 * MINUTE, "b", until=T0 + 11 * MINUTE)
    return [*records, log.tick(0), log.act(shelve), log.tick(5)]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_it_does_not_matter_which_partition_was_read_first(data: st.DataObject) -> None:
    stage = quiet(screen_every=1, acts=True)
    records = busy(Log())
    straight = drive(stage, records)
    assert {a.kind for a in straight} == {
        AlarmKind.LOADING, AlarmKind.TELEMETRY, AlarmKind.CONTINGENCY,
    }  # fmt: skip
    queues: dict[tuple[str, int], list[LogRecord]] = {}
    for record in records:
        queues.setdefault((record.topic, record.partition), []).append(record)
    mixed = []
    while queues:
        place = data.draw(st.sampled_from(sorted(queues)))
        mixed.append(queues[place].pop(0))
        if not queues[place]:
            del queues[place]
    told = drive(stage, mixed)
    assert Counter(map(repr, told)) == Counter(map(repr, straight))


@pytest.mark.parametrize("cut", [1, 7, 13, 20, 30])
def test_it_goes_on_from_a_checkpoint(cut: int, log: Log) -> None:
    records = busy(log)
    stage = quiet(screen_every=1, acts=True)
    straight = drive(stage, records)
    state = stage.initial([*PARTITIONS, Partition(ACTS, 0)])
    resumed: list[Any] = []
    for index, record in enumerate(records):
        if index == cut:
            state = stage.load(unpack(pack(stage.dump(state))))
        state, outcomes = stage.step(state, record)
        resumed += [decode_alarm(o.value) for o in outcomes if o.topic == ALARMS]  # type: ignore[union-attr]
    assert resumed == straight


def test_a_checkpoint_of_another_network_is_refused() -> None:
    stage = quiet()
    tree: Any = stage.dump(stage.initial(PARTITIONS))
    tree["loading"] = {**tree["loading"], "step": np.zeros(9, np.int64)}
    with pytest.raises(ValueError, match="another network"):
        stage.load(tree)


def test_records_told_again_after_a_restart_change_nothing(log: Log) -> None:
    records = [r for k in range(3) for r in (log.state(k, {1: 1.3}), *log.views(k))]
    again = [
        log.put(Outgoing(r.topic, r.partition, r.value, r.key, r.headers), T0) for r in records
    ]
    new = [log.state(3, {1: 1.3}), *log.views(3)]
    assert len(drive(quiet(), [*records, *again, *new])) == 1


def test_a_first_view_without_points_is_taken_in(log: Log) -> None:
    nothing = np.empty(0)
    empty = ScadaView(
        0, T0, 1, nothing.astype(np.uint32), nothing, nothing.astype(np.uint16),
        nothing.astype(np.float32),
    )  # fmt: skip
    assert drive(quiet(), [log.put(view_record(VIEWS, empty, T0), T0)]) == []
