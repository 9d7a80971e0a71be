"""The one writer of the embedded historian: date-partitioned Parquet under a manifest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from records.log import Partition
from records.time import SECOND
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_manifest import (
    FileEntry,
    Manifest,
    read_manifest,
    sync_directories,
    write_manifest,
)
from storage.writer_lock import WriterLock

__all__ = ["HistorianWriter", "date_of"]

_ROW_GROUP = 512 << 10
_TARGET_BYTES = 128 << 20
_LEAST = 4
_SPLIT = {"value", "q95", "minimum", "maximum", "energy_mwh"}


class HistorianWriter:
    """Writes files, then makes them count by one rename.

    Parameters
    ----------
    directory
        Created when absent. Files are ``CLASS/DATE/NAME.parquet``.
    durable
        Whether a commit survives a power cut, not only a killed process.

    Raises
    ------
    WriterLockedError
        When another process writes the same historian.
    HistorianDamagedError
        When its manifest cannot be read.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self._directory = directory
        self._durable = durable
        self._lock = WriterLock(directory, "historian")
        try:
            self._manifest = read_manifest(directory)
        except BaseException:
            self._lock.close()
            raise
        self._retired: list[str] = []
        self._remove_orphans()

    def positions(self) -> dict[Partition, int]:
        """Next offset to be recorded, by partition."""
        return self._manifest.next_offsets()

    def commit(
        self,
        tables: Mapping[tuple[HistoryClass, str], pa.Table],
        positions: Mapping[Partition, int],
    ) -> None:
        """Add rows and move the positions, both or neither.

        Parameters
        ----------
        tables
            Rows by class and date (``YYYY-MM-DD``, UTC).
        positions
            Next offset to be recorded of the partitions the rows came from.

        Raises
        ------
        OSError
            When the disk refuses; nothing of the commit counts then.
        """
        merged = self.positions() | dict(positions)
        self._replace(tables, [], merged)

    def compact(self, *, target_bytes: int = _TARGET_BYTES, least: int = _LEAST) -> int:
        """Merge the small files of each class and date, sorted for queries.

        A file smaller than half of `target_bytes` is small; `least` of them are worth a merge.

        Returns
        -------
        int
            How many files were merged away. They are deleted at the next call, or the next
            start, so that readers in the middle of a query keep them.
        """
        self._delete_retired()
        return self._merge(target_bytes, least)

    def delete_old(
        self,
        now: int,
        retention: Mapping[HistoryClass, timedelta] | None = None,
        *,
        recorded_now: int | None = None,
    ) -> int:
        """Drop the files of which every row is past its class's retention at `now` (ns UTC).

        `retention` replaces the classes' own; `recorded_now` is the log's clock (ns UTC), for
        classes that are kept by when they were recorded, where it is not that of the data.
        Returns how many files were dropped.
        """
        self._delete_retired()
        return self._drop(now, retention or {}, now if recorded_now is None else recorded_now)

    def tidy(
        self,
        now: int | None,
        retention: Mapping[HistoryClass, timedelta],
        *,
        recorded_now: int,
    ) -> tuple[int, int]:
        """Delete what was merged away at the last call; drop what is old, merge what is small.

        `now` is how far the data have come, None where that is not known: then only classes
        kept by when they were recorded are looked at. Call it at most every few minutes:
        a query may take that long without meeting a file that is gone.

        Returns
        -------
        dropped, merged
            How many files were dropped and merged away.
        """
        self._delete_retired()
        dropped = self._drop(-(2**62) if now is None else now, retention, recorded_now)
        return dropped, self._merge(_TARGET_BYTES, _LEAST)

    def _merge(self, target_bytes: int, least: int) -> int:
        groups: dict[tuple[str, str], list[FileEntry]] = {}
        for entry in self._manifest.files:
            if entry.size < target_bytes // 2:
                groups.setdefault((entry.kept_as, entry.date), []).append(entry)
        merged_away = 0
        for (name, date), entries in groups.items():
            for batch in _batches(entries, target_bytes):
                if len(batch) < least:
                    continue
                kept_as = HistoryClass(name)
                kept = CLASSES[kept_as]
                table = pa.concat_tables(
                    pq.read_table(self._directory / entry.path, schema=kept.schema)
                    for entry in batch
                ).unify_dictionaries()
                self._replace(
                    {(kept_as, date): _sorted(table, kept.order)}, batch, self.positions()
                )
                merged_away += len(batch)
        return merged_away

    def _drop(
        self, now: int, retention: Mapping[HistoryClass, timedelta], recorded_now: int
    ) -> int:
        oldest = {}
        for kept_as, kept in CLASSES.items():
            limit = int(retention.get(kept_as, kept.retention).total_seconds()) * SECOND
            oldest[kept_as] = (now if kept.by_valid_time else recorded_now) - limit
        old = [
            entry
            for entry in self._manifest.files
            if entry.last < oldest[HistoryClass(entry.kept_as)]
        ]
        if old:
            self._replace({}, old, self.positions())
        return len(old)

    def close(self) -> None:
        """Let another writer in."""
        self._delete_retired()
        self._lock.close()

    def __enter__(self) -> HistorianWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _replace(
        self,
        tables: Mapping[tuple[HistoryClass, str], pa.Table],
        gone: Iterable[FileEntry],
        positions: Mapping[Partition, int],
    ) -> None:
        sequence = self._manifest.sequence + 1
        added: list[FileEntry] = []
        removed = {entry.path for entry in gone}
        try:
            for (kept_as, date), table in tables.items():
                path = f"{kept_as}/{date}/{sequence:010d}.parquet"
                added.append(self._write(kept_as, date, path, table))
            manifest = Manifest(
                sequence,
                [entry for entry in self._manifest.files if entry.path not in removed] + added,
                sorted((p.topic, p.number, offset) for p, offset in positions.items()),
            )
            write_manifest(self._directory, manifest, durable=self._durable)
        except OSError:
            for entry in added:
                (self._directory / entry.path).unlink(missing_ok=True)
            raise
        self._manifest = manifest
        self._retired.extend(removed)

    def _write(self, kept_as: HistoryClass, date: str, path: str, table: pa.Table) -> FileEntry:
        target = self._directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        floats = [name for name in table.column_names if name in _SPLIT and _is_float(table, name)]
        others = [_leaf(field) for field in table.schema if field.name not in floats]
        try:
            pq.write_table(
                table,
                temporary,
                compression="zstd",
                compression_level=1,
                row_group_size=_ROW_GROUP,
                use_dictionary=others,
                column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT") or None,
            )
            if self._durable:
                fd = os.open(temporary, os.O_RDONLY)
                os.fsync(fd)
                os.close(fd)
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        if self._durable:
            sync_directories([target.parent, target.parent.parent])
        column = CLASSES[kept_as].bounded_by
        bounds = pc.min_max(table[column].cast(pa.int64()))
        return FileEntry(
            path,
            kept_as.value,
            date,
            table.num_rows,
            target.stat().st_size,
            bounds["min"].as_py(),
            bounds["max"].as_py(),
        )

    def _delete_retired(self) -> None:
        for path in self._retired:
            (self._directory / path).unlink(missing_ok=True)
        self._retired.clear()

    def _remove_orphans(self) -> None:
        """Remove what a commit that never came about left behind."""
        counted = {entry.path for entry in self._manifest.files}
        for path in self._directory.rglob("*"):
            leftover = path.suffix == ".tmp" or path.suffix == ".parquet"
            if leftover and str(path.relative_to(self._directory)) not in counted:
                path.unlink()


def date_of(time: int) -> str:
    """UTC date of a time in ns.

    >>> date_of(86_400 * 10**9)
    '1970-01-02'
    """
    return datetime.fromtimestamp(time // SECOND, UTC).date().isoformat()


def _batches(entries: list[FileEntry], target: int) -> list[list[FileEntry]]:
    batches: list[list[FileEntry]] = [[]]
    size = 0
    for entry in entries:
        if size + entry.size > target and batches[-1]:
            batches.append([])
            size = 0
        batches[-1].append(entry)
        size += entry.size
    return batches


def _sorted(table: pa.Table, order: Sequence[str]) -> pa.Table:
    """Sort by columns, rows that agree in them staying in their order."""
    keys = table.select(order)
    for column, field in enumerate(keys.schema):
        if pa.types.is_dictionary(field.type):
            keys = keys.set_column(column, field.name, keys[column].cast(pa.string()))
    return table.take(pc.sort_indices(keys, [(name, "ascending") for name in order]))


def _is_float(table: pa.Table, name: str) -> bool:
    return bool(pa.types.is_floating(table.schema.field(name).type))


def _leaf(field: pa.Field) -> str:
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
