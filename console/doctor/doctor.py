"""`gridcast doctor`: looks at everything a run depends on and says what to do."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from rich.console import Console

from console.doctor.check import Check, Verdict
from console.doctor.check_historian import historian_checks
from console.doctor.check_host import clock, disk
from console.doctor.check_log import log_checks
from console.doctor.check_redis import redis_checks
from console.options import Config, Directory, Namespace
from console.settings import Settings, load_settings

__all__ = ["doctor"]

_MARKS = {
    Verdict.GOOD: "[green]ok     [/]",
    Verdict.WARNING: "[yellow]warning[/]",
    Verdict.BAD: "[red]problem[/]",
}


def doctor(config: Config = None, namespace: Namespace = None, directory: Directory = None) -> None:
    """Check log or broker, Redis, historian, clock, disk and checkpoints, and say what to do.

    Ends with code 1 when something is a problem; warnings alone end with 0.
    """
    settings = load_settings(config, namespace=namespace, directory=directory)
    console = Console(highlight=False, soft_wrap=True)
    problems = 0
    for check in _checks(settings):
        console.print(f"{_MARKS[check.verdict]}  [bold]{check.subject}[/]: {check.seen}")
        if check.remedy:
            console.print(f"         -> {check.remedy}")
        problems += check.verdict is Verdict.BAD
    if problems:
        raise typer.Exit(1)


def _checks(settings: Settings) -> Iterator[Check]:
    """Everything a run depends on, one after the other; nothing is changed."""
    yield disk(settings.directory)
    yield clock()
    yield from redis_checks(settings)
    yield from log_checks(settings)
    yield from historian_checks(settings)
