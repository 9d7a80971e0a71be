"""Progress of long work: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

__all__ = ["share_progress", "stage_progress"]

_LINE_EVERY = 0.1


@contextmanager
def stage_progress() -> Iterator[Callable[[str, float], None]]:
    """Yield a function that is told what is going on and which share of it is done, 0 to 1.

    Everything goes to stderr, so that results alone are on stdout.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda what, share: progress.update(task, description=what, completed=share)


@contextmanager
def share_progress(what: str) -> Iterator[Callable[[float], None]]:
    """Yield a function that is told the share done, 0 to 1."""
    with stage_progress() as tell:
        yield lambda share: tell(what, share)


def _lines() -> Callable[[str, float], None]:
    began = time.monotonic()
    told = ("", -1.0)

    def tell(what: str, share: float) -> None:
        nonlocal told
        if what.split(",")[0] != told[0].split(",")[0] or share >= told[1] + _LINE_EVERY:
            told = (what, share)
            elapsed = time.monotonic() - began
            sys.stderr.write(f"{elapsed:6.1f} s  {100 * share:3.0f} %  {what}\n")
            sys.stderr.flush()

    return tell
