"""The gateway: hands batches to a log at the speed wanted, never far ahead of who reads it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ingest.batch import Batch
from records.log import LogWriter
from records.time import SECOND

__all__ = ["Clock", "Gateway", "GatewayReport", "WallClock"]

_POLL_S = 0.02
_FLUSH_EVERY_S = 0.2


class Clock(Protocol):
    """What the gateway knows of real time."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass, or return at once when stopped."""
        ...


class WallClock:
    """Real time; waiting ends early when `stop` is set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now(self) -> float:
        """Return seconds on the machine's monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Sleep, or return at once when stopped."""
        self._stop.wait(seconds)


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What was sent.

    Parameters
    ----------
    records
        Records appended, ticks included.
    measurements
        Measurements, readings and weather values in them.
    until
        Event time reached, ns UTC; None when nothing was sent.
    finished
        False when it was stopped before the last batch.
    """

    records: int
    measurements: int
    until: int | None
    finished: bool


class Gateway:
    """Sends batches in order.

    Parameters
    ----------
    writer
        The log.
    stop
        Ends the sending between two batches when set.
    speed
        Event time per real time, such as 1.0 or 60.0; None for as fast as possible.
    may_advance_to
        Returns the event time (ns UTC) up to which may be sent now, such as what the slowest
        reader has reached and two hours more; None for no bound.
    on_batch
        Called after every batch with its time and the report so far.
    clock
        Real time.
    """

    def __init__(
        self,
        writer: LogWriter,
        stop: threading.Event,
        *,
        speed: float | None = None,
        may_advance_to: Callable[[], int] | None = None,
        on_batch: Callable[[GatewayReport], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if speed is not None and not speed > 0:
            raise ValueError(f"speed is {speed}; give a positive number, or none for the greatest")
        self._writer = writer
        self._stop = stop
        self._speed = speed
        self._may_advance_to = may_advance_to
        self._on_batch = on_batch
        self._clock = clock or WallClock(stop)

    def run(self, batches: Iterable[Batch]) -> GatewayReport:
        """Send until the batches end or `stop` is set; what was appended is flushed."""
        report = GatewayReport(0, 0, None, False)
        flushed = self._clock.now()
        origin: tuple[int, float] | None = None
        allowed: int | None = None
        try:
            for batch in batches:
                # Not before: the first batch may be long in the making.
                origin = origin or (batch.time, self._clock.now())
                self._pace(batch.time, *origin)
                if allowed is None or batch.time > allowed:
                    allowed = self._room(batch.time)
                if self._stop.is_set():
                    return report
                self._writer.append(batch.records)
                report = GatewayReport(
                    report.records + len(batch.records),
                    report.measurements + batch.n_measurements,
                    batch.time,
                    False,
                )
                now = self._clock.now()
                if now - flushed >= _FLUSH_EVERY_S:
                    self._writer.flush()
                    flushed = now
                if self._on_batch is not None:
                    self._on_batch(report)
            return GatewayReport(report.records, report.measurements, report.until, True)
        finally:
            self._writer.flush()

    def _pace(self, moment: int, first: int, began: float) -> None:
        """Wait until `moment` is due, when `first` was sent at `began`."""
        if self._speed is None:
            return
        due = began + (moment - first) / SECOND / self._speed
        while not self._stop.is_set() and (left := due - self._clock.now()) > 0:
            # Readers see what was sent before the pause.
            self._writer.flush()
            self._clock.wait(left)

    def _room(self, moment: int) -> int | None:
        """Wait until `moment` may be sent; return how far sending may go on without asking."""
        if self._may_advance_to is None:
            return 2**62
        allowed = self._may_advance_to()
        if allowed < moment:
            self._writer.flush()
        while allowed < moment and not self._stop.is_set():
            self._clock.wait(_POLL_S)
            allowed = self._may_advance_to()
        return allowed
