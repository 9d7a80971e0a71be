"""`gridcast sources`: series whose readings are not believed, and people who believe them again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from console.errors import BadInputError
from console.json_file import check_json_target, write_json
from console.log_access import open_reader
from console.options import By, Config, Directory, JsonFile, Namespace, Note
from console.settings import Settings, load_settings
from console.topics.operator_acts import OperatorActs
from console.whole_partition import whole_partition
from records.log import LogReader, Partition
from records.operator_act import ActKind, OperatorAct
from records.rupture import RUPTURE_TYPE, RuptureEvent, RuptureStatus, decode_ruptures
from records.time import format_time
from records.topics import topic_name

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Series whose readings the balance contradicts, in quarantine."
)

Series = Annotated[list[str], typer.Argument(help="Ids of quarantined series.")]


@app.command("list")
def list_sources(
    json_file: JsonFile = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """List the series in quarantine: since when, and how much of the gap follows each."""
    check_json_target(json_file)
    settings = load_settings(config, namespace=namespace, directory=directory)
    with closing(open_reader(settings)) as reader:
        found = _quarantined(settings, reader)
    if json_file is not None:
        write_json(json_file, {"sources": [_told(event) for event in found.values()]})
    console = Console()
    if found:
        table = Table("series", "from", "found", "share of the gap")
        for event in found.values():
            share = f"{event.evidence.statistic:.2f}"
            table.add_row(
                event.series, format_time(event.time), format_time(event.detected_at), share
            )
        console.print(table)
    console.print(f"{len(found)} series in quarantine", highlight=False)


@app.command("release")
def release(
    series: Series,
    by: By,
    note: Note = "",
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Believe the readings of series again: the balance watches them anew."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    with closing(open_reader(settings)) as reader:
        found = _quarantined(settings, reader)
        missing = [name for name in series if name not in found]
        if missing:
            raise BadInputError(
                f"{', '.join(missing)}: not in quarantine; `gridcast sources list` has all that are"
            )
        acts = OperatorActs(settings, reader)
        now = max([acts.now(), *(event.detected_at for event in found.values())])
        acts.leave(
            lambda operator: [
                OperatorAct(name, ActKind.RELEASE, now, operator, note=note)
                for name in dict.fromkeys(series)
            ],
            by,
        )
    Console().print(
        f"sent: release {', '.join(series)}, as of {format_time(now)}; `gridcast sources list` "
        "shows it once it was taken in",
        highlight=False,
    )


def _quarantined(settings: Settings, reader: LogReader) -> Mapping[str, RuptureEvent]:
    """The event that put each series in quarantine, of those that are still there."""
    place = Partition(topic_name(settings.namespace, "monitor.rupture.v1"), 0)
    if place.number not in reader.partitions(place.topic):
        raise BadInputError(
            f"there is no topic {place.topic}: name the run with --directory and --namespace"
        )
    last: dict[str, RuptureEvent] = {}
    for record in whole_partition(reader, place):
        if record.headers.get("ce_type") == RUPTURE_TYPE:
            told = decode_ruptures(record.value)
            last |= {event.series: event for event in told if event.status is not None}
    still = RuptureStatus.QUARANTINED
    return {name: event for name, event in sorted(last.items()) if event.status is still}


def _told(event: RuptureEvent) -> dict[str, object]:
    tree: dict[str, object] = msgspec.to_builtins(event)
    return tree | {name: format_time(getattr(event, name)) for name in ("time", "detected_at")}
