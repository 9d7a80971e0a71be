"""What a run puts out, read from its topics, its read model and its historian, and compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from redis import Redis

from console.log_access import kafka_connection
from console.services.run_file import RunFile
from records.log import Partition
from records.topics import CATALOGUE, topic_name
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_manifest import read_manifest
from storage.kafka_log_reader import KafkaLogReader

__all__ = ["DERIVED", "Compared", "Kept", "Products", "compare_historians", "compare_redis"]

DERIVED = tuple(
    topic.name for topic in CATALOGUE.values() if not topic.raw and topic.key != "product"
)
"""All topics that stages write; deadlines are watched on the wall clock."""

_RAW_CLASSES = ("scada", "meter_reads", "weather")
_PLACE_IN_LOG = ("recorded_at", "offset", "append_time", "event_time")
"""Where and when a repeat was logged."""


class Kept(msgspec.Struct, frozen=True):
    """A record of a derived topic."""

    partition: int
    key: bytes
    value: bytes
    headers: dict[str, str]

    @property
    def identity(self) -> tuple[int, bytes, bytes, tuple[tuple[str, str], ...]]:
        """Everything about it but where it stands."""
        return self.partition, self.key, self.value, tuple(sorted(self.headers.items()))


@dataclass(frozen=True)
class Compared:
    """One line of the table: how much was compared, and how much of it differs.

    Parameters
    ----------
    what
        Topic, hash or class of the historian.
    records
        Different ones of the undisturbed run.
    repeats
        Further copies that the disturbed run holds of them.
    missing, unexpected
        What only the undisturbed run has, and what only the disturbed run has.
    """

    what: str
    records: int
    repeats: int
    missing: int
    unexpected: int

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.missing and not self.unexpected


@dataclass
class Products:
    """The derived topics of a run, as far as they have been read."""

    run: RunFile
    found: dict[str, set[Any]] = field(default_factory=lambda: {name: set() for name in DERIVED})
    count: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DERIVED, 0))
    next: dict[Partition, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        connection = kafka_connection(self.run.settings)
        assert connection is not None
        self._reader = KafkaLogReader(connection)

    def read(self, names: Iterable[str] = DERIVED) -> None:
        """Read on to the present end."""
        for name in names:
            topic = topic_name(self.run.settings.namespace, name)
            for number in self._reader.partitions(topic):
                place = Partition(topic, number)
                while batch := self._reader.read(place, self.next.get(place, 0), 2000):
                    self.next[place] = batch[-1].offset + 1
                    self.count[name] += len(batch)
                    self.found[name] |= {
                        Kept(number, r.key, r.value, dict(r.headers)).identity for r in batch
                    }

    def wait(self, timeout: float) -> None:
        """Wait until there is more, at most so many seconds."""
        self._reader.wait_for_data(self.next, timeout)

    def lacking(self, expected: Mapping[str, list[Kept]]) -> dict[str, int]:
        """How many records of each topic have not come yet."""
        lacking = {
            name: len({kept.identity for kept in records} - self.found[name])
            for name, records in expected.items()
        }
        return {name: count for name, count in lacking.items() if count}

    def compared(self, expected: Mapping[str, list[Kept]]) -> list[Compared]:
        """Compare every topic, each different record once."""
        lines = []
        for name, records in expected.items():
            wanted, found = {kept.identity for kept in records}, self.found[name]
            lines.append(
                Compared(
                    f"topic {name}",
                    len(wanted),
                    self.count[name] - len(found),
                    len(wanted - found),
                    len(found - wanted),
                )
            )
        return lines

    def close(self) -> None:
        """Let go of the log."""
        self._reader.close()


def compare_redis(expected: Redis, found: Redis, namespace: str) -> list[Compared]:
    """Compare the read models byte by byte: states, alarms, ruptures, forecast runs, pointer.

    Signs of life are of each process, and the stream of events has the server's own numbers.
    """
    wanted, has = _read_model(expected, namespace), _read_model(found, namespace)
    kinds = sorted({kind for kind, _ in wanted.keys() | has.keys()})
    lines = []
    for kind in kinds:
        one = {(key, value) for (of, key), value in wanted.items() if of == kind}
        other = {(key, value) for (of, key), value in has.items() if of == kind}
        lines.append(Compared(f"Redis {kind}", len(one), 0, len(one - other), len(other - one)))
    return lines


def _read_model(client: Redis, namespace: str) -> dict[tuple[str, bytes], bytes]:
    """Every field of every hash and every string, by kind."""
    prefix = f"gc:{{{namespace}}}:"
    left_out = {f"{prefix}health".encode(), f"{prefix}events".encode()}
    model: dict[tuple[str, bytes], bytes] = {}
    for key in client.scan_iter(match=f"gc:{{{namespace}}}:*"):
        if key in left_out:
            continue
        kind = key.decode().removeprefix(prefix).split(":run:")[0]
        if client.type(key) == b"hash":
            fields: Any = client.hgetall(key)
            model |= {(kind, key + b" " + name): value for name, value in fields.items()}
        else:
            value: Any = client.get(key)
            model[kind, key] = value
    return model


def compare_historians(expected: Path, found: Path, namespace: str) -> list[Compared]:
    """Compare the historians class by class, every column of every row.

    Raw records must be there exactly once, with their offsets. Of what was derived each different
    row counts once, wherever and whenever it was logged. History that was there before the log
    (offset -1) is left out.
    """
    raw = ", ".join(f"'{topic_name(namespace, t.name)}'" for t in CATALOGUE.values() if t.raw)
    database = duckdb.connect()
    lines = []
    for kept_as in HistoryClass:
        for name, directory in (("wanted", expected), ("has", found)):
            database.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {_rows(directory, kept_as)}")
        columns = CLASSES[kept_as].schema.names
        what = f"historian {kept_as.value}"
        if kept_as is HistoryClass.RECORDS:
            lines.append(_compare(database, f"{what}, raw", columns, f"topic IN ({raw})"))
            derived = ", ".join(f"'{topic_name(namespace, name)}'" for name in DERIVED)
            what, where = f"{what}, derived", f"topic IN ({derived})"
            lines.append(_compare(database, what, columns, where, but=_PLACE_IN_LOG))
        elif kept_as.value in _RAW_CLASSES:
            lines.append(_compare(database, what, columns, "true"))
        else:
            lines.append(_compare(database, what, columns, "true", but=_PLACE_IN_LOG))
    database.close()
    return lines


def _compare(
    database: duckdb.DuckDBPyConnection,
    what: str,
    columns: Sequence[str],
    where: str,
    *,
    but: Collection[str] = (),
) -> Compared:
    """Compare rows of two tables exactly; or, where columns are left out, the different ones."""
    kept = ", ".join(f'"{name}"' for name in columns if name not in but)
    select = f"SELECT {'DISTINCT ' if but else ''}{kept} FROM"
    wanted, has = f"{select} wanted WHERE {where}", f"{select} has WHERE {where}"
    difference = "EXCEPT" if but else "EXCEPT ALL"

    def count(query: str) -> int:
        return int(database.sql(f"SELECT count(*) FROM ({query})").fetchall()[0][0])

    return Compared(
        what,
        count(wanted),
        count(f"FROM has WHERE {where}") - count(has),
        count(f"{wanted} {difference} {has}"),
        count(f"{has} {difference} {wanted}"),
    )


def _rows(directory: Path, kept_as: HistoryClass) -> str:
    """A query for all rows of a class that came from the log."""
    files = [e.path for e in read_manifest(directory).files if e.kept_as == kept_as.value]
    if not files:
        fields = ", ".join(f'NULL AS "{name}"' for name in CLASSES[kept_as].schema.names)
        return f"SELECT {fields} WHERE false"
    paths = ", ".join(f"'{directory / path}'" for path in files)
    return f'SELECT * FROM read_parquet([{paths}]) WHERE "offset" >= 0'
