"""The processes of a run in their parent's hand: started, watched, stopped, never left over.

One that ends is started again after a pause, unless it ends again and again; what it needs and
lacks (a broker that is away) is waited for. Every child gets a session of its own, so that Ctrl-C
reaches the parent alone, which then stops the children in order; and a lifeline, so that they end
even when the parent is killed with -9.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from console.services.lifeline import ENDINGS
from console.services.restarts import Restarts, how_it_ended

__all__ = ["Service", "ServiceDiedError", "Supervisor", "last_lines"]

_POLL_S = 0.05
_LOOK_AGAIN_S = 1.0
_TELL_EVERY_S = 30.0


def _nothing() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Service:
    """One process to run.

    Parameters
    ----------
    name
        Names its log file.
    command
        Program (an absolute path) and arguments.
    environment
        Variables beside those of the parent.
    once
        The process ends by itself when its work is done; code 0 is then no failure.
    restarts
        How often in a row it is started again after it ended, whether killed or by itself; one
        that ends with code 2 has been given what it cannot use, and stays down.
    hindered
        Returns why it cannot work now, such as a broker that does not answer; empty when
        nothing is in its way. Until then it is not started again, and not given up either.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    restarts: int = 0
    hindered: Callable[[], str] = _nothing


class ServiceDiedError(RuntimeError):
    """A process ended that should not have; the message has the end of its log."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        lines = last_lines(log, 15)
        super().__init__(f"{name} {how_it_ended(code)}; the end of {log}:\n" + "\n".join(lines))
        self.name = name
        self.code = code


class Supervisor:
    """Runs services; a context manager that leaves no process behind.

    Parameters
    ----------
    logs
        Directory of the log files, one a service.
    grace_s
        How long a service may take to end after SIGTERM before it is killed.
    tell
        Called with what became of a service, for a person.
    clock
        Seconds.
    """

    def __init__(
        self,
        logs: Path,
        *,
        grace_s: float = 10.0,
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logs = logs
        self._grace_s = grace_s
        self._tell = tell
        self._clock = clock
        self._running: dict[str, tuple[Service, subprocess.Popen[bytes]]] = {}
        self._restarts = Restarts()
        self._due: dict[str, float] = {}
        self._hindrances: dict[str, str] = {}
        self._told = -_TELL_EVERY_S

    def log_of(self, name: str) -> Path:
        """Where a service's output goes."""
        return self._logs / f"{name}.log"

    def start(self, service: Service) -> None:
        """Start a service; call from the main thread (see `console.services.lifeline`)."""
        self._logs.mkdir(parents=True, exist_ok=True)
        # The lifeline imports nothing heavy, and exec keeps the process id.
        command = [
            *(sys.executable, "-P", "-m", "console.services.lifeline", str(os.getpid())),
            *service.command,
        ]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        try:
            with self.log_of(service.name).open("ab") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **service.environment},
                    start_new_session=True,
                )
            self._running[service.name] = (service, process)
            self._restarts.started(service.name, self._clock())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def pid(self, name: str) -> int:
        """Process id of a service that was started."""
        return self._running[name][1].pid

    def check(self) -> None:
        """Start again what has ended and is due, and raise `ServiceDiedError` if it stays down."""
        now = self._clock()
        for name, (service, process) in list(self._running.items()):
            code = process.poll()
            if code is None or (service.once and code == 0):
                continue
            if name not in self._due:
                self._due[name] = self._planned(service, code, now)
            if now < self._due[name]:
                continue
            hindrance = service.hindered()
            if hindrance:
                self._hindrances[name] = hindrance
                self._due[name] = now + _LOOK_AGAIN_S
                continue
            del self._due[name]
            self._hindrances.pop(name, None)
            self._note(name, code)
            self.start(service)
        self._tell_of_hindrances(now)

    def _planned(self, service: Service, code: int, now: float) -> float:
        """When a service that has just ended is due, or raise `ServiceDiedError`."""
        name, hindered = service.name, service.hindered()
        pause = self._restarts.ended(
            name, code, now, allowed=service.restarts, hindered=bool(hindered)
        )
        if pause is None:
            raise ServiceDiedError(name, code, self.log_of(name))
        when = f"in {pause:.0f} s" if pause else "now"
        counted = f"{self._restarts.in_a_row(name)} of {service.restarts} times in a row"
        follows = hindered or f"it is started again {when}, {counted}"
        self._tell(f"{name} {how_it_ended(code)}: {follows}; its log is {self.log_of(name)}")
        return now + pause

    def _note(self, name: str, code: int) -> None:
        """Leave a line in the log of a service that is started again: it may not have itself."""
        line = {"event": "ended_and_started_again", "how": how_it_ended(code)}
        # The disk may be why it ended.
        with contextlib.suppress(OSError), self.log_of(name).open("a") as log:
            log.write(json.dumps(line | {"in_a_row": self._restarts.in_a_row(name)}) + "\n")

    def _tell_of_hindrances(self, now: float) -> None:
        if self._hindrances and now - self._told >= _TELL_EVERY_S:
            self._told = now
            self._tell(self._waiting())

    def _waiting(self) -> str:
        why = "; ".join(sorted(set(self._hindrances.values())))
        return f"{why}; waiting to start {', '.join(self._hindrances)}" if why else ""

    def condition(self) -> tuple[str, str]:
        """Return a status, ``ok`` or ``warning``, and what was started again or is waited for."""
        now = self._clock()
        told = [text for text in (self._waiting(), self._restarts.summary(now)) if text]
        good = not self._due and not self._restarts.troubled(now)
        return "ok" if good else "warning", "; ".join(told) or "nothing had to be started again"

    def finished(self, name: str) -> bool:
        """Whether a service that ends by itself has done so."""
        return self._running[name][1].poll() is not None

    def wait(self, name: str, timeout_s: float | None = None) -> None:
        """Wait until a `once` service has done its work, while all others keep running.

        Raises
        ------
        ServiceDiedError
            When it, or another service, failed.
        TimeoutError
            When it takes longer than `timeout_s`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.finished(name):
            self.check()
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{name} did not end within {timeout_s:g} s")
            time.sleep(_POLL_S)
        self.check()

    def stop(self, *names: str) -> None:
        """Stop services (all of them by default), the last started first.

        SIGTERM goes to all of them at once, then they have their grace, then SIGKILL; a second
        Ctrl-C meanwhile kills them at once.
        """
        chosen = [name for name in reversed(self._running) if not names or name in names]
        processes = [self._running.pop(name)[1] for name in chosen]
        for name in chosen:
            self._due.pop(name, None)
            self._hindrances.pop(name, None)
        try:
            for process in processes:
                process.terminate()
            deadline = time.monotonic() + self._grace_s
            for process in processes:
                process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        finally:
            for process in processes:
                process.kill()
                process.wait()

    def kill(self, name: str) -> None:
        """Kill a service with signal 9, as a crash would, and forget it."""
        process = self._running.pop(name)[1]
        process.kill()
        process.wait()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last `count` lines of a text file, none when it does not exist."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 400 * count))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []
