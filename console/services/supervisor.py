"""The processes of a run in their parent's hand: started, watched, stopped, never left over.

Every child gets a session of its own, so that Ctrl-C reaches the parent alone, which then stops
the children in order; and a lifeline, so that they end even when the parent is killed with -9.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from console.services.lifeline import ENDINGS

__all__ = ["Service", "ServiceDiedError", "Supervisor", "last_lines"]

_POLL_S = 0.05


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
        How often it is started again after it was killed by a signal: a crash, or a machine
        short of memory. One that ends with a code has said what is wrong, and stays down.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    restarts: int = 0


class ServiceDiedError(RuntimeError):
    """A process ended that should not have; the message has the end of its log."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        lines = last_lines(log, 15)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        super().__init__(f"{name} {how}; the end of {log}:\n" + "\n".join(lines))
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
    """

    def __init__(self, logs: Path, *, grace_s: float = 10.0) -> None:
        self._logs = logs
        self._grace_s = grace_s
        self._running: dict[str, tuple[Service, subprocess.Popen[bytes]]] = {}

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
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def pid(self, name: str) -> int:
        """Process id of a service that was started."""
        return self._running[name][1].pid

    def check(self) -> None:
        """Start killed services again, and raise `ServiceDiedError` if one is down for good."""
        for name, (service, process) in list(self._running.items()):
            code = process.poll()
            if code is None or (service.once and code == 0):
                continue
            if code >= 0 or not service.restarts:
                raise ServiceDiedError(name, code, self.log_of(name))
            again = replace(service, restarts=service.restarts - 1)
            self._note(again, signal=-code)
            self.start(again)

    def _note(self, service: Service, *, signal: int) -> None:
        """Leave a line in the log of a service that is started again: it could not itself."""
        line = {"event": "killed_and_started_again", "signal": signal}
        with self.log_of(service.name).open("a") as log:
            log.write(json.dumps({**line, "restarts_left": service.restarts}) + "\n")

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
