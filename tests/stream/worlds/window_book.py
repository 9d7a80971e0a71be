"""A sink of windows that knows what may not happen to it: the outside world's view of revisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import TypeAlias

from records.log import LogRecord, Partition
from records.window import WindowBatch, decode_window

__all__ = ["Told", "WindowBook"]

Told: TypeAlias = tuple[str, int, str, int, int]
"""Topic, area, series, start and length: what has revisions."""


@dataclass
class WindowBook:
    """What stands of every window, and every revision that was ever seen of it.

    Parameters
    ----------
    before_write
        Called before each write.
    """

    before_write: Callable[[], None]
    stands: dict[Told, tuple[int, str]] = field(default_factory=dict)
    history: dict[Told, dict[int, str]] = field(default_factory=dict)
    positions: dict[Partition, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def take(self, records: Iterable[LogRecord], *, lower_too: bool = False) -> None:
        """Take records of one topic in; a lower revision changes nothing, unless `lower_too`."""
        for record in records:
            self.before_write()
            self._take(record.topic, decode_window(record.value), lower_too)

    def _take(self, topic: str, batch: WindowBatch, lower_too: bool) -> None:
        for row, numbers in enumerate(_numbers(batch)):
            told = (topic, batch.area, str(batch.series[row]), batch.start, batch.length)
            revision = int(batch.revision[row])
            seen = self.history.setdefault(told, {})
            if seen.setdefault(revision, numbers) != numbers:
                self.broken.append(f"{told}: revision {revision} was told with other numbers")
            if revision > 1 and revision - 1 not in seen:
                self.broken.append(f"{told}: revision {revision} came before {revision - 1}")
            held = self.stands.get(told, (0, ""))[0]
            if revision < held:
                if not lower_too:
                    continue
                self.broken.append(f"{told}: went back from revision {held} to {revision}")
            self.stands[told] = revision, numbers


_COLUMNS = [
    column.name
    for column in fields(WindowBatch)
    if column.name not in ("area", "start", "length", "input_offset", "series", "revision")
]


def _numbers(batch: WindowBatch) -> list[str]:
    columns = [getattr(batch, name).tolist() for name in _COLUMNS]
    return [repr(numbers) for numbers in zip(*columns, strict=True)]
