"""`gridcast topics`: what travels, and how to look at it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from console.log_access import full_topic, kafka_connection, open_reader
from console.options import Config, Directory, Namespace
from console.settings import load_settings
from console.topics.record_json import as_json_line, as_tree
from records.log import LogReader, LogRecord, Partition
from records.time import format_duration
from records.topics import CATALOGUE, Partitioning, topic_name
from storage.embedded_log import EmbeddedLogWriter

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="List, create and read topics.")

_BATCH = 500
_FOLLOW_S = 0.2


class Format(StrEnum):
    """How records are printed."""

    TABLE = "table"
    JSONL = "jsonl"


@app.command("list")
def list_topics(
    config: Config = None, namespace: Namespace = None, directory: Directory = None
) -> None:
    """Print the catalogue, and how many records each topic holds."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    table = Table(title=f"Topics of gridcast.{settings.namespace}.", title_justify="left")
    for heading in ("topic", "key", "retention", "partitions", "records", "about"):
        table.add_column(heading, justify="right" if heading == "records" else "left")
    reader = open_reader(settings)
    try:
        for name, topic in CATALOGUE.items():
            full = topic_name(settings.namespace, name)
            numbers = reader.partitions(full)
            count = sum(
                reader.end_offset(Partition(full, n)) - reader.begin_offset(Partition(full, n))
                for n in numbers
            )
            table.add_row(
                name,
                topic.key,
                format_duration(topic.retention_ns),
                str(len(numbers)) if numbers else "-",
                str(count) if numbers else "-",
                topic.about,
            )
    finally:
        reader.close()
    Console().print(table)


@app.command("create")
def create(
    areas: Annotated[
        int, typer.Option(min=1, metavar="N", help="Areas, and so partitions of area topics.")
    ],
    replication: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Copies of each record in Kafka; 3 if it can be."),
    ] = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Create the topics that are missing, and say where others differ from the catalogue."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    connection = kafka_connection(settings)
    console = Console(soft_wrap=True)
    if connection is None:
        with EmbeddedLogWriter(settings.directory / "log") as writer:
            for topic in CATALOGUE.values():
                count = areas if topic.partitioning is Partitioning.AREA else 1
                writer.claim(topic_name(settings.namespace, topic.name), range(count))
        console.print(f"{len(CATALOGUE)} topics in {settings.directory / 'log'}")
        return
    from storage.kafka_topics import create_topics

    for report in create_topics(connection, settings.namespace, areas, replication=replication):
        done = "created" if report.created else "there already"
        if report.partitions_added:
            done += f", {report.partitions_added} partitions added"
        console.print(f"{report.topic}: {done}")
        for difference in report.differences:
            console.print(f"  [yellow]differs:[/] {difference}")


@app.command("read")
def read_topic(
    topic: Annotated[str, typer.Argument(help="Name with or without its prefix: forecast.v1.")],
    start: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="OFFSET",
            help="First offset; negative counts back from the end. The oldest by default.",
        ),
    ] = None,
    partition: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="One partition only; all by default.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after so many records.")
    ] = None,
    follow: Annotated[bool, typer.Option(help="Wait for new records until Ctrl-C.")] = False,
    form: Annotated[Format, typer.Option("--format", help="One JSON a line, or a table.")] = (
        Format.TABLE
    ),
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Print the records of a topic, decoded."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    name = full_topic(settings, topic)
    reader = open_reader(settings)
    console = Console(soft_wrap=True)
    shown = 0
    try:
        for record in _records(reader, name, partition, start, follow):
            if form is Format.JSONL:
                sys.stdout.write(as_json_line(record) + "\n")
                if follow:
                    sys.stdout.flush()
            else:
                tree = as_tree(record)
                console.print(
                    f"[bold]{record.partition}:{record.offset}[/]  {tree['append_time']}  "
                    f"{tree.get('type', '?')}  {_summary(tree)}",
                    highlight=False,
                )
            shown += 1
            if shown == limit:
                return
    finally:
        reader.close()
    if not shown and form is Format.TABLE:
        console.print(f"{name} holds no such records; `gridcast topics list` shows what there is")


def _records(
    reader: LogReader, topic: str, partition: int | None, start: int | None, follow: bool
) -> Iterator[LogRecord]:
    """Every record from `start` on, partition after partition; then what comes."""
    position: dict[Partition, int] = {}
    while True:
        for number in reader.partitions(topic):
            where = Partition(topic, number)
            if where in position or (partition is not None and number != partition):
                continue
            begin, end = reader.begin_offset(where), reader.end_offset(where)
            first = begin if start is None else start if start >= 0 else end + start
            position[where] = max(begin, first)
        for where in position:
            while batch := reader.read(where, position[where], _BATCH):
                yield from batch
                position[where] = batch[-1].offset + 1
        if not follow:
            return
        time.sleep(_FOLLOW_S)


def _summary(tree: dict[str, Any]) -> str:
    """What a person wants to see first: the scalars, and how long the columns are."""
    if "error" in tree:
        return f"[red]{tree['error']}[/]"
    data = tree["data"]
    if isinstance(data, list):
        return f"{len(data)}: " + ", ".join(str(value) for value in data[0].values())
    parts = []
    for name, value in data.items():
        if isinstance(value, list | dict):
            parts.append(f"{name}[{len(value)}]")
        elif name != "value" and value not in (None, ""):
            parts.append(f"{name}={value}")
    return " ".join(parts)
