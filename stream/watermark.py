"""Watermarks: how far a partition's event time is complete.

The watermark is the greatest event time seen less the allowed disorder. Only records move it:
measurements, and ticks where none come. A time further ahead of the log's own clock than
`future` is refused before it can move anything, so one wrong clock cannot close windows early.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from records.errors import Reason, RecordError
from records.time import SECOND, format_time

__all__ = ["NEVER", "TimeBounds", "Watermark"]

NEVER = -(2**62)
"""Before every time that can occur."""


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
class Watermark:
    """Greatest event time of one partition, less the allowed disorder.

    >>> mark = Watermark(disorder=20).seen(100)
    >>> mark.time, mark.seen(90).time, mark.seen(130).time
    (80, 80, 110)
    """

    disorder: int
    greatest: int = NEVER

    @property
    def time(self) -> int:
        """Event time (ns UTC) up to which nothing more is expected; `NEVER` at first."""
        return self.greatest - self.disorder if self.greatest > NEVER else NEVER

    def seen(self, time_ns: int) -> Watermark:
        """Return the watermark after an event time was seen; it never goes back."""
        return Watermark(self.disorder, time_ns) if time_ns > self.greatest else self
