"""Windows made again, on their way to the topic they belong to.

A partition of the embedded log has one writer, and that of the windows is the process that closes
them. What another process makes reaches it in a topic of its own, and is passed on unchanged. Over
a broker there is no need: every process may write there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from records.deadletter import dead_letter_record
from records.envelope import event_type
from records.errors import Reason, RecordError
from records.log import LogRecord, LogWriter, Outgoing, Partition
from records.snapshot import Tree
from records.topics import topic_name
from records.window import WINDOW_TYPE
from stream.stage import Outcome, Scope
from stream.whole_windows import WHOLE_NAMES

__all__ = ["RelayStage", "RelayedWriter"]

_FOR = "gc_for"
_PASSED_ON = ("window.5min.v1", "window.15min.v1", *WHOLE_NAMES, "meter.interval.v1")


class RelayedWriter:
    """Hands records to `RelayStage` instead of to their topic; satisfies `LogWriter`.

    Parameters
    ----------
    writer
        The log.
    namespace
        Of the topics.
    """

    def __init__(self, writer: LogWriter, namespace: str) -> None:
        self._writer = writer
        self._relay = topic_name(namespace, "window.rebuilt.v1")
        self._relayed = {topic_name(namespace, name): name for name in _PASSED_ON}

    def append(self, records: Iterable[Outgoing]) -> None:
        """Hand records over, in order within each partition."""
        self._writer.append(
            replace(
                record,
                topic=self._relay,
                headers={**record.headers, _FOR: self._relayed[record.topic]},
            )
            if record.topic in self._relayed
            else record
            for record in records
        )

    def flush(self) -> None:
        """Return once everything appended can be read by others."""
        self._writer.flush()

    def close(self) -> None:
        """Close the log."""
        self._writer.close()


class RelayStage:
    """Passes windows made again on to their topic, one area a partition; it has no state.

    Parameters
    ----------
    namespace
        Namespace of the topics.
    """

    name = "relay"
    scope = Scope.PARTITION

    def __init__(self, namespace: str) -> None:
        self.inputs = (topic_name(namespace, "window.rebuilt.v1"),)
        self._topics = {name: topic_name(namespace, name) for name in _PASSED_ON}
        self._dead_topic = topic_name(namespace, "dead-letter.v1")

    def initial(self, partitions: Sequence[Partition]) -> None:
        """Nothing is remembered."""

    def step(self, state: None, record: LogRecord) -> tuple[None, list[Outcome]]:
        """Pass a record on."""
        headers = dict(record.headers)
        name = headers.pop(_FOR, "")
        try:
            kind = event_type(headers)
            if kind != WINDOW_TYPE or name not in self._topics:
                raise RecordError(Reason.UNKNOWN_TYPE, f"{kind[:80]} for {name[:80] or 'nobody'}")
        except RecordError as error:
            return None, [dead_letter_record(self._dead_topic, record, error, source=self.name)]
        return None, [
            Outgoing(self._topics[name], record.partition, record.value, record.key, headers)
        ]

    def dump(self, state: None) -> Tree:
        """Nothing to keep."""
        return None

    def load(self, tree: Tree) -> None:
        """Nothing was kept."""
