"""Where a replay of a run keeps what it makes: a log and a historian of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.replays.filing import Filing
from records.log import Partition
from records.topics import CATALOGUE, Partitioning, topic_name
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.writer_lock import WriterLock

__all__ = ["ReplayFolder", "derived_topics", "replay_folder"]

_VIEWS = "scada.view.v1"


@dataclass(frozen=True, slots=True)
class ReplayFolder:
    """The log and the historian of a replay, empty at first.

    Parameters
    ----------
    path
        Of the folder; the historian is in its ``historian``, the log in its ``log``.
    namespace
        Of the topics.
    reader, writer
        Of the log.
    filing
        What keeps the historian.
    """

    path: Path
    namespace: str
    reader: EmbeddedLogReader
    writer: EmbeddedLogWriter
    filing: Filing

    @property
    def historian(self) -> Path:
        """Directory of the historian."""
        return self.path / "historian"

    def let_go(self, consumed: Mapping[Partition, int]) -> None:
        """Delete views that were taken in.

        Parameters
        ----------
        consumed
            Offset before which everything was taken in, by partition.
        """
        views = topic_name(self.namespace, _VIEWS)
        for place, offset in consumed.items():
            if place.topic == views:
                self.writer.delete_before(place, offset)

    def finish(self) -> None:
        """Have all that was appended filed and committed."""
        self.writer.flush()
        self.filing.finish()


def derived_topics(namespace: str) -> dict[str, str]:
    """Catalogue names of what stages write, by full topic name."""
    return {topic_name(namespace, name): name for name, topic in CATALOGUE.items() if not topic.raw}


@contextmanager
def replay_folder(path: Path, namespace: str, areas: int) -> Iterator[ReplayFolder]:
    """Make the folder, without what an earlier replay of the name left, and hold it.

    Raises
    ------
    storage.writer_lock.WriterLockedError
        When another replay works in it.
    """
    lock = WriterLock(path, "replay")
    try:
        for name in ("log", "historian"):
            shutil.rmtree(path / name, ignore_errors=True)
        reader = EmbeddedLogReader(path / "log")
        topics = derived_topics(namespace)
        filed = [full for full, name in topics.items() if name != _VIEWS]
        with EmbeddedLogWriter(path / "log") as writer, Filing(path, filed) as filing:
            for full, name in topics.items():
                by_area = CATALOGUE[name].partitioning is Partitioning.AREA
                writer.claim(full, range(areas if by_area else 1))
            writer.flush()
            yield ReplayFolder(path, namespace, reader, writer, filing)
    finally:
        lock.close()
