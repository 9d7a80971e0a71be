"""Which longer windows a quarter of an hour is part of, and how long they can be corrected."""

from __future__ import annotations

from typing import TypeAlias

from records.time import HOUR, MINUTE, floor_time
from stream.local_clock import LocalClock

__all__ = ["PART", "WHOLE_NAMES", "Span", "WholeWindows", "whole_name"]

Span: TypeAlias = tuple[int, int]
"""Start and end of a window, ns UTC."""

PART = 15 * MINUTE
"""Length of the parts, ns."""
_DAY = "window.day.v1"
_NAMES = {30 * MINUTE: "window.30min.v1", HOUR: "window.60min.v1"}
WHOLE_NAMES = (*_NAMES.values(), _DAY)
"""Catalogue names of the topics of the longer windows."""


def whole_name(length: int) -> str:
    """Catalogue name of the topic of windows of a length, ns; what is no part of an hour is a day.

    >>> whole_name(HOUR), whole_name(23 * HOUR)
    ('window.60min.v1', 'window.day.v1')
    """
    return _NAMES.get(length, _DAY)


class WholeWindows:
    """Half hours, hours and local days.

    Parameters
    ----------
    clock
        Local clock of the days.
    keep
        How long after the end of its last local day a window stays in memory, ns.
    """

    def __init__(self, clock: LocalClock, keep: int) -> None:
        self._clock = clock
        self._keep = keep

    def of(self, part: int) -> list[Span]:
        """Return the windows that the part from `part` on (ns UTC) belongs to, shortest first."""
        starts = [(floor_time(part, length), length) for length in _NAMES]
        return [*((start, start + length) for start, length in starts), self._clock.day(part)]

    def over(self, span: Span, watermark: int) -> bool:
        """Whether a window has left memory at a watermark (ns UTC) of its parts.

        An hour may begin on one local day and end on the next: it stays with that.
        """
        return self.until(span) <= watermark

    def until(self, span: Span) -> int:
        """Watermark (ns UTC) at which a window leaves memory."""
        return self._clock.day(span[1] - 1)[1] + self._keep
