"""`gridcast dead-letters`: what was refused and why, and sending it through again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from console.errors import BadInputError
from console.log_access import full_topic, open_reader, open_writer
from console.options import Config, Directory, Namespace
from console.replays.replay_period import moment
from console.settings import Settings, load_settings
from console.whole_partition import whole_partition
from records.deadletter import DeadLetter, decode_dead_letter
from records.errors import Reason
from records.log import Outgoing, Partition
from records.time import format_time
from storage.embedded_log import EmbeddedLogWriter

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Records that could not be read or placed.")

_SHOWN_BYTES = 400
_RESENT = "gc_resent"

Number = Annotated[str, typer.Argument(metavar="ID", help="As `dead-letters list` prints it.")]
ByReason = Annotated[Reason | None, typer.Option(help="Only those refused for this reason.")]
ByTopic = Annotated[
    str | None, typer.Option(metavar="TOPIC", help="Only those that came from this topic.")
]
Since = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="Only those appended at or after it.")
]
Until = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Only those appended before it.")
]


@dataclass(frozen=True, slots=True)
class _Filter:
    """Which letters are meant; `topic` is a full name, times are ns UTC."""

    reason: Reason | None
    topic: str | None
    since: int | None
    until: int | None

    def __bool__(self) -> bool:
        return any(getattr(self, name) is not None for name in self.__slots__)

    def takes(self, letter: DeadLetter) -> bool:
        return (
            (self.reason is None or letter.reason is self.reason)
            and (self.topic is None or letter.topic == self.topic)
            and (self.since is None or letter.append_time >= self.since)
            and (self.until is None or letter.append_time < self.until)
        )


def _filter(
    settings: Settings,
    reason: Reason | None,
    topic: str | None,
    since: str | None,
    until: str | None,
) -> _Filter:
    named = None if topic is None else full_topic(settings, topic)
    return _Filter(reason, named, moment("--from", since), moment("--to", until))


@app.command("list")
def list_letters(
    reason: ByReason = None,
    topic: ByTopic = None,
    since: Since = None,
    until: Until = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """List dead letters: id, origin, reason, and how many measurements each holds."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    wanted = _filter(settings, reason, topic, since, until)
    table = Table("id", "refused", "origin", "reason", "count", "detail")
    counted = 0
    for name, letter in _letters(settings):
        if wanted.takes(letter):
            table.add_row(
                name, format_time(letter.append_time), _origin(letter),
                letter.reason.value, str(letter.count), letter.detail,
            )  # fmt: skip
            counted += letter.count
    console = Console()
    if not table.row_count:
        console.print("no dead letters")
        return
    console.print(table)
    console.print(f"{table.row_count} dead letters, {counted} measurements")


@app.command("show")
def show_letter(
    letter: Number,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Show one dead letter with its headers and the beginning of its bytes."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    found = _chosen(settings, letter)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{_origin(found)}, appended {format_time(found.append_time)}")
    console.print(f"{found.reason.value}: {found.detail}")
    if found.rows is not None:
        console.print(f"rows {', '.join(map(str, found.rows))}")
    for name, text in found.headers.items():
        console.print(f"  {name}: {text}")
    more = "" if len(found.value) <= _SHOWN_BYTES else f" ... {len(found.value)} bytes"
    console.print(f"{found.value[:_SHOWN_BYTES]!r}{more}")


@app.command("resend")
def resend(
    letters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Which ones; or a filter, or --all."),
    ] = None,
    reason: ByReason = None,
    topic: ByTopic = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Send dead letters through again, to the topic and partition they came from.

    Worth it once their cause is gone: a point added to the register, a limit raised. What
    fails again becomes a dead letter again; what went through before changes nothing, so it does
    no harm to send one twice. Over the embedded log nothing else may be writing to the topic: stop
    `gridcast up` first.
    """
    settings = load_settings(config, namespace=namespace, directory=directory)
    wanted = _filter(settings, reason, topic, since, until)
    if not (letters or wanted or everything):
        raise BadInputError("say which: ids from `dead-letters list`, a filter, or --all")
    known = dict(_letters(settings))
    unknown = [name for name in letters or () if name not in known]
    if unknown:
        raise BadInputError(f"no dead letter has the id {', '.join(unknown)}; none was sent")
    chosen = [
        letter
        for name, letter in known.items()
        if everything or name in (letters or ()) or (wanted and wanted.takes(letter))
    ]
    writer = open_writer(settings)
    try:
        if isinstance(writer, EmbeddedLogWriter):
            for letter in chosen:
                writer.claim(letter.topic, [letter.partition])
        writer.append(_again(letter) for letter in chosen)
        writer.flush()
    finally:
        writer.close()
    Console().print(f"{len(chosen)} sent through again")


def _again(letter: DeadLetter) -> Outgoing:
    """The record as it first came; a header tells that it is not the first time."""
    times = int(letter.headers.get(_RESENT, "0")) + 1
    headers = {**letter.headers, _RESENT: str(times)}
    return Outgoing(letter.topic, letter.partition, letter.value, letter.key, headers)


def _letters(settings: Settings) -> Iterator[tuple[str, DeadLetter]]:
    """Every dead letter with its id: partition and offset in the dead-letter topic."""
    topic = full_topic(settings, "dead-letter.v1")
    reader = open_reader(settings)
    try:
        for number in reader.partitions(topic):
            for record in whole_partition(reader, Partition(topic, number)):
                yield f"{number}:{record.offset}", decode_dead_letter(record.value)
    finally:
        reader.close()


def _chosen(settings: Settings, name: str) -> DeadLetter:
    for known, letter in _letters(settings):
        if known == name:
            return letter
    raise BadInputError(f"no dead letter has the id {name}; `dead-letters list` shows them")


def _origin(letter: DeadLetter) -> str:
    return f"{letter.topic} {letter.partition}:{letter.offset}"
