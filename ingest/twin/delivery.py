"""What waits to be handed over: late frames, documents, weather."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from records.log import Outgoing

__all__ = ["Queue", "Sent"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A record and how many measurements it holds."""

    record: Outgoing
    n_measurements: int


@dataclass(slots=True)
class Queue:
    """Records by the time at which they are handed over; equals in the order they came.

    >>> queue = Queue()
    >>> queue.put(7, Sent(Outgoing("t", 0, b"late"), 1))
    >>> queue.put(5, Sent(Outgoing("t", 0, b"soon"), 1))
    >>> [sent.record.value for sent in queue.due(6)]
    [b'soon']
    """

    _waiting: list[tuple[int, int, Sent]] = field(default_factory=list)
    _serial: int = 0

    def put(self, time: int, sent: Sent) -> None:
        """Let a record wait for `time` (ns UTC)."""
        self._serial += 1
        heapq.heappush(self._waiting, (time, self._serial, sent))

    def due(self, time: int) -> list[Sent]:
        """Take out everything whose time has come, in order."""
        out: list[Sent] = []
        while self._waiting and self._waiting[0][0] <= time:
            out.append(heapq.heappop(self._waiting)[2])
        return out
