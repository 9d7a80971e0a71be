"""Estimates of missing metered energy: due days, registers, reversals, what an auditor sees."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.finding import Finding, decode_findings
from records.log import LogRecord, Outgoing, Partition
from records.meter import MeterDocument, MeterSeries, RegisterReading, meter_record
from records.meter_estimate import (
    ESTIMATE_TYPE,
    EstimateMethod,
    MeterEstimate,
    decode_estimate,
)
from records.snapshot import pack, unpack
from records.tick import TICK_TYPE, tick_record
from records.time import DAY, HOUR, parse_time
from records.topics import topic_name
from stream.local_clock import LocalClock
from stream.meter_estimates import EstimateSettings, MeterEstimateStage
from stream.stage import Outcome

MONDAY = parse_time("2014-11-03T00:00:00Z")
METERS = topic_name("test", "meter.read.v1")
CLOCK = LocalClock(UTC)
DUE = 10 * DAY
"""The Monday of the week after next: gaps of the first six days are two working days old."""


def usual(hour: int) -> float:
    """Energy (MWh) of an hour since `MONDAY`: more by day, less at weekends."""
    day, hour_of_day = divmod(hour, 24)
    by_day = 3.0 if 7 <= hour_of_day < 22 else 1.0
    return by_day * (0.5 if day % 7 >= 5 else 1.0)


class Feed:
    """Records of one partition, as they would be appended."""

    def __init__(self) -> None:
        self._offset = itertools.count()

    def _logged(self, sent: Outgoing) -> LogRecord:
        append_time = MONDAY + 100 * DAY
        return LogRecord(
            METERS, 0, next(self._offset), append_time, sent.value, sent.key, sent.headers
        )

    def document(
        self,
        readings: dict[int, float | None],
        *,
        known: int,
        meter: str = "m",
        run: int = 0,
        name: str = "d",
        withdrawn: bool = False,
        registers: Sequence[RegisterReading] = (),
        period: int = HOUR,
    ) -> LogRecord:
        hours = sorted(readings)
        series = MeterSeries(
            meter,
            [MONDAY + hour * HOUR for hour in hours],
            [readings[hour] for hour in hours],
            withdrawn_reading=[True] * len(hours) if withdrawn else None,
        )
        given = {"registers": list(registers)} if registers else {}
        document = MeterDocument(
            0,
            "mdm",
            name,
            run,
            1,
            period,
            MONDAY + known,
            "MWh",
            [series] if hours else [],
            **given,
        )
        return self._logged(meter_record(METERS, document))

    def register(self, hour: int, mwh: float, *, known: int, **given: Any) -> LogRecord:
        reading = RegisterReading("m", [MONDAY + hour * HOUR], [mwh], **given)
        return self.document({}, known=known, name=f"register {hour}", registers=[reading])

    def tick(self, at: int) -> LogRecord:
        return self._logged(tick_record(METERS, 0, MONDAY + at, "clock"))


def measured(without: Sequence[int], until: int = 9 * 24) -> dict[int, float | None]:
    return {hour: usual(hour) for hour in range(until) if hour not in set(without)}


def run(records: Sequence[LogRecord], **changed: Any) -> list[Outcome]:
    stage = MeterEstimateStage("test", CLOCK, EstimateSettings(**changed))
    state = stage.initial([Partition(METERS, 0)])
    outcomes = []
    for record in records:
        state, fresh = stage.step(state, record)
        outcomes += fresh
    return outcomes


def estimates(outcomes: Sequence[Any]) -> list[MeterEstimate]:
    return [decode_estimate(o.value) for o in outcomes if o.headers["ce_type"] == ESTIMATE_TYPE]


def findings(outcomes: Sequence[Any], *, overdue: bool = False) -> list[Finding]:
    name = topic_name("test", "finding.v1")
    told = [f for o in outcomes if o.topic == name for f in decode_findings(o.value)]
    return [f for f in told if (f.rule == "consolidation_overdue") == overdue]


def standing(outcomes: Sequence[Any]) -> dict[int, float]:
    """Energies that finally stand, by hour since `MONDAY`."""
    last: dict[int, tuple[int, float | None]] = {}
    for estimate in estimates(outcomes):
        for start, energy, revision in zip(
            estimate.start, estimate.energy_mwh, estimate.revision, strict=True
        ):
            if revision > last.get(start, (0, None))[0]:
                last[start] = (revision, energy)
    return {
        (start - MONDAY) // HOUR: energy
        for start, (_, energy) in sorted(last.items())
        if energy is not None
    }


GAP = list(range(4 * 24 + 6, 4 * 24 + 10))
"""Friday, 06:00 to 10:00."""


def test_a_gap_is_left_alone_until_two_working_days_have_passed() -> None:
    feed = Feed()
    records = [feed.document(measured(GAP), known=8 * DAY), feed.tick(9 * DAY - 1)]
    assert estimates(run(records)) == []
    # Friday's gap: Monday and Tuesday are the two working days after it.
    assert list(standing(run([*records, feed.tick(9 * DAY)]))) == GAP


def test_a_holiday_is_no_working_day() -> None:
    feed = Feed()
    records = [feed.document(measured(GAP), known=8 * DAY), feed.tick(9 * DAY)]
    stage = MeterEstimateStage("test", LocalClock(UTC, [date(2014, 11, 11)]))
    state = stage.initial([Partition(METERS, 0)])
    told = []
    for record in records:
        state, fresh = stage.step(state, record)
        told += fresh
    assert estimates(told) == []


def test_without_a_register_the_typical_profile_stands_at_the_level_of_the_days_before() -> None:
    feed = Feed()
    # A tenth more than usual from Tuesday on; the profile of the hours is the mean of four days.
    energy = {h: usual(h) * (1.1 if h >= 24 else 1.0) for h in range(9 * 24) if h not in GAP}
    (estimate,) = estimates(run([feed.document(energy, known=9 * DAY), feed.tick(DUE)]))
    assert estimate.method is EstimateMethod.TYPICAL_SCALED
    # Profile: (1 + 3 x 1.1) / 4 of usual; the last three days stand at 1.1 of usual.
    assert estimate.inputs.scale == pytest.approx(1.1 / 1.075, rel=1e-3)
    assert estimate.energy_mwh == pytest.approx([1.1, 3.3, 3.3, 3.3], rel=0.01)
    assert estimate.inputs.profile_periods == 4 * 24 + 6
    assert (estimate.inputs.profile_from, estimate.inputs.profile_until) == (
        MONDAY,
        MONDAY + GAP[0] * HOUR,
    )


def test_between_two_registers_the_gap_has_what_they_counted_and_nothing_else_accounts_for() -> (
    None
):
    feed = Feed()
    records = [
        feed.document(measured(GAP), known=9 * DAY),
        feed.register(4 * 24, 1000.0, known=9 * DAY),
        feed.register(5 * 24, 1070.0, known=9 * DAY),
        feed.tick(DUE),
    ]
    (estimate,) = estimates(run(records))
    assert estimate.method is EstimateMethod.REGISTER_PROFILE
    # 70 counted, of which 20 hours measured 20 x ... = 9 x 1 + 11 x 3 less the four: by hand
    rest = sum(usual(h) for h in range(4 * 24, 5 * 24) if h not in GAP)
    assert sum(e for e in estimate.energy_mwh if e is not None) == pytest.approx(70.0 - rest)
    # Spread as usual: 06:00 counts a third of the later hours.
    assert estimate.energy_mwh[1] == pytest.approx(3 * (estimate.energy_mwh[0] or 0.0))
    assert [r.net_mwh for r in estimate.inputs.registers] == [1000.0, 1070.0]
    assert estimate.approved_by == "rule:meter-estimates/1"
    assert estimate.known_at == MONDAY + DUE


def test_a_register_that_comes_later_makes_a_new_revision() -> None:
    feed = Feed()
    records = [
        feed.document(measured(GAP), known=9 * DAY),
        feed.tick(DUE),
        feed.register(4 * 24, 1000.0, known=DUE),
        feed.register(5 * 24, 1070.0, known=DUE + HOUR),
    ]
    first, second = estimates(run(records))
    assert (first.method, second.method) == ("typical_scaled", "register_profile")
    assert second.revision == [2, 2, 2, 2]
    assert second.reason == "its inputs changed"


def test_a_register_that_falls_is_not_believed_unless_it_rolls_over() -> None:
    feed = Feed()
    fallen = [
        feed.document(measured(GAP), known=9 * DAY),
        feed.register(4 * 24, 990.0, known=9 * DAY),
        feed.register(5 * 24, 50.0, known=9 * DAY),
        feed.tick(DUE),
    ]
    told = run(fallen)
    assert [f.rule for f in findings(told)] == ["register_fell"]
    assert estimates(told)[0].method is EstimateMethod.TYPICAL_SCALED
    rolled = [
        feed.document(measured(GAP), known=9 * DAY),
        feed.register(4 * 24, 990.0, known=9 * DAY, rolls_over_mwh=1000.0),
        feed.register(5 * 24, 50.0, known=9 * DAY, rolls_over_mwh=1000.0),
        feed.tick(DUE),
    ]
    rest = sum(usual(h) for h in range(4 * 24, 5 * 24) if h not in GAP)
    assert sum(standing(run(rolled)).values()) == pytest.approx(60.0 - rest)


def test_registers_that_counted_less_than_was_measured_are_told_and_not_used() -> None:
    feed = Feed()
    records = [
        feed.document(measured(GAP), known=9 * DAY),
        feed.register(4 * 24, 1000.0, known=9 * DAY),
        feed.register(5 * 24, 1001.0, known=9 * DAY),
        feed.tick(DUE),
    ]
    told = run(records)
    assert [f.rule for f in findings(told)] == ["register_apart"]
    assert estimates(told)[0].method is EstimateMethod.TYPICAL_SCALED


def test_the_reading_takes_its_estimate_back_and_what_is_left_is_estimated_again() -> None:
    feed = Feed()
    records = [
        feed.document(measured(GAP), known=9 * DAY),
        feed.register(4 * 24, 1000.0, known=9 * DAY),
        feed.register(5 * 24, 1070.0, known=9 * DAY),
        feed.tick(DUE),
        feed.document({GAP[0]: 5.0}, known=DUE + HOUR, name="late"),
    ]
    first, again, reversal = estimates(run(records))
    assert len(first.start) == 4
    assert again.start == [MONDAY + hour * HOUR for hour in GAP[1:]]
    assert again.revision == [2, 2, 2]
    rest = sum(usual(h) for h in range(4 * 24, 5 * 24) if h not in GAP) + 5.0
    assert sum(e for e in again.energy_mwh if e is not None) == pytest.approx(70.0 - rest)
    assert (reversal.method, reversal.reason) == ("reversed", "a reading came")
    assert (reversal.start, reversal.energy_mwh) == ([MONDAY + GAP[0] * HOUR], [None])
    assert reversal.revision == [2]


def test_a_withdrawn_reading_is_estimated_too() -> None:
    feed = Feed()
    records = [
        feed.document(measured([]), known=9 * DAY),
        feed.document({GAP[0]: None}, known=9 * DAY + HOUR, name="back", run=1, withdrawn=True),
        feed.tick(DUE),
    ]
    assert list(standing(run(records))) == [GAP[0]]


def test_too_short_a_past_is_told_instead_of_guessed() -> None:
    feed = Feed()
    gap = [30, 31]
    told = run([feed.document(measured(gap), known=9 * DAY), feed.tick(DUE)])
    assert estimates(told) == []
    (finding,) = findings(told)
    assert finding.rule == "not_estimable"
    assert finding.time == MONDAY + 30 * HOUR
    assert finding.observed == pytest.approx(30 / 24)


def test_a_day_that_is_still_provisional_when_it_should_be_consolidated_is_told_once() -> None:
    feed = Feed()
    friday = {hour: usual(hour) for hour in range(4 * 24, 5 * 24)}
    records = [
        feed.document(friday, known=5 * DAY),
        feed.document(friday, known=5 * DAY, meter="n", name="e"),
        feed.document(friday, known=8 * DAY, meter="n", name="e", run=1),
        feed.tick(12 * DAY - 1),  # five working days after Friday end with the next Friday
        feed.tick(12 * DAY),
        feed.tick(13 * DAY),
    ]
    (finding,) = findings(run(records), overdue=True)
    assert (finding.point, finding.time, finding.observed) == ("area:0", MONDAY + 4 * DAY, 1.0)
    assert "m" in finding.expected


def test_ticks_carry_the_watermark_on() -> None:
    feed = Feed()
    outcomes: list[Any] = run([feed.tick(0), feed.tick(HOUR), feed.tick(HOUR)])
    assert [o.headers["ce_type"] for o in outcomes] == [TICK_TYPE, TICK_TYPE]
    assert {o.topic for o in outcomes} == {topic_name("test", "meter.estimate.v1")}


def test_a_document_that_cannot_be_read_changes_nothing() -> None:
    feed = Feed()
    good = feed.document(measured(GAP), known=9 * DAY)
    broken = LogRecord(METERS, 0, 99, good.append_time, good.value[:-3], b"0", good.headers)
    ahead = feed.document({5000: 1.0}, known=9 * DAY)
    assert standing(run([good, broken, ahead, feed.tick(DUE)])) == standing(
        run([good, feed.tick(DUE)])
    )


RECORDS = st.permutations(range(5))


@settings(max_examples=40, deadline=None)
@given(order=RECORDS, twice=st.integers(0, 4), cut=st.integers(0, 6), due_at=st.integers(0, 6))
def test_what_finally_stands_depends_on_no_order_and_no_duplicate(
    order: list[int], twice: int, cut: int, due_at: int
) -> None:
    feed = Feed()
    documents = [
        feed.document(measured([*GAP, 20, 21], 4 * 24 + 8), known=9 * DAY, name="a"),
        feed.document({h: usual(h) for h in range(4 * 24 + 10, 9 * 24)}, known=9 * DAY, name="b"),
        feed.register(4 * 24, 1000.0, known=9 * DAY),
        feed.register(5 * 24, 1070.0, known=9 * DAY),
        feed.document({20: 1.25, 96 + 9: 2.5}, known=9 * DAY, name="c", run=1),
    ]

    def final(chosen: list[LogRecord], cut: int) -> dict[int, float]:
        stage = MeterEstimateStage("test", CLOCK)
        state = stage.initial([Partition(METERS, 0)])
        outcomes: list[Outcome] = []
        for index, record in enumerate(chosen):
            if index == cut:
                state = stage.load(unpack(pack(stage.dump(state))))
            state, fresh = stage.step(state, record)
            outcomes += fresh
        return standing(outcomes)

    mixed = [documents[index] for index in order]
    mixed.insert(due_at, feed.tick(DUE))
    mixed.append(documents[twice])
    mixed.append(feed.tick(DUE + HOUR))
    assert final(mixed, cut) == final([*documents, feed.tick(DUE), feed.tick(DUE + HOUR)], -1)


@settings(max_examples=60, deadline=None)
@given(
    gap=st.sets(st.integers(4 * 24, 5 * 24 - 1), min_size=1, max_size=24),
    counted=st.floats(80.0, 500.0),
    noise=st.integers(0, 10_000),
)
def test_estimates_and_readings_make_up_what_the_registers_counted(
    gap: set[int], counted: float, noise: int
) -> None:
    feed, rng = Feed(), np.random.default_rng(noise)
    energy = {h: usual(h) * float(rng.uniform(0.5, 1.5)) for h in range(9 * 24) if h not in gap}
    records = [
        feed.document(dict(energy), known=9 * DAY),
        feed.register(4 * 24, 1e6, known=9 * DAY),
        feed.register(5 * 24, 1e6 + counted, known=9 * DAY),
        feed.tick(DUE),
    ]
    found = standing(run(records))
    assert set(found) == gap
    read = sum(energy[hour] for hour in range(4 * 24, 5 * 24) if hour in energy)
    assert read + sum(found.values()) == pytest.approx((1e6 + counted) - 1e6, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(come=st.sets(st.sampled_from(GAP)), register=st.booleans())
def test_after_the_readings_came_nothing_estimated_stands_and_revisions_only_rise(
    come: set[int], register: bool
) -> None:
    feed = Feed()
    records = [feed.document(measured(GAP), known=9 * DAY)]
    if register:
        records += [feed.register(96, 0.0, known=9 * DAY), feed.register(120, 90.0, known=9 * DAY)]
    records.append(feed.tick(DUE))
    records += [
        feed.document({hour: 1.5}, known=DUE + hour, name=f"late {hour}") for hour in sorted(come)
    ]
    outcomes = run(records)
    assert set(standing(outcomes)) == set(GAP) - come
    seen: dict[int, int] = {}
    for estimate in estimates(outcomes):
        for start, revision in zip(estimate.start, estimate.revision, strict=True):
            assert revision == seen.get(start, 0) + 1
            seen[start] = revision
