"""A service's end: the first SIGTERM or SIGINT asks it to finish what it is doing."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

__all__ = ["stop_on_signal"]


def stop_on_signal(*, tidy: bool = False) -> threading.Event:
    """Return an event that the first SIGTERM or SIGINT sets.

    A second one ends the process the way it would have ended without this. An orphan, whose
    SIGTERM came from its lifeline because the parent is gone, ends at once: nobody would end
    it if it took long, and what it had in hand is done again from the checkpoint.

    Parameters
    ----------
    tidy
        Let an orphan finish as well, because it holds a process that must end with it.
    """
    stop = threading.Event()
    parent = os.getppid()

    def ask(number: int, _frame: FrameType | None) -> None:
        if os.getppid() != parent and not tidy:
            os._exit(128 + number)
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop
