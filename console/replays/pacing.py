"""Holding a replay back to a multiple of the pace at which things happened."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from console.errors import BadInputError
from records.envelope import watermark_of
from stream.keeper import Outlet
from stream.stage import Issued, Outcome

__all__ = ["PacedOutlet", "Pacing", "parse_speed"]


def parse_speed(text: str) -> float | None:
    """Event time per wall time; None for ``max``.

    >>> parse_speed("100"), parse_speed("max")
    (100.0, None)

    Raises
    ------
    BadInputError
        When it is neither a positive number nor ``max``.
    """
    if text == "max":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise BadInputError(f"--speed {text}: give a number above 0, or max")
    return factor


class Pacing:
    """Waits until an outcome's event time is due, counted from the first one told.

    Parameters
    ----------
    speed
        Event time per wall time.
    start
        Event time, ns UTC, before which nothing waits.
    """

    def __init__(self, speed: float, start: int = 0) -> None:
        self._speed = speed
        self._start = start
        self._first: tuple[int, float] | None = None

    def __call__(self, outcome: Outcome) -> None:
        """Wait until `outcome` is due; one without an event time is due at once."""
        if isinstance(outcome, Issued):
            event_time: int | None = outcome.run.issue_time
        else:
            event_time = watermark_of(outcome.headers)
        if event_time is None or event_time < self._start:
            return
        if self._first is None:
            self._first = (event_time, time.monotonic())
        first, began = self._first
        due = began + (event_time - first) / 1e9 / self._speed
        time.sleep(max(0.0, due - time.monotonic()))


class PacedOutlet:
    """An outlet that hands outcomes over when they are due.

    Parameters
    ----------
    outlet
        Where they go.
    pacing
        When they are due.
    """

    def __init__(self, outlet: Outlet, pacing: Pacing) -> None:
        self._outlet = outlet
        self._pacing = pacing

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Wait for each outcome's time, and hand all over in order."""
        for outcome in outcomes:
            self._pacing(outcome)
        self._outlet.deliver(outcomes)

    def flush(self) -> None:
        """Return once everything delivered is kept by others."""
        self._outlet.flush()
