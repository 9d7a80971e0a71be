"""Deletes what the embedded log need not keep any longer; a broker does that by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from records.log import LogWriter, Partition
from records.topics import CATALOGUE
from storage.embedded_log import EmbeddedLogWriter

__all__ = ["Retention"]

_EVERY_S = 600.0


class Retention:
    """Applies the catalogue's retention to the partitions that this process writes.

    Parameters
    ----------
    writer
        The log of this process; anything but an embedded log is left alone.
    partitions
        What it writes (full topic names).
    clock
        Wall time, ns UTC, as the log stamps its records.
    """

    def __init__(
        self,
        writer: LogWriter,
        partitions: Iterable[Partition],
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._writer = writer if isinstance(writer, EmbeddedLogWriter) else None
        self._partitions = tuple(partitions)
        self._clock = clock
        self._next = time.monotonic() + _EVERY_S

    def apply_now_and_then(self) -> None:
        """Apply it if the last time is long enough ago; cheap otherwise."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            self.apply()

    def apply(self) -> int:
        """Delete what is older than its topic's retention; return how many segments went."""
        if self._writer is None:
            return 0
        now = self._clock()
        return sum(
            self._writer.delete_older(where, now - CATALOGUE[_short(where.topic)].retention_ns)
            for where in self._partitions
        )


def _short(topic: str) -> str:
    """Name of a topic without its prefix.

    >>> _short("gridcast.demo.scada.view.v1")
    'scada.view.v1'
    """
    return topic.split(".", 2)[2]
