"""What the doctor makes of checkpoints, commits and what the log holds, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from console.doctor.check import Check, Verdict
from console.doctor.check_checkpoints import NO_CHECKPOINTS, checkpoint_checks
from records.log import Outgoing, Partition
from records.snapshot import pack
from storage.checkpoint_store import CheckpointStore
from storage.memory_log import MemoryLog

FRAMES = "gridcast.demo.scada.frame.v1"
FIRST, SECOND = Partition(FRAMES, 0), Partition(FRAMES, 1)


def log_of(records: int, *, begin: int = 0, partitions: int = 1) -> MemoryLog:
    """A log of offsets ``begin`` to ``records`` in every partition."""
    log = MemoryLog()
    for number in range(partitions):
        log.append(Outgoing(FRAMES, number, b"x") for _ in range(records))
        log.flush()
        log.delete_before(Partition(FRAMES, number), begin)
    return log


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path)


def save(store: CheckpointStore, name: str, positions: Mapping[Partition, int]) -> None:
    offsets = [(place.topic, place.number, at) for place, at in positions.items()]
    store.save(name, pack({"offsets": offsets, "state": {"x": np.zeros(3)}}))


def only(store: CheckpointStore, log: MemoryLog, committed: int | None = None) -> Check:
    told = {} if committed is None else {"area": {FIRST: committed}}
    (check,) = checkpoint_checks(store, log, told)
    return check


def test_a_stage_is_told_by_partition_with_all_its_offsets(store: CheckpointStore) -> None:
    save(store, "area.0", {FIRST: 2})
    check = only(store, log_of(5), committed=1)
    assert (check.subject, check.verdict) == ("area, scada.frame.v1 0", Verdict.GOOD)
    assert check.seen == "checkpoint 2, committed 1, log 0 to 5: 3 records behind the end"
    assert check.remedy == ""


def test_over_the_embedded_log_nothing_is_committed(store: CheckpointStore) -> None:
    save(store, "area.0", {FIRST: 5})
    assert only(store, log_of(5)).seen == "checkpoint 5, log 0 to 5: at the end of the log"


def test_a_commit_ahead_of_the_checkpoint_is_explained(store: CheckpointStore) -> None:
    save(store, "area.0", {FIRST: 2})
    check = only(store, log_of(5), committed=4)
    assert check.verdict is Verdict.WARNING
    assert "2 records were committed that the checkpoint does not cover" in check.seen
    assert "goes back to the checkpoint and does them again, none is left out" in check.seen
    assert "nothing to do if" in check.remedy


def test_a_hole_before_the_begin_of_the_log_is_a_problem(store: CheckpointStore) -> None:
    save(store, "area.0", {FIRST: 1})
    check = only(store, log_of(5, begin=3))
    assert check.verdict is Verdict.BAD
    assert check.seen.startswith("checkpoint 1, log 3 to 5: 2 records were deleted")
    assert "gridcast replay --source historian" in check.remedy


def test_one_beyond_the_end_of_the_log_is_a_problem(store: CheckpointStore) -> None:
    save(store, "area.0", {FIRST: 6})
    check = only(store, log_of(5))
    assert check.verdict is Verdict.BAD
    assert check.seen == "checkpoint 6, log 0 to 5: 1 records beyond the end of the log"


def test_one_of_a_partition_that_is_gone_is_a_problem(store: CheckpointStore) -> None:
    save(store, "area.1", {SECOND: 6})
    gone, other = checkpoint_checks(store, log_of(5))
    assert (gone.subject, gone.verdict) == ("area, scada.frame.v1 1", Verdict.BAD)
    assert gone.seen == "the log has no such partition"
    assert other.subject == "area, scada.frame.v1 0"


def test_a_partition_without_checkpoint_is_told_where_it_starts(store: CheckpointStore) -> None:
    save(store, "area.0", {FIRST: 5})
    _, second = checkpoint_checks(store, log_of(5, begin=2, partitions=2))
    assert (second.subject, second.verdict) == ("area, scada.frame.v1 1", Verdict.GOOD)
    assert second.seen == (
        "checkpoint none, log 2 to 5: none yet, it starts from the begin of the log"
    )


def test_a_committed_partition_without_checkpoint_is_done_again() -> None:
    (check,) = checkpoint_checks(NO_CHECKPOINTS, log_of(5, begin=1), {"area": {FIRST: 4}})
    assert check.verdict is Verdict.WARNING
    assert "a worker starts from 1 and does 3 records again" in check.seen
    assert 'checkpoint.place = "topic"' in check.remedy


def test_a_damaged_one_with_a_generation_before_it_is_a_warning(
    store: CheckpointStore, tmp_path: Path
) -> None:
    save(store, "area.0", {FIRST: 2})
    save(store, "area.0", {FIRST: 4})
    last = tmp_path / "area.0.checkpoint"
    last.write_bytes(last.read_bytes()[:-1])
    damaged, place = checkpoint_checks(store, log_of(5))
    assert (damaged.subject, damaged.verdict) == ("checkpoint area.0", Verdict.WARNING)
    assert "the one before it is used" in damaged.remedy
    assert place.seen == "checkpoint 2, log 0 to 5: 3 records behind the end"


def test_a_damaged_one_without_a_generation_before_it_is_a_problem(
    store: CheckpointStore, tmp_path: Path
) -> None:
    save(store, "area.0", {FIRST: 2})
    save(store, "area.1", {SECOND: 5})
    last = tmp_path / "area.0.checkpoint"
    last.write_bytes(last.read_bytes()[:-1])
    damaged, other = checkpoint_checks(store, log_of(5, partitions=2))
    assert (damaged.subject, damaged.verdict) == ("checkpoint area.0", Verdict.BAD)
    assert "delete it to start from what the log holds" in damaged.remedy
    assert other.subject == "area, scada.frame.v1 1"


def test_a_stage_over_all_areas_is_told_for_each_of_them(store: CheckpointStore) -> None:
    save(store, "estimation", {FIRST: 5, SECOND: 4})
    told = [check.seen for check in checkpoint_checks(store, log_of(5, partitions=2))]
    assert told == [
        "checkpoint 5, log 0 to 5: at the end of the log",
        "checkpoint 4, log 0 to 5: 1 records behind the end",
    ]


def test_none_yet_is_nothing_to_tell() -> None:
    assert list(checkpoint_checks(NO_CHECKPOINTS, log_of(1))) == []
