"""What was sent, remembered by its digest, and whether the raw topics hold just that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from records.log import LogReader, LogWriter, Outgoing, Partition
from tests.system.kafka_proof.products import Compared

__all__ = ["RememberingWriter", "compare_raw"]


class RememberingWriter:
    """A writer that keeps a digest of every record, in order by partition."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer
        self.digests: dict[Partition, list[bytes]] = {}

    def append(self, records: Iterable[Outgoing]) -> None:
        """Hand records over."""
        kept = list(records)
        for record in kept:
            place = Partition(record.topic, record.partition)
            self.digests.setdefault(place, []).append(_digest(record.key, record.value))
        self._writer.append(kept)

    def flush(self) -> None:
        """Return once everything appended is kept."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and let go."""
        self._writer.close()


def compare_raw(sent: RememberingWriter, reader: LogReader) -> Compared:
    """Compare the raw topics with what was sent: the same records, once each, in order."""
    total = missing = unexpected = 0
    for place, digests in sent.digests.items():
        found: list[bytes] = []
        while batch := reader.read(place, len(found), 2000):
            found += [_digest(record.key, record.value) for record in batch]
        total += len(digests)
        if found != digests:
            missing += max(1, len(digests) - len(found))
            unexpected += max(0, len(found) - len(digests))
    return Compared("raw topics, as sent", total, 0, missing, unexpected)


def _digest(key: bytes, value: bytes) -> bytes:
    return hashlib.sha256(len(key).to_bytes(4, "little") + key + value).digest()
