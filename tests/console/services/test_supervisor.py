"""What becomes of the processes of a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.services.supervisor import Service, ServiceDiedError, Supervisor, last_lines
from tests.endings import Ending

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


def ended(supervisor: Supervisor, name: str) -> None:
    """Wait until a service has ended, and leave it to the supervisor to notice."""
    Ending(supervisor.pid(name)).wait()
    assert supervisor.finished(name)


def test_output_goes_to_a_log_file_of_its_own(supervisor: Supervisor) -> None:
    supervisor.start(Service("speaker", [SHELL, "-c", "echo $WORD; echo no >&2"], {"WORD": "yes"}))
    ended(supervisor, "speaker")
    assert last_lines(supervisor.log_of("speaker"), 5) == ["yes", "no"]


def test_a_service_that_dies_is_told_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    supervisor.start(Service("victim", [SHELL, "-c", "echo my last words; exit 3"]))
    ended(supervisor, "victim")
    with pytest.raises(ServiceDiedError, match=r"(?s)victim ended with code 3.*my last words"):
        supervisor.check()


def test_a_service_killed_from_outside_is_told_with_the_signal(supervisor: Supervisor) -> None:
    supervisor.start(Service("victim", [SLEEP, "60"]))
    os.kill(supervisor.pid("victim"), signal.SIGKILL)
    ended(supervisor, "victim")
    with pytest.raises(ServiceDiedError, match="signal 9"):
        supervisor.check()


def test_a_killed_service_is_started_again_as_often_as_allowed(supervisor: Supervisor) -> None:
    supervisor.start(Service("victim", [SLEEP, "60"], restarts=1))
    first = supervisor.pid("victim")
    os.kill(first, signal.SIGKILL)
    ended(supervisor, "victim")
    supervisor.check()
    second = supervisor.pid("victim")
    assert second != first and alive(second)
    told = json.loads(supervisor.log_of("victim").read_text())
    assert told == {
        "event": "ended_and_started_again", "how": "was killed by signal 9", "in_a_row": 1,
    }  # fmt: skip
    os.kill(second, signal.SIGKILL)
    ended(supervisor, "victim")
    with pytest.raises(ServiceDiedError, match="signal 9"):
        supervisor.check()


def test_a_service_that_crashes_is_started_again_after_ever_longer_pauses(tmp_path: Path) -> None:
    now, told = [0.0], []
    supervisor = Supervisor(tmp_path, tell=told.append, clock=lambda: now[0])
    with supervisor:
        supervisor.start(Service("victim", [SHELL, "-c", "echo why >&2; exit 3"], restarts=3))
        pids = []
        for pause in (0.0, 1.0, 2.0):
            ended(supervisor, "victim")
            pids.append(supervisor.pid("victim"))
            supervisor.check()
            if pause:
                now[0] += pause - 0.1
                supervisor.check()
                assert supervisor.pid("victim") == pids[-1]
                now[0] += 0.1
                supervisor.check()
            assert supervisor.pid("victim") != pids[-1]
        ended(supervisor, "victim")
        with pytest.raises(ServiceDiedError, match=r"(?s)code 3.*why"):
            supervisor.check()
    assert [line.split(";")[0] for line in told] == [
        "victim ended with code 3: it is started again now, 1 of 3 times in a row",
        "victim ended with code 3: it is started again in 1 s, 2 of 3 times in a row",
        "victim ended with code 3: it is started again in 2 s, 3 of 3 times in a row",
    ]


def test_a_service_that_was_given_bad_input_is_not_started_again(supervisor: Supervisor) -> None:
    supervisor.start(Service("victim", [SHELL, "-c", "exit 2"], restarts=5))
    ended(supervisor, "victim")
    with pytest.raises(ServiceDiedError, match="code 2"):
        supervisor.check()


def test_a_service_that_lacks_what_it_needs_waits_for_it_and_is_not_given_up(
    tmp_path: Path,
) -> None:
    now, told, lacking = [0.0], [], ["the broker does not answer"]
    supervisor = Supervisor(tmp_path, tell=told.append, clock=lambda: now[0])
    with supervisor:
        command = [SHELL, "-c", "exit 1"]
        supervisor.start(Service("victim", command, restarts=1, hindered=lambda: lacking[0]))
        ended(supervisor, "victim")
        first = supervisor.pid("victim")
        for _ in range(90):
            supervisor.check()
            now[0] += 1.0
        assert supervisor.pid("victim") == first
        status, detail = supervisor.condition()
        assert status == "warning"
        assert detail.startswith("the broker does not answer; waiting to start victim")
        assert sum("waiting to start victim" in line for line in told) == 3
        lacking[0] = ""
        supervisor.check()
        assert supervisor.pid("victim") != first
        # What had happened without the broker does not count against it.
        ended(supervisor, "victim")
        supervisor.check()
        ended(supervisor, "victim")
        with pytest.raises(ServiceDiedError):
            supervisor.check()


def test_the_condition_of_a_run_tells_of_what_was_started_again_for_a_while(
    tmp_path: Path,
) -> None:
    now = [0.0]
    with Supervisor(tmp_path, clock=lambda: now[0]) as supervisor:
        assert supervisor.condition() == ("ok", "nothing had to be started again")
        supervisor.start(Service("victim", [SLEEP, "60"], restarts=1))
        os.kill(supervisor.pid("victim"), signal.SIGKILL)
        ended(supervisor, "victim")
        supervisor.check()
        now[0] = 30.0
        said = "victim was started again 1 time, last 30 s ago when it was killed by signal 9"
        assert supervisor.condition() == ("warning", said)
        now[0] = 3600.0
        assert supervisor.condition() == ("ok", said.replace("30 s", "3600 s"))


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
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    script = f"trap '' TERM; echo deaf > '{ready}'; exec sleep 60"
    supervisor.start(Service("obedient", [SLEEP, "60"]))
    supervisor.start(Service("deaf", [SHELL, "-c", script]))
    assert ready.read_text() == "deaf\n"
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
    endings = [Ending(pid) for pid in pids]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for ending in endings:
        ending.wait()


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
