"""Alarms and operators' acts as they travel."""

from __future__ import annotations

import msgspec
import pytest

from records.alarm import (
    ALARM_TYPE,
    Alarm,
    AlarmEvidence,
    AlarmKind,
    AlarmSeverity,
    LeadTime,
    OutageOverload,
    alarm_record,
    decode_alarm,
)
from records.envelope import event_type, watermark_of
from records.errors import RecordError
from records.operator_act import ActKind, OperatorAct, act_record, decode_act
from records.time import DAY, HOUR, parse_time
from records.topics import CATALOGUE

NOON = parse_time("2014-11-10T12:00:00Z")
ALARM = Alarm(
    "branch:7", "", AlarmKind.CONTINGENCY, AlarmSeverity.MAJOR, 4, LeadTime.OPERATIONAL, NOON,
    NOON, NOON, HOUR, 120.0, 100.0, "MVA", 120.0, "branch:9",
    AlarmEvidence(overloads=(OutageOverload("branch:9", 120.0, -119.0, 100.0),), n_overloads=1),
)  # fmt: skip
ACT = OperatorAct("branch:7", ActKind.SHELVE, NOON, "ana", until=NOON + HOUR)


def test_an_alarm_comes_back_as_it_was_sent() -> None:
    sent = alarm_record("t", ALARM, NOON)
    assert decode_alarm(sent.value) == ALARM
    assert sent.key == b"branch:7"
    assert event_type(sent.headers) == ALARM_TYPE
    assert ALARM_TYPE in CATALOGUE["network.alarm.v1"].types
    assert watermark_of(sent.headers) == NOON


def test_an_alarm_told_with_its_view_promises_no_watermark() -> None:
    assert watermark_of(alarm_record("t", ALARM).headers) is None


def test_what_leaves_no_time_to_act_is_not_for_the_operator() -> None:
    assert ALARM.for_operator
    for changes in (
        {"lead_time": LeadTime.AUTOMATIC}, {"cleared": NOON}, {"shelved_until": NOON + HOUR},
    ):  # fmt: skip
        assert not msgspec.structs.replace(ALARM, **changes).for_operator


def test_an_act_comes_back_as_it_was_sent() -> None:
    sent = act_record("t", ACT)
    assert decode_act(sent.value) == ACT
    assert sent.key == b"branch:7"
    assert event_type(sent.headers) in CATALOGUE["operator.act.v1"].types


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": None},
        {"until": NOON},
        {"until": NOON + 31 * DAY},
        {"act": ActKind.ACKNOWLEDGE},
    ],
)
def test_nothing_is_shelved_without_a_sensible_end(wrong: dict[str, object]) -> None:
    with pytest.raises(RecordError, match="until"):
        decode_act(msgspec.json.encode(msgspec.structs.replace(ACT, **wrong)))


@pytest.mark.parametrize("value", [b"{", b"\xff", b"{}", b'{"element": 1}', b"x" * 70_000])
def test_what_is_not_an_act_is_refused(value: bytes) -> None:
    with pytest.raises(RecordError):
        decode_act(value)
