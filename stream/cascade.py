"""Stages wired to each other in memory: what one emits, the others take in at once.

The runner of replays, backtests and tests: no broker, no clock, one thread, and the same
steps as everywhere else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from records.log import LogRecord, Outgoing, Partition
from stream.stage import Outcome, Scope, Stage

__all__ = ["Cascade"]


class Cascade:
    """Drives several stages, first in first out.

    Parameters
    ----------
    stages
        In any order; one stage's outputs may be another's inputs.
    partitions
        Partition numbers of every input topic, by full topic name.
    """

    def __init__(
        self, stages: Sequence[Stage[Any]], partitions: Mapping[str, Sequence[int]]
    ) -> None:
        self._offsets: dict[Partition, int] = {}
        self._takers: dict[str, list[int]] = {}
        self._stages = list(stages)
        self._states: list[dict[int, Any]] = []
        for place, stage in enumerate(self._stages):
            inputs = [Partition(t, n) for t in stage.inputs for n in partitions[t]]
            for topic in stage.inputs:
                self._takers.setdefault(topic, []).append(place)
            if stage.scope is Scope.ALL:
                self._states.append({-1: stage.initial(inputs)})
            else:
                numbers = sorted({p.number for p in inputs})
                self._states.append(
                    {n: stage.initial([p for p in inputs if p.number == n]) for n in numbers}
                )

    def send(self, records: Iterable[Outgoing], append_time: int) -> Iterator[Outcome]:
        """Append records and yield every outcome of every stage, in order.

        Parameters
        ----------
        append_time
            What the log's clock would have shown, ns UTC.
        """
        queue = deque(records)
        while queue:
            sent = queue.popleft()
            record = self._appended(sent, append_time)
            for place in self._takers.get(sent.topic, ()):
                for outcome in self._stepped(place, record):
                    if isinstance(outcome, Outgoing):
                        queue.append(outcome)
                    yield outcome

    def state(self, stage: Stage[Any], partition: int = -1) -> Any:
        """Return the present state of a stage (of one partition number where it has several)."""
        return self._states[self._stages.index(stage)][partition]

    def _appended(self, sent: Outgoing, append_time: int) -> LogRecord:
        partition = Partition(sent.topic, sent.partition)
        offset = self._offsets.get(partition, 0)
        self._offsets[partition] = offset + 1
        return LogRecord(
            sent.topic, sent.partition, offset, append_time, sent.value, sent.key, sent.headers
        )

    def _stepped(self, place: int, record: LogRecord) -> list[Outcome]:
        states = self._states[place]
        key = -1 if -1 in states else record.partition
        states[key], outcomes = self._stages[place].step(states[key], record)
        return outcomes
