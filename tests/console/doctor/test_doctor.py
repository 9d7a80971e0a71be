"""The doctor: what is looked at, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redis import Redis

from console.doctor.check import Verdict
from console.doctor.check_host import clock, disk
from console.doctor.check_log import checkpoint_checks
from records.log import Outgoing, Partition
from records.snapshot import pack
from storage.checkpoint_store import CheckpointStore
from storage.memory_log import MemoryLog
from storage.redis_server import RedisServer
from storage.redis_state import Heartbeat, LiveState


def test_on_a_fresh_machine_it_only_says_how_to_begin(gridcast: Any) -> None:
    ended = gridcast("doctor")
    assert ended.code == 0
    assert "gridcast demo" in ended.out
    assert "problem" not in ended.out


def test_a_redis_that_does_not_answer_is_a_problem(
    gridcast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    ended = gridcast("doctor")
    assert ended.code == 1
    assert "correct REDIS_URL" in ended.out


def test_a_service_without_a_sign_of_life_is_named(
    gridcast: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with RedisServer(tmp_path / "redis") as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        client = Redis.from_url(server.url)
        LiveState(client, "demo").beat(Heartbeat("forecaster", 0, None))
        client.close()
        out = gridcast("doctor").out
    assert "redis: answers" in out
    assert "service forecaster" in out
    assert "forecaster.log" in out


def test_the_disk_is_judged_even_before_the_directory_exists(tmp_path: Path) -> None:
    assert "GiB free" in disk(tmp_path / "not" / "yet").seen


def test_the_clock_check_changes_nothing_and_answers() -> None:
    assert clock().verdict in (Verdict.GOOD, Verdict.WARNING)


class TestCheckpoints:
    WHERE = Partition("t", 0)

    def log(self, count: int) -> MemoryLog:
        log = MemoryLog()
        log.append(Outgoing("t", 0, b"x") for _ in range(count))
        log.flush()
        return log

    def saved(self, directory: Path, offset: int) -> Path:
        tree = {"offsets": [("t", 0, offset)], "state": {"x": np.zeros(3)}}
        CheckpointStore(directory).save("area.0", pack(tree))
        return directory

    def test_one_behind_the_log_is_good_and_says_how_far(self, tmp_path: Path) -> None:
        (check,) = checkpoint_checks(self.saved(tmp_path, 2), self.log(5))
        assert (check.subject, check.verdict) == ("checkpoint area.0", Verdict.GOOD)
        assert check.seen == "3 records behind the end of the log"

    def test_one_at_the_end_is_good(self, tmp_path: Path) -> None:
        (check,) = checkpoint_checks(self.saved(tmp_path, 5), self.log(5))
        assert check.seen == "at the end of the log"

    def test_one_ahead_of_the_log_is_a_problem(self, tmp_path: Path) -> None:
        (check,) = checkpoint_checks(self.saved(tmp_path, 6), self.log(5))
        assert check.verdict is Verdict.BAD
        assert "stands at 6 of t 0, which ends at 5" in check.seen

    def test_a_damaged_one_is_a_problem(self, tmp_path: Path) -> None:
        self.saved(tmp_path, 1)
        (path,) = tmp_path.iterdir()
        path.write_bytes(path.read_bytes()[:-1])
        (check,) = checkpoint_checks(tmp_path, self.log(5))
        assert check.verdict is Verdict.BAD
        assert check.remedy

    def test_none_yet_is_nothing_to_tell(self, tmp_path: Path) -> None:
        assert list(checkpoint_checks(tmp_path / "absent", self.log(1))) == []
