"""What files a replay's output beside it: everything, and never longer than the replay."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from console.errors import UnavailableError
from console.replays.filing import Filing
from records.log import Partition
from records.topics import topic_name
from storage.embedded_log import EmbeddedLogWriter
from storage.historian import Historian
from storage.historian_classes import HistoryClass
from tests.storage.history_records import finding

T0 = 1_415_577_600_000_000_000
TOPIC = topic_name("t", "finding.v1")


def filed(path: Path) -> int:
    with Historian(path / "historian") as historian:
        return historian.sql(f"SELECT 1 FROM {HistoryClass.EVENTS.value}").num_rows


def test_what_was_flushed_is_committed_once_it_is_asked_to_finish(tmp_path: Path) -> None:
    with EmbeddedLogWriter(tmp_path / "log") as writer, Filing(tmp_path, [TOPIC]) as filing:
        for rounds in (1, 2):
            writer.append([finding(T0), finding(T0)])
            writer.flush()
            filing.finish()
            assert filed(tmp_path) == 2 * rounds
        with Historian(tmp_path / "historian") as historian:
            assert historian.next_offsets() == {Partition(TOPIC, 0): 4}


def test_where_it_was_killed_the_replay_is_told(tmp_path: Path) -> None:
    with Filing(tmp_path, [TOPIC]) as filing:
        filing.finish()
        os.kill(filing.pid, signal.SIGKILL)
        with pytest.raises(UnavailableError, match="ended with code -9; replay again"):
            filing.finish()


def test_it_ends_with_the_replay_and_ctrl_c_is_not_for_it(tmp_path: Path) -> None:
    with Filing(tmp_path, [TOPIC]) as filing:
        filing.finish()
        os.kill(filing.pid, signal.SIGINT)
        filing.finish()
    with pytest.raises(ProcessLookupError):
        os.kill(filing.pid, 0)


def test_another_writer_of_its_historian_ends_it_with_a_message(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Filing(tmp_path, [TOPIC]) as first:
        first.finish()
        with Filing(tmp_path, [TOPIC]) as second, pytest.raises(UnavailableError):
            second.finish()
    assert "already has a writer" in capfd.readouterr().err
