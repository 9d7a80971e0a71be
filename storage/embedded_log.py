"""The embedded log: topics as directories of append-only segments on one machine.

The same topics, keys, partitions and offsets as a broker, without its network protocol and
groups: one process writes a partition, any process may read and follow it. Its files are
``DIRECTORY/TOPIC/PARTITION/FIRST_OFFSET.log`` (format in `storage.log_batch`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from records.log import LogRecord, Outgoing, Partition
from storage.log_partition_reader import PartitionReader
from storage.log_partition_writer import PartitionWriter

__all__ = ["EmbeddedLogReader", "EmbeddedLogWriter"]

_FIRST_SLEEP_S = 0.0005
_LONGEST_SLEEP_S = 0.02
_PATIENCE_S = 5.0


def _directory(root: Path, partition: Partition) -> Path:
    name = partition.topic
    if not name or name.startswith(".") or "/" in name or partition.number < 0:
        raise ValueError(f"{partition} cannot name a partition: topics are file names")
    return root / name / str(partition.number)


class EmbeddedLogWriter:
    """Appends to the partitions it is given first; satisfies `records.log.LogWriter`.

    A partition is locked at its first record (or by `claim`) and until `close`; one that is
    shared with other processes, by `share`, only until the next flush. Not for use by several
    threads at once.

    Parameters
    ----------
    directory
        Of the whole log.
    durable
        Whether `flush` survives a power cut, not only a killed process.
    segment_bytes, batch_bytes
        Size at which a new segment begins, and at which waiting records are written without
        a flush.
    clock
        Append time, ns UTC; the log never lets it fall within a partition.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = False,
        segment_bytes: int = 64 << 20,
        batch_bytes: int = 256 << 10,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._root = directory
        self._durable = durable
        self._segment_bytes = segment_bytes
        self._batch_bytes = batch_bytes
        self._clock = clock
        self._writers: dict[tuple[str, int], PartitionWriter] = {}
        self._shared: set[tuple[str, int]] = set()

    def share(self, topic: str, partitions: Iterable[int]) -> None:
        """Let other processes write to these partitions too, between two flushes of this one.

        The first record after a flush waits a few seconds for another writer to let go.
        """
        self._shared |= {(topic, number) for number in partitions}

    def claim(self, topic: str, partitions: Iterable[int]) -> None:
        """Create and lock partitions ahead of their first record.

        Raises
        ------
        WriterLockedError
            When another process writes one of them.
        """
        for number in partitions:
            self._writer(topic, number)

    def append(self, records: Iterable[Outgoing]) -> None:
        """Hand records over, in order within each partition; visible after `flush`.

        Raises
        ------
        WriterLockedError
            When another process writes one of the partitions.
        LogWriteError
            When the disk is full; what was handed over stays and can be flushed again.
        """
        writers = self._writers
        now = self._clock()
        for record in records:
            writer = writers.get((record.topic, record.partition))
            if writer is None:
                writer = self._writer(record.topic, record.partition)
            writer.append(now, record.key, record.headers, record.value)

    def flush(self) -> None:
        """Make all that was appended visible, and with `durable` safe from a power cut."""
        for writer in self._writers.values():
            writer.flush()
        for place in self._shared & self._writers.keys():
            self._writers.pop(place).close()

    def delete_before(self, partition: Partition, offset: int) -> int:
        """Delete whole segments that end at or before `offset`; return how many."""
        return self._writer(partition.topic, partition.number).delete_before(offset)

    def delete_older(self, partition: Partition, append_time: int) -> int:
        """Delete whole segments appended before `append_time` (ns UTC); return how many."""
        return self._writer(partition.topic, partition.number).delete_older(append_time)

    def close(self) -> None:
        """Flush and unlock every partition, even where one of them fails."""
        failures = []
        for writer in self._writers.values():
            try:
                writer.close()
            except OSError as error:
                failures.append(error)
        self._writers.clear()
        if failures:
            raise failures[0]

    def __enter__(self) -> EmbeddedLogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _writer(self, topic: str, number: int) -> PartitionWriter:
        writer = self._writers.get((topic, number))
        if writer is None:
            writer = PartitionWriter(
                _directory(self._root, Partition(topic, number)),
                durable=self._durable,
                segment_bytes=self._segment_bytes,
                batch_bytes=self._batch_bytes,
                patience_s=_PATIENCE_S if (topic, number) in self._shared else 0.0,
            )
            self._writers[topic, number] = writer
        return writer


class EmbeddedLogReader:
    """Reads any partition from any offset; satisfies `records.log.LogReader`.

    Parameters
    ----------
    directory
        Of the whole log; it need not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        self._root = directory
        self._readers: dict[Partition, PartitionReader] = {}

    def topics(self) -> Sequence[str]:
        """Names of the topics there are, in order."""
        if not self._root.is_dir():
            return []
        return sorted(path.name for path in self._root.iterdir() if path.is_dir())

    def partitions(self, topic: str) -> Sequence[int]:
        """Partition numbers of a topic, ascending; empty when the topic does not exist."""
        directory = self._root / topic
        if not directory.is_dir():
            return []
        return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())

    def begin_offset(self, partition: Partition) -> int:
        """Return the smallest offset that can still be read."""
        return self._reader(partition).begin_offset()

    def end_offset(self, partition: Partition) -> int:
        """Return the offset the next record will get."""
        return self._reader(partition).end_offset()

    def read(self, partition: Partition, offset: int, max_records: int) -> Sequence[LogRecord]:
        """Records from `offset` on, at most `max_records`; empty at the end.

        Raises
        ------
        OffsetOutOfRangeError
            When the log does not hold `offset`.
        LogDamagedError
            When a batch inside the log fails its checksum.
        """
        return self._reader(partition).read(offset, max_records)

    def wait_for_data(self, positions: Mapping[Partition, int], timeout: float) -> bool:
        """Wait until a partition holds a record at or after its position in `positions`.

        Parameters
        ----------
        positions
            Next offset to read, by partition.
        timeout
            Longest wait, s.

        Returns
        -------
        bool
            False when the time ran out.
        """
        deadline = time.monotonic() + timeout
        sleep = _FIRST_SLEEP_S
        while not any(self._reader(p).has_data(offset) for p, offset in positions.items()):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(sleep, left))
            sleep = min(2 * sleep, _LONGEST_SLEEP_S)
        return True

    def close(self) -> None:
        """Close all files."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def __enter__(self) -> EmbeddedLogReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reader(self, partition: Partition) -> PartitionReader:
        reader = self._readers.get(partition)
        if reader is None:
            reader = PartitionReader(_directory(self._root, partition), partition)
            self._readers[partition] = reader
        return reader
