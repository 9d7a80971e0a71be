"""A working directory of its own for each test, and a way to run the command in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.main import run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def gridcast(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `gridcast ARGUMENTS` in a fresh directory, with no server named."""
    for name in ("REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "GRIDCAST_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run(arguments)
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    return command
