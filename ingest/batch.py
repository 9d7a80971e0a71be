"""What reaches the gateways at one moment, in the order in which it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from records.log import Outgoing
from records.tick import tick_record

__all__ = ["Batch", "ticks"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that is sent when the gateway's clock shows `time` (ns UTC).

    `n_measurements` counts the values inside: rows of frames, readings, weather values.
    """

    time: int
    records: tuple[Outgoing, ...]
    n_measurements: int


def ticks(
    partitions: Iterable[tuple[str, int]], time_ns: int, source: str = "gateway"
) -> list[Outgoing]:
    """Return one tick for each (full topic name, partition)."""
    return [tick_record(topic, number, time_ns, source) for topic, number in partitions]
