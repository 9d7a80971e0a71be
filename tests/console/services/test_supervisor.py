"""What becomes of the processes of a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.services.supervisor import Service, ServiceDiedError, Supervisor, last_lines

SLEEP = "/bin/sleep"
SHELL = "/bin/sh"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs", grace_s=5.0) as supervisor:
        yield supervisor


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: object, deadline_s: float = 20.0) -> None:
    """Poll for an event; fail when it does not come."""
    assert callable(condition)
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the event did not come"
        time.sleep(0.01)


def test_output_goes_to_a_log_file_of_its_own(supervisor: Supervisor) -> None:
    supervisor.start(Service("speaker", [SHELL, "-c", "echo $WORD; echo no >&2"], {"WORD": "yes"}))
    until(lambda: last_lines(supervisor.log_of("speaker"), 5) == ["yes", "no"])


def test_a_service_that_dies_is_told_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    supervisor.start(Service("victim", [SHELL, "-c", "echo my last words; exit 3"]))
    until(lambda: supervisor.finished("victim"))
    with pytest.raises(ServiceDiedError, match=r"(?s)victim ended with code 3.*my last words"):
        supervisor.check()


def test_a_service_killed_from_outside_is_told_with_the_signal(supervisor: Supervisor) -> None:
    supervisor.start(Service("victim", [SLEEP, "60"]))
    os.kill(supervisor.pid("victim"), signal.SIGKILL)
    until(lambda: supervisor.finished("victim"))
    with pytest.raises(ServiceDiedError, match="signal 9"):
        supervisor.check()


def test_a_killed_service_is_started_again_as_often_as_allowed(supervisor: Supervisor) -> None:
    supervisor.start(Service("victim", [SLEEP, "60"], restarts=1))
    first = supervisor.pid("victim")
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.finished("victim"))
    supervisor.check()
    second = supervisor.pid("victim")
    assert second != first and alive(second)
    told = '{"event": "killed_and_started_again", "signal": 9, "restarts_left": 0}'
    assert supervisor.log_of("victim").read_text().splitlines() == [told]
    os.kill(second, signal.SIGKILL)
    until(lambda: supervisor.finished("victim"))
    with pytest.raises(ServiceDiedError, match="signal 9"):
        supervisor.check()


def test_a_service_that_ends_with_a_code_is_not_started_again(supervisor: Supervisor) -> None:
    supervisor.start(Service("victim", [SHELL, "-c", "exit 3"], restarts=5))
    until(lambda: supervisor.finished("victim"))
    with pytest.raises(ServiceDiedError, match="code 3"):
        supervisor.check()


def test_a_service_may_end_when_its_work_is_done(supervisor: Supervisor) -> None:
    supervisor.start(Service("job", [SHELL, "-c", "exit 0"], once=True))
    supervisor.wait("job")
    supervisor.check()


def test_waiting_for_one_service_watches_the_others(supervisor: Supervisor) -> None:
    supervisor.start(Service("job", [SLEEP, "60"], once=True))
    supervisor.start(Service("other", [SHELL, "-c", "exit 1"]))
    with pytest.raises(ServiceDiedError, match="other ended with code 1"):
        supervisor.wait("job")


def test_stopping_leaves_no_process_even_one_that_ignores_the_request(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, grace_s=0.2)
    supervisor.start(Service("obedient", [SLEEP, "60"]))
    supervisor.start(Service("deaf", [SHELL, "-c", "trap '' TERM; echo deaf; exec sleep 60"]))
    until(lambda: last_lines(supervisor.log_of("deaf"), 1) == ["deaf"])
    pids = [supervisor.pid("obedient"), supervisor.pid("deaf")]
    supervisor.stop()
    assert not any(alive(pid) for pid in pids)


def test_children_end_when_their_parent_is_killed_with_signal_9(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from console.services.supervisor import Service, Supervisor\n"
        f"s = Supervisor(Path({str(tmp_path)!r}))\n"
        f"s.start(Service('a', [{SLEEP!r}, '600'])); s.start(Service('b', [{SLEEP!r}, '600']))\n"
        "print(s.pid('a'), s.pid('b'), flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not any(alive(pid) for pid in pids))


def test_a_child_whose_parent_is_already_gone_does_not_start() -> None:
    command = [sys.executable, "-m", "console.services.lifeline", "1", SHELL, "-c", "echo started"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is gone" in done.stderr
    assert done.stdout == ""


def test_the_last_lines_of_a_long_file_are_found(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text("".join(f"line {n}\n" for n in range(10_000)))
    assert last_lines(path, 2) == ["line 9998", "line 9999"]
    assert last_lines(tmp_path / "absent.log", 2) == []
