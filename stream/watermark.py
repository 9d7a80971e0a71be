"""Watermarks: how far a partition's event time is complete.

Each source has its own: the greatest event time heard from it, less the disorder allowed to it.
The partition's is the smallest of its live sources. Only records move it: measurements, and
ticks, which take a source out that has not been heard for a while. A time further ahead of the
log's own clock than `future` is refused before it can move anything, so one wrong clock cannot
close windows early; and so an event time, less that, tells the time where ticks fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from records.errors import Reason, RecordError
from records.snapshot import Tree
from records.time import SECOND, format_time

__all__ = ["NEVER", "Disorder", "TimeBounds", "Watermark"]

NEVER = -(2**62)
"""Before every time that can occur."""

_MOST_SOURCES = 256
"""More sources than any partition has: names that do not end must not fill the memory."""


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """Which event times are believed.

    Parameters
    ----------
    future
        How far ahead of the record's append time an event time may be, ns.
    earliest
        Event times before this are refused, ns UTC.
    """

    future: int = 60 * SECOND
    earliest: int = 0

    def check(self, time_ns: int, append_time: int) -> None:
        """Raise `RecordError` when `time_ns` is beyond the bounds."""
        if time_ns > append_time + self.future:
            raise RecordError(
                Reason.TIME_OUT_OF_BOUNDS,
                f"{format_time(time_ns)} is {(time_ns - append_time) / SECOND:.0f} s ahead of "
                f"the log's clock, at most {self.future / SECOND:.0f} s are believed",
            )
        if time_ns < self.earliest:
            raise RecordError(
                Reason.TIME_OUT_OF_BOUNDS,
                f"{format_time(time_ns)} is before {format_time(self.earliest)}",
            )

    def hold(self, first: int, last: int, append_time: int) -> bool:
        """Whether all times from `first` to `last` are within the bounds."""
        return first >= self.earliest and last <= append_time + self.future

    def outside(
        self, time: npt.NDArray[np.int64], append_time: int
    ) -> npt.NDArray[np.bool_] | None:
        """Return which of the times are beyond the bounds, None where all are within."""
        if not len(time):
            return None
        if self.hold(int(time.min()), int(time.max()), append_time):
            return None
        return np.asarray((time < self.earliest) | (time > append_time + self.future))


@dataclass(frozen=True, slots=True)
class Disorder:
    """How far records may come out of order, ns.

    Parameters
    ----------
    allowed
        How long after its time a reading may come before its window closes.
    by_source
        The same for single sources, by their names.
    silence
        While time goes on, a source whose newest reading is older than this and the disorder
        allowed to it no longer holds the watermark.
    """

    allowed: int = 20 * SECOND
    by_source: Mapping[str, int] = field(default_factory=dict)
    silence: int = 60 * SECOND

    def of(self, source: str) -> int:
        """Disorder (ns) allowed to a source."""
        return self.by_source.get(source, self.allowed)


@dataclass(slots=True)
class Watermark:
    """Event time up to which a partition is complete; changed in place, a function of its log.

    Parameters
    ----------
    disorder
        What is allowed.
    ahead
        How far event times may be ahead of the log's clock, ns: `TimeBounds.future`.
    newest
        Greatest event time (ns UTC) heard from each live source.
    clock
        Time (ns UTC) that it is at least: of the last tick, or by event times.
    time
        Event time (ns UTC) up to which nothing more is expected; `NEVER` at first. It never
        goes back.

    Examples
    --------
    >>> mark = Watermark(Disorder(allowed=20, by_source={"slow": 50}, silence=100), ahead=60)
    >>> mark.hear("fast", 200)
    >>> mark.hear("slow", 190)
    >>> mark.hear("fast", 300)
    >>> mark.time  # 200 less 20, before the slow one was known
    180
    >>> mark.tick(345)  # 190 is older than 50 and 100
    >>> mark.time
    280
    """

    disorder: Disorder
    ahead: int = TimeBounds().future
    newest: dict[str, int] = field(default_factory=dict)
    clock: int = NEVER
    time: int = NEVER

    def hear(self, source: str, time_ns: int) -> None:
        """Note an event time (ns UTC) heard from a source."""
        self.newest[source] = max(time_ns, self.newest.get(source, NEVER))
        if len(self.newest) > _MOST_SOURCES:
            del self.newest[min(self.newest, key=lambda name: (self.newest[name], name))]
        self.clock = max(self.clock, time_ns - self.ahead)
        self._move()

    def tick(self, time_ns: int) -> None:
        """Note that time has come to `time_ns` (ns UTC)."""
        self.clock = max(self.clock, time_ns)
        self._move()

    def _move(self) -> None:
        allowed = self.disorder
        oldest = self.clock - allowed.silence
        gone = [
            source for source, time in self.newest.items() if time + allowed.of(source) <= oldest
        ]
        for source in gone:
            del self.newest[source]
        if self.newest:
            reached = min(time - allowed.of(source) for source, time in self.newest.items())
        elif self.clock > NEVER:
            reached = self.clock - allowed.allowed
        else:
            return
        self.time = max(self.time, reached)

    def dump(self) -> Tree:
        """State as a tree."""
        return {"newest": dict(self.newest), "clock": self.clock, "time": self.time}

    @classmethod
    def load(cls, disorder: Disorder, ahead: int, tree: Mapping[str, Any]) -> Watermark:
        """State from its tree."""
        return cls(disorder, ahead, dict(tree["newest"]), tree["clock"], tree["time"])
