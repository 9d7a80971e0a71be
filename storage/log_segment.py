"""Segments of a partition: one data file and one sparse index each, named by first offset.

The index is a hint: readers check what they find at the position it names, and writers
rebuild that of the last segment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from storage.log_batch import HEADER_SIZE, BatchHeader, parse_header

__all__ = [
    "INDEX_ENTRY",
    "Segment",
    "data_path",
    "index_path",
    "load_index",
    "segment_bases",
]

INDEX_ENTRY = np.dtype([("offset", "<i8"), ("position", "<i8")])
"""One index entry: a batch's first offset and where it starts in the data file."""


def data_path(directory: Path, base: int) -> Path:
    """Data file of the segment whose first offset is `base`."""
    return directory / f"{base:020d}.log"


def index_path(directory: Path, base: int) -> Path:
    """Index file of the segment whose first offset is `base`."""
    return directory / f"{base:020d}.index"


def segment_bases(directory: Path) -> list[int]:
    """First offsets of the segments there, ascending; empty when there are none."""
    try:
        return sorted(int(path.stem) for path in directory.iterdir() if path.suffix == ".log")
    except FileNotFoundError:
        return []


def load_index(directory: Path, base: int) -> npt.NDArray[np.void]:
    """Entries of a segment's index, shape (n_entries,), dtype `INDEX_ENTRY`; empty if absent."""
    try:
        data = index_path(directory, base).read_bytes()
    except FileNotFoundError:
        data = b""
    whole = len(data) - len(data) % INDEX_ENTRY.itemsize
    return np.frombuffer(data[:whole], INDEX_ENTRY)


class Segment:
    """A data file opened for reading, with a place in it.

    Parameters
    ----------
    directory
        Of the partition.
    base
        First offset of the segment.

    Attributes
    ----------
    position : int
        Where the next batch starts in the file.
    offset : int
        Offset of that batch.

    Raises
    ------
    FileNotFoundError
        When the segment is not, or no longer, there.
    """

    __slots__ = ("_directory", "_fd", "base", "offset", "position")

    def __init__(self, directory: Path, base: int) -> None:
        self._directory = directory
        self._fd = os.open(data_path(directory, base), os.O_RDONLY)
        self.base = self.offset = base
        self.position = 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    @property
    def size(self) -> int:
        """Bytes in the file now."""
        return os.fstat(self._fd).st_size

    @property
    def deleted(self) -> bool:
        """Whether retention has removed the file since it was opened."""
        return os.fstat(self._fd).st_nlink == 0

    @property
    def holds_batch(self) -> bool:
        """Whether a batch of full length stands at the place; its body is not checked."""
        size = self.size
        if size <= self.position:
            return False
        header = self.header()
        return header is not None and self.position + header.size <= size

    def jump(self, offset: int) -> None:
        """Move to an indexed batch at or before `offset`; stay where the index does not help."""
        index = load_index(self._directory, self.base)
        row = int(np.searchsorted(index["offset"], offset, side="right")) - 1
        if row < 0 or index["offset"][row] <= self.offset:
            return
        position, first = int(index["position"][row]), int(index["offset"][row])
        if not 0 <= position < self.size:
            return
        header = parse_header(os.pread(self._fd, HEADER_SIZE, position))
        if header is not None and header.offset == first:
            self.position, self.offset = position, first

    def header(self) -> BatchHeader | None:
        """Header of the batch at the place; None where no whole header stands there."""
        header = parse_header(os.pread(self._fd, HEADER_SIZE, self.position))
        return header if header is not None and header.offset == self.offset else None

    def body(self, header: BatchHeader) -> bytes:
        """Body of the batch at the place; shorter than said where it is torn."""
        return os.pread(self._fd, header.body_size, self.position + HEADER_SIZE)

    def advance(self, header: BatchHeader) -> None:
        """Move past the batch at the place."""
        self.position += header.size
        self.offset = header.end

    def skip_complete(self, until: int | None = None) -> None:
        """Move over complete batches, up to the one that holds `until`, or to the end.

        Bodies are trusted to be whole where another batch follows; the last one is checked,
        because a writer that died may have left it torn.
        """
        for header in self._headers():
            if until is not None and until < header.end:
                return
            self.advance(header)

    def _headers(self) -> Iterator[BatchHeader]:
        size = self.size
        while (header := self.header()) is not None:
            end = self.position + header.size
            if end > size or (end == size and not header.matches(self.body(header))):
                return
            yield header
