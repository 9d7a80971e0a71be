"""The services of a run as processes that may be killed, and come back whenever they ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from console.services.supervisor import last_lines

__all__ = ["Services"]

_ROOT = Path(__file__).resolve().parents[3]


class Services:
    """Processes of `gridcast worker`, each with a log of its own.

    Parameters
    ----------
    run_file
        File of the run.
    environment
        Of every process.
    logs
        Directory of the logs.
    """

    def __init__(self, run_file: Path, environment: Mapping[str, Any], logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._run_file = run_file
        self._environment = dict(environment)
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: list[tuple[str, int]] = []
        """Services that ended by themselves, with their codes, and were started again."""

    def start(self, role: str, instance: int = 0) -> None:
        """Start a service, or start it again."""
        name = f"{role}-{instance}"
        command = [sys.executable, "-P", "-m", "console.main", "worker", role]
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*command, "--run", str(self._run_file), "--instance", str(instance)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=_ROOT,
            )

    def log(self, name: str) -> Path:
        """Where the output of a service goes."""
        return self._logs / f"{name}.log"

    def kill(self, role: str, instance: int = 0) -> None:
        """Kill a service with signal 9."""
        process = self._running.pop(f"{role}-{instance}")
        process.kill()
        process.wait()

    def look(self) -> None:
        """Start again what has ended by itself, and remember that it has."""
        for name, process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                self.ended.append((name, code))
                role, instance = name.rsplit("-", 1)
                self.start(role, int(instance))

    def stop(self, patience_s: float = 60.0) -> dict[str, int]:
        """Stop all with SIGTERM, and return their codes."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        codes = {}
        for name, process in self._running.items():
            try:
                codes[name] = process.wait(patience_s)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                codes[name] = process.wait()
        self._running.clear()
        return codes

    def tail(self, lines: int = 12) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(last_lines(path, lines))
            for path in sorted(self._logs.glob("*.log"))
        )
