"""What may not differ between a world and the same world undisturbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from records.topics import CATALOGUE
from storage.historian_classes import HistoryClass
from tests.stream.worlds.disk import Disk
from tests.stream.worlds.window_book import Told

__all__ = ["Outcome", "differences", "outcome_of"]

_ORIGIN = ("topic", "type", "length_ns", "partition", "offset")
_PLACE = ("partition", "offset", "recorded_at", "append_time")
_NULL = -1


@dataclass(frozen=True)
class Outcome:
    """What a world ended with, as it is compared.

    Parameters
    ----------
    records
        All distinct records of the output topics.
    stands, history
        Of windows: what stands, and every revision that was seen.
    redis
        What the read model holds.
    rows
        Distinct rows of the historian by class, without the place in the log they came from.
    broken
        What may not happen in any world.
    """

    records: set[tuple[str, bytes, bytes, str]]
    stands: dict[Told, tuple[int, str]]
    history: dict[Told, dict[int, str]]
    redis: dict[str, Any]
    rows: dict[HistoryClass, set[tuple[Any, ...]]]
    broken: list[str]


def outcome_of(disk: Disk) -> Outcome:
    """Gather what a world ended with."""
    broken = disk.book.broken[:3] + _doubled(disk)
    if disk.redis.went_back:
        broken.append(f"Redis went back {disk.redis.went_back} times")
    return Outcome(
        emitted(disk),
        disk.book.stands,
        disk.book.history,
        disk.redis.contents(),
        rows_of(disk.historian.kept),
        broken,
    )


def differences(disk: Disk, calm: Outcome) -> list[str]:
    """Tell what a world ended with that differs from the undisturbed one."""
    mine = outcome_of(disk)
    found = _between("records", mine.records, calm.records)
    if mine.stands != calm.stands:
        found.append("the windows that stand differ")
    if mine.history != calm.history:
        found.append("the revisions seen of windows differ")
    if mine.redis != calm.redis:
        found.append(f"Redis differs: {_unlike(mine.redis, calm.redis)}")
    for kept_as in sorted({*mine.rows, *calm.rows}):
        kept, expected = mine.rows.get(kept_as, set()), calm.rows.get(kept_as, set())
        found += _between(f"rows of {kept_as}", kept, expected)
    return [*found, *mine.broken, *calm.broken]


def emitted(disk: Disk) -> set[tuple[str, bytes, bytes, str]]:
    """All distinct records of the output topics."""
    found = set()
    for partition, records in disk.log.items():
        name = partition.topic.split(".", 2)[2]
        if not CATALOGUE[name].raw:
            found |= {(name, r.key, r.value, repr(sorted(r.headers.items()))) for r in records}
    return found


def rows_of(
    kept: Iterable[tuple[HistoryClass, pa.Table]],
) -> dict[HistoryClass, set[tuple[Any, ...]]]:
    """Return the distinct rows of each class, without the place in the log they came from."""
    tables: dict[HistoryClass, list[pa.Table]] = {}
    for kept_as, table in kept:
        tables.setdefault(kept_as, []).append(table)
    rows = {}
    for kept_as, parts in tables.items():
        whole = pa.concat_tables(parts)
        columns = [_plain(whole[name]) for name in whole.column_names if name not in _PLACE]
        rows[kept_as] = set(zip(*columns, strict=True))
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


def _doubled(disk: Disk) -> list[str]:
    """Tell of records that went into the historian more than once."""
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
