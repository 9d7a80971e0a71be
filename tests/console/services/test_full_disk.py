"""A full disk: the log lines are lost, the service is not, and the last word is clear."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from console.endings import failed

_LOGS = """
import sys
import structlog
from console.services.service_logs import configure_logs
from console.settings import LoggingSettings
configure_logs(LoggingSettings(), "area")
for _ in range(1000):
    structlog.get_logger().error("no_room_for_checkpoint")
sys.stderr.write("still here")
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_log_lines_without_room_do_not_end_a_service() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", _LOGS],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            check=False,
        )
    assert b"still here" in ended.stderr


def test_a_service_that_ends_on_a_full_disk_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRIDCAST_DEBUG", raising=False)
    assert failed(OSError(errno.ENOSPC, "No space left on device", "/data/segment")) == 1
    told = capsys.readouterr().err
    assert "/data/segment" in told
    assert "make room on the disk" in told
    assert "internal error" not in told
