"""Ctrl-C, a request to end, or a kill -9 at any moment of a demo: no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endings import Ending, wait_for_file

MOMENTS = {
    "as it starts": "gridcast-demo",
    "while Redis starts": "logs/redis.log",
    "while it prepares": "logs/prepare.log",
    "while it runs": "logs/gateway.log",
}
END_S = 30.0


def belonging_to(directory: Path) -> dict[int, str]:
    """Process ids, with command lines, of living processes that work for `directory`."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            where = (entry / "cwd").readlink()
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        ours = str(directory) in command or where.is_relative_to(directory)
        if ours and state != "Z":
            found[int(entry.name)] = command
    return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A demo that has just been started, and its directory."""
    directory = tmp_path / "run"
    environment = {k: v for k, v in os.environ.items() if k not in ("REDIS_URL",)}
    # What it imports is told on stderr, as it is imported.
    python = [sys.executable, "-X", "importtime"]
    command = [*python, "-m", "console.main", "demo", "--directory", str(directory)]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    yield process, directory
    process.kill()
    process.wait()
    process.stderr.close()
    for pid in belonging_to(directory):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("number", "moment", "code"),
    [
        (signal.SIGINT, "while it imports", 130),
        (signal.SIGINT, "as it starts", 130),
        (signal.SIGINT, "while Redis starts", 130),
        (signal.SIGINT, "while it prepares", 130),
        (signal.SIGINT, "while it runs", 130),
        (signal.SIGTERM, "while it prepares", 143),
        (signal.SIGKILL, "while Redis starts", -9),
        (signal.SIGKILL, "while it runs", -9),
    ],
)
def test_no_process_is_left(
    demo: tuple[subprocess.Popen[bytes], Path], number: signal.Signals, moment: str, code: int
) -> None:
    process, directory = demo
    assert process.stderr is not None
    if moment == "while it imports":
        assert any(b"pydantic_core" in line for line in process.stderr)
    threading.Thread(target=process.stderr.read, daemon=True).start()
    if moment in MOMENTS:
        assert wait_for_file(directory / MOMENTS[moment], ending=process.pid)
    left = [Ending(pid) for pid in belonging_to(directory)]
    process.send_signal(number)
    assert process.wait(END_S) == code
    for ending in left:
        ending.wait(END_S)
    # One may have been started between the look and the signal.
    for pid in belonging_to(directory):
        Ending(pid).wait(END_S)
    assert not belonging_to(directory)
