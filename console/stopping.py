"""A service's end: the first SIGTERM or SIGINT asks it to finish what it is doing."""

from __future__ import annotations

import signal
import threading
from types import FrameType

__all__ = ["stop_on_signal"]


def stop_on_signal() -> threading.Event:
    """Return an event that the first SIGTERM or SIGINT sets.

    A second one ends the process the way it would have ended without this.
    """
    stop = threading.Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop
