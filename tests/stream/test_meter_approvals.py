"""People decide about estimates: on the very revision they saw, once, and for all to see."""

from dataclasses import replace

import msgspec
import pytest

from records.errors import RecordError
from records.finding import Finding
from records.log import LogRecord, Outgoing, Partition
from records.meter_approval import (
    Decision,
    MeterApproval,
    approval_record,
    decode_approval,
)
from records.meter_estimate import EstimateMethod, EstimateStatus, MeterEstimate
from records.snapshot import pack, unpack
from records.time import DAY, HOUR
from stream.meter_estimates import MeterEstimateStage
from stream.metering import MeteringStage
from tests.stream.test_meter_estimates import (
    CLOCK,
    DUE,
    GAP,
    METERS,
    MONDAY,
    Feed,
    estimates,
    findings,
    measured,
    run,
    standing,
    usual,
)

NOON = MONDAY + DUE + 12 * HOUR


def decision(
    what: Decision, revision: int = 1, *, at: int = NOON, by: str = "Anna", hours: list[int] = GAP
) -> LogRecord:
    given = MeterApproval(
        0, "m", [MONDAY + hour * HOUR for hour in hours], [revision] * len(hours), what, by, at,
        "seen on the plan of the works",
    )  # fmt: skip
    out = approval_record(METERS, given)
    return LogRecord(METERS, 0, 900 + at % 100, at + HOUR, out.value, out.key, out.headers)


def gap_estimated() -> list[LogRecord]:
    feed = Feed()
    return [feed.document(measured(GAP), known=9 * DAY), feed.tick(DUE)]


def last(records: list[LogRecord]) -> MeterEstimate:
    return estimates(run(records))[-1]


def test_what_the_rule_makes_is_proposed() -> None:
    proposed = last(gap_estimated())
    assert proposed.status is EstimateStatus.PROPOSED
    assert (proposed.approved_by, proposed.decided_at) == ("rule:meter-estimates/1", None)


def test_an_approval_is_the_next_revision_with_who_and_when() -> None:
    proposed, approved = estimates(run([*gap_estimated(), decision(Decision.APPROVE)]))
    assert approved.status is EstimateStatus.APPROVED
    assert (approved.approved_by, approved.decided_at) == ("Anna", NOON)
    assert approved.reason == "seen on the plan of the works"
    assert approved.revision == [2] * len(GAP)
    assert approved.energy_mwh == proposed.energy_mwh
    assert (approved.method, approved.inputs) == (proposed.method, proposed.inputs)


def test_the_same_decision_once_more_changes_nothing() -> None:
    records = [*gap_estimated(), decision(Decision.APPROVE), decision(Decision.APPROVE)]
    assert len(estimates(run(records))) == 2
    assert findings(run(records)) == []


def test_what_was_rejected_has_no_energy_and_is_not_proposed_again() -> None:
    feed = Feed()
    records = [*gap_estimated(), decision(Decision.REJECT), feed.tick(DUE + 3 * DAY)]
    about_gap = [e for e in estimates(run(records)) if MONDAY + GAP[0] * HOUR in e.start]
    rejected = about_gap[-1]
    assert rejected.status is EstimateStatus.REJECTED
    assert rejected.method is EstimateMethod.REVERSED
    assert rejected.inputs == estimates(run(records))[0].inputs
    assert not set(GAP) & set(standing(run(records)))


def test_a_mind_may_be_changed() -> None:
    records = [
        *gap_estimated(), decision(Decision.REJECT),
        decision(Decision.APPROVE, 2, at=NOON + HOUR, by="Boris"),
    ]  # fmt: skip
    assert last(records).status is EstimateStatus.APPROVED
    assert list(standing(run(records))) == GAP
    assert standing(run(records)) == standing(run(gap_estimated()))


def test_a_decision_on_another_revision_than_stands_is_void_and_told() -> None:
    feed = Feed()
    records = [
        *gap_estimated(),
        feed.document({GAP[0] - 30: 9 * usual(GAP[0])}, known=DUE + DAY, name="d2", run=1),
        decision(Decision.APPROVE, at=MONDAY + DUE + DAY),
    ]
    # The profile changed: revision 2 is proposed, revision 1 was decided on.
    assert last(records).revision == [2] * len(GAP)
    assert last(records).status is EstimateStatus.PROPOSED
    (found,) = findings(run(records))
    assert isinstance(found, Finding)
    assert (found.point, found.rule, found.observed) == ("m", "decision_void", 4.0)


def test_an_approval_lapses_when_the_inputs_change_and_when_the_reading_comes() -> None:
    feed = Feed()
    approved = [*gap_estimated(), decision(Decision.APPROVE)]
    changed = feed.document({GAP[0] - 30: 9 * usual(GAP[0])}, known=DUE + DAY, name="d2", run=1)
    assert last([*approved, changed]).status is EstimateStatus.PROPOSED
    came = feed.document({hour: usual(hour) for hour in GAP}, known=DUE + DAY, name="d3")
    assert last([*approved, came]).status is EstimateStatus.TAKEN_BACK


def test_a_decision_goes_on_after_a_restart() -> None:
    records = [*gap_estimated(), decision(Decision.REJECT)]
    records.append(decision(Decision.APPROVE, 2, at=NOON + HOUR))
    whole = run(records)
    for cut in range(len(records) + 1):
        stage = MeterEstimateStage("test", CLOCK)
        state, told = stage.initial([Partition(METERS, 0)]), []
        for place, record in enumerate(records):
            if place == cut:
                state = stage.load(unpack(pack(stage.dump(state))))
            state, fresh = stage.step(state, record)
            told += fresh
        assert told == whole


def test_who_asks_for_approval_sees_energies_of_approved_ones_only() -> None:
    proposed, approved = estimates(run([*gap_estimated(), decision(Decision.APPROVE)]))
    assert proposed.if_approved().energy_mwh == [None] * len(GAP)
    assert approved.if_approved() is approved


def test_metering_lets_decisions_pass_and_refuses_what_is_none() -> None:
    stage = MeteringStage("test")
    state = stage.initial([Partition(METERS, 0)])
    assert stage.step(state, decision(Decision.APPROVE))[1] == []
    (dead,) = stage.step(state, replace(decision(Decision.APPROVE), value=b"{}"))[1]
    assert isinstance(dead, Outgoing)
    assert dead.topic.endswith("dead-letter.v1")


@pytest.mark.parametrize(
    "changed",
    [{"by": " "}, {"start": []}, {"revision": [0] * len(GAP)}, {"area": 1}, {"at": -1}],
)
def test_a_decision_that_says_nothing_is_refused(changed: dict[str, object]) -> None:
    given = MeterApproval(
        0, "m", [MONDAY + hour * HOUR for hour in GAP], [1] * len(GAP), Decision.APPROVE, "A", NOON
    )
    fields = {name: getattr(given, name) for name in given.__struct_fields__} | changed
    record = LogRecord(METERS, 0, 0, NOON, msgspec.json.encode(fields))
    with pytest.raises(RecordError):
        decode_approval(record)
