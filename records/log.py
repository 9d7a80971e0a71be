"""The log that carries records: what is read, what is appended, and the two protocols.

The embedded log, Apache Kafka and the in-memory log of replays all satisfy them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

__all__ = [
    "LogReader",
    "LogRecord",
    "LogUnavailableError",
    "LogWriter",
    "OffsetOutOfRangeError",
    "Outgoing",
    "Partition",
]


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of one topic (full topic name)."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be appended; `headers` are CloudEvents attributes and ours."""

    topic: str
    partition: int
    value: bytes
    key: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record as read back, with its place in the log.

    `append_time` is the log's own clock at appending, ns UTC.
    """

    topic: str
    partition: int
    offset: int
    append_time: int
    value: bytes
    key: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class OffsetOutOfRangeError(LookupError):
    """An offset that the log does not hold: deleted by retention, or never written.

    Attributes
    ----------
    partition : Partition
        Where.
    offset : int
        What was asked for.
    begin, end : int
        What the log holds, ``[begin, end)``; `end` itself may be asked for.
    """

    def __init__(self, partition: Partition, offset: int, begin: int, end: int) -> None:
        self.partition, self.offset, self.begin, self.end = partition, offset, begin, end
        why = "retention deleted it" if offset < begin else "the log ends before it"
        super().__init__(
            f"{partition.topic}/{partition.number}: offset {offset} is not in [{begin}, {end}]: "
            f"{why}; start again from {begin if offset < begin else end}, or restore the log"
        )


class LogUnavailableError(OSError):
    """The log does not answer now; nothing is lost, and it can be asked again later."""


@runtime_checkable
class LogWriter(Protocol):
    """Appends records. One process writes a partition."""

    def append(self, records: Iterable[Outgoing]) -> None:
        """Hand records over, in order within each partition."""
        ...

    def flush(self) -> None:
        """Return once everything appended so far can be read by others and survives a kill."""
        ...

    def close(self) -> None:
        """Flush and let go of all resources."""
        ...


@runtime_checkable
class LogReader(Protocol):
    """Reads records by offset; any number of processes may read."""

    def partitions(self, topic: str) -> Sequence[int]:
        """Partition numbers of a topic, ascending; empty when the topic does not exist."""
        ...

    def begin_offset(self, partition: Partition) -> int:
        """Return the smallest offset that can still be read."""
        ...

    def end_offset(self, partition: Partition) -> int:
        """Return the offset the next record will get."""
        ...

    def read(self, partition: Partition, offset: int, max_records: int) -> Sequence[LogRecord]:
        """Records from `offset` on, at most `max_records`, empty at the end; never blocks long.

        Raises
        ------
        OffsetOutOfRangeError
            When `offset` is before the begin or beyond the end.
        """
        ...

    def close(self) -> None:
        """Let go of all resources."""
        ...
