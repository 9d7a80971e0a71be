"""Ctrl-C, a request to end, or a kill -9 at any moment of a demo: no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MOMENTS = {
    "as it starts": "gridcast-demo",
    "while Redis starts": "logs/redis.log",
    "while it prepares": "logs/prepare.log",
    "while it runs": "logs/gateway.log",
}
START_S, END_S = 120.0, 30.0


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


def until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Poll for an event; fail when it does not come."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"did not come within {deadline_s:g} s: {what}"
        time.sleep(0.02)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A demo that has just been started, and its directory."""
    directory = tmp_path / "run"
    environment = {k: v for k, v in os.environ.items() if k not in ("REDIS_URL",)}
    command = [sys.executable, "-m", "console.main", "demo", "--directory", str(directory)]
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    yield process, directory
    process.kill()
    process.wait()
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
    if moment == "while it imports":
        maps = Path(f"/proc/{process.pid}/maps")
        until(lambda: "pydantic_core" in maps.read_text(), START_S, moment)
    else:
        until((directory / MOMENTS[moment]).exists, START_S, moment)
    process.send_signal(number)
    assert process.wait(END_S) == code
    until(lambda: not belonging_to(directory), END_S, f"the end of {belonging_to(directory)}")
