"""Where a replay of a run keeps what it makes: a log and a historian of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.services.recorder_service import take_available
from records.log import Partition
from records.topics import CATALOGUE, Partitioning, topic_name
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from storage.writer_lock import WriterLock

__all__ = ["ReplayFolder", "derived_topics", "replay_folder"]

_BATCH = 500
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
    recorder
        Of the historian.
    """

    path: Path
    namespace: str
    reader: EmbeddedLogReader
    writer: EmbeddedLogWriter
    recorder: Recorder

    @property
    def historian(self) -> Path:
        """Directory of the historian."""
        return self.path / "historian"

    def file(self, consumed: Mapping[Partition, int]) -> int:
        """File what was appended since, and let go of views that were taken in.

        Parameters
        ----------
        consumed
            Offset before which everything was taken in, by partition.

        Returns
        -------
        int
            How many records were filed.
        """
        names = [name for name in derived_topics(self.namespace).values() if name != _VIEWS]
        topics = [topic_name(self.namespace, name) for name in names]
        taken, _ = take_available(self.recorder, self.reader, topics)
        views = topic_name(self.namespace, _VIEWS)
        for place, offset in consumed.items():
            if place.topic == views:
                self.writer.delete_before(place, offset)
        return taken

    def finish(self, consumed: Mapping[Partition, int]) -> None:
        """File all that is left, and commit it."""
        self.writer.flush()
        while self.file(consumed):
            pass
        self.recorder.flush()


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
        with EmbeddedLogWriter(path / "log") as writer, HistorianWriter(path / "historian") as kept:
            for full, name in derived_topics(namespace).items():
                by_area = CATALOGUE[name].partitioning is Partitioning.AREA
                writer.claim(full, range(areas if by_area else 1))
            writer.flush()
            yield ReplayFolder(path, namespace, reader, writer, Recorder(kept))
    finally:
        lock.close()
