"""Over Kafka, whatever happens to a run, its results are those of the same run undisturbed.

The long form is `make kafka-proof`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.system.kafka_proof.disturbances import Disturbance, Kind
from tests.system.kafka_proof.plan import Outcome, Plan
from tests.system.kafka_proof.proof import prove

pytestmark = pytest.mark.broker


def proved(plan: Plan, directory: Path) -> Outcome:
    outcome = prove(plan, directory, lambda text: print(text, file=sys.stderr))  # noqa: T201
    assert [line for line in outcome.compared if not line.equal] == []
    assert outcome.equal
    assert set(outcome.stopped.values()) == {0}
    return outcome


def compared(outcome: Outcome) -> dict[str, int]:
    return {line.what: line.records for line in outcome.compared}


def test_a_run_to_which_everything_happens_ends_as_if_nothing_had(tmp_path: Path) -> None:
    plan = Plan(
        areas=2,
        hours=1,
        wall_s=40.0,
        disturbances={
            Kind.KILL_WORKER: 5,
            Kind.KILL_BROKER: 1,
            Kind.KILL_REDIS: 1,
            Kind.FILL_DISK: 1,
        },
        stages=("area", "metering", "rollup", "estimation", "alarms"),
    )
    outcome = proved(plan, tmp_path)
    assert outcome.done[Kind.KILL_WORKER.value] == 5
    assert outcome.done[Kind.KILL_BROKER.value] == 1
    assert outcome.done[Kind.KILL_REDIS.value] == 1
    if Kind.FILL_DISK.value not in outcome.skipped:  # where mounting is not allowed
        assert outcome.told["no_room_for_checkpoint"]
        assert outcome.told["no_room_for_history"]
    assert outcome.told["redis_filled_from_the_log"]
    sizes = compared(outcome)
    assert sizes["historian scada"] > 200_000
    for what in ("window.5min.v1", "meter.interval.v1", "dead-letter.v1", "network.state.v1"):
        assert sizes[f"topic {what}"]
    assert sizes["Redis state"] == 1
    assert sizes["Redis alarms"]


@pytest.mark.parametrize("place", ["files", "topic"])
def test_workers_that_join_and_are_lost_share_the_areas_without_loss_or_double_count(
    tmp_path: Path, place: str
) -> None:
    plan = Plan(
        areas=6,
        hours=1,
        wall_s=30.0,
        moments=(
            Disturbance(0.1, Kind.ADD_WORKER),
            Disturbance(0.35, Kind.ADD_WORKER),
            Disturbance(0.65, Kind.LOSE_WORKER),
        ),
        stages=("area",),
        place=place,
    )
    outcome = proved(plan, tmp_path)
    assert outcome.shares[0] == ("area", 6)
    # Six areas among two workers, then three, then the two that are left.
    assert {("area", 3), ("area-1", 3)} <= set(outcome.shares)
    assert {("area", 2), ("area-1", 2), ("area-2", 2)} <= set(outcome.shares)
    assert [count for _, count in outcome.shares[-2:]] == [3, 3]
    assert outcome.shares[-2][0] != outcome.shares[-1][0]
    assert compared(outcome)["historian scada"] > 700_000
