"""What may not differ between a world and the same world undisturbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from records.topics import CATALOGUE
from storage.historian_classes import HistoryClass
from tests.stream.worlds.disk import Disk

__all__ = ["differences", "emitted", "rows_of"]

_ORIGIN = ("topic", "type", "length_ns", "partition", "offset")
_PLACE = ("partition", "offset", "recorded_at", "append_time", "input_offset")
_NULL = -1
_BY_CONTENT = ("window.30min.v1", "window.60min.v1", "window.day.v1")
"""Records that name the offset of a derived record, which depends on how often that was told: what
they say is compared by the book and by the historian."""


def differences(disk: Disk, calm: Disk) -> list[str]:
    """Tell what a world ended with that differs from the same world undisturbed."""
    found = _between("records", emitted(disk), emitted(calm))
    if disk.book.stands != calm.book.stands:
        found.append("the windows that stand differ")
    if disk.book.history != calm.book.history:
        found.append("the revisions seen of windows differ")
    found += disk.book.broken[:3]
    if disk.redis.contents() != calm.redis.contents():
        found.append(f"Redis differs: {_unlike(disk.redis.contents(), calm.redis.contents())}")
    if disk.redis.went_back:
        found.append(f"Redis went back {disk.redis.went_back} times")
    kept, expected = rows_of(disk.historian.kept), rows_of(calm.historian.kept)
    for kept_as in sorted({*kept, *expected}):
        found += _between(
            f"rows of {kept_as}", set(kept.get(kept_as, ())), set(expected.get(kept_as, ()))
        )
    found += _counted(disk)
    return found


def emitted(disk: Disk) -> set[tuple[str, bytes, bytes, str]]:
    """All distinct records of the output topics."""
    found = set()
    for partition, records in disk.log.items():
        name = partition.topic.split(".", 2)[2]
        if not CATALOGUE[name].raw and name not in _BY_CONTENT:
            found |= {(name, r.key, r.value, repr(sorted(r.headers.items()))) for r in records}
    return found


def rows_of(
    kept: Iterable[tuple[HistoryClass, pa.Table]],
) -> dict[HistoryClass, list[tuple[Any, ...]]]:
    """Return the rows of each class, without the place in the log they came from."""
    tables: dict[HistoryClass, list[pa.Table]] = {}
    for kept_as, table in kept:
        tables.setdefault(kept_as, []).append(table)
    rows = {}
    for kept_as, parts in tables.items():
        whole = pa.concat_tables(parts)
        columns = [_plain(whole[name]) for name in whole.column_names if name not in _PLACE]
        rows[kept_as] = list(zip(*columns, strict=True))
    return rows


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Values that compare bit by bit, NaN too."""
    kind = column.type
    if pa.types.is_floating(kind):
        bits = np.asarray(column.to_numpy(), np.float64).view(np.int64)
        return np.where(np.asarray(column.is_valid()), bits, _NULL).tolist()
    if pa.types.is_timestamp(kind):
        return column.cast(pa.int64()).to_pylist()
    if pa.types.is_list(kind):
        return [repr(value) for value in column.to_pylist()]
    return column.to_pylist()


def _counted(disk: Disk) -> list[str]:
    """Every record of the log must be in the historian once: as many rows as once through it."""
    doubled = 0
    for kept_as in {kept_as for kept_as, _ in disk.historian.kept}:
        seen: Counter[tuple[Any, ...]] = Counter()
        for other, table in disk.historian.kept:
            if other is not kept_as:
                continue
            names = [name for name in _ORIGIN if name in table.column_names]
            columns = [table[name].to_pylist() for name in names]
            seen.update(set(zip(*columns, strict=True)))
        doubled += sum(times - 1 for times in seen.values() if times > 1)
    return [f"{doubled} records are in the historian more than once"] if doubled else []


def _between(what: str, found: set[Any], expected: set[Any]) -> list[str]:
    told = []
    if expected - found:
        told.append(f"{len(expected - found)} {what} lost")
    if found - expected:
        told.append(f"{len(found - expected)} {what} made up")
    return told


def _unlike(found: dict[str, Any], expected: dict[str, Any]) -> str:
    names = sorted({*found, *expected})
    return ", ".join(name for name in names if found.get(name) != expected.get(name))
