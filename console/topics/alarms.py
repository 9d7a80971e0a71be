"""`gridcast alarms`: what is beyond its limits, and what operators do about it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from console.errors import BadInputError
from console.json_file import check_json_target, write_json
from console.options import By, Config, Directory, JsonFile, Namespace, Note
from console.replays.replay_period import duration, moment
from console.settings import load_settings
from console.topics.alarm_desk import AlarmDesk
from records.alarm import Alarm, AlarmKind
from records.operator_act import ActKind
from records.time import HOUR, format_duration, format_time

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Alarms, and what operators do about them.")

_TIMES = ("raised", "updated", "since", "cleared", "acknowledged", "shelved_until")

Elements = Annotated[
    list[str] | None, typer.Argument(help="Elements of the alarms, such as branch:7 or bus:12.")
]
Kind = Annotated[
    AlarmKind | None, typer.Option(help="Only alarms of this kind; all of them without it.")
]
Cause = Annotated[
    str | None,
    typer.Option(metavar="ELEMENT", help="Every alarm of the group that this element names."),
]


@app.command("list")
def list_alarms(
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also what is shelved, and what leaves no time to act."),
    ] = False,
    json_file: JsonFile = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """List the active alarms, what comes first by priority on top."""
    check_json_target(json_file)
    settings = load_settings(config, namespace=namespace, directory=directory)
    with AlarmDesk(settings) as desk:
        active = desk.active()
    shown = [alarm for alarm in active if everything or alarm.for_operator]
    if json_file is not None:
        write_json(json_file, {"alarms": [_told(alarm) for alarm in shown]})
    console = Console()
    if shown:
        console.print(_table(shown))
    hidden = len(active) - len(shown)
    rest = f", {hidden} more with --all" if hidden else ""
    console.print(f"{len(shown)} alarms{rest}", highlight=False)


@app.command("acknowledge")
def acknowledge(
    by: By,
    elements: Elements = None,
    kind: Kind = None,
    cause: Cause = None,
    note: Note = "",
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Acknowledge alarms: say who has seen them. The first acknowledgement of an alarm counts."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    with AlarmDesk(settings) as desk:
        chosen = [a for a in _chosen(desk, elements, kind, cause) if a.acknowledged is None]
        if not chosen:
            raise BadInputError("they have been acknowledged already; see `gridcast alarms list`")
        _tell(desk, ActKind.ACKNOWLEDGE, _named(chosen), kind, by, note)


@app.command("shelve")
def shelve(
    by: By,
    elements: Elements = None,
    length: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="Such as PT8H; PT1H if not given."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="Event time, RFC 3339, instead.")
    ] = None,
    kind: Kind = None,
    cause: Cause = None,
    note: Note = "",
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Keep alarms of elements from the list for a while, at most 30 days; they come back then."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    given, end = duration("--for", length), moment("--until", until)
    if given is not None and end is not None:
        raise BadInputError("--for and --until exclude each other; give one of them")
    with AlarmDesk(settings) as desk:
        names = elements or _named(_chosen(desk, elements, kind, cause))
        end = desk.now() + (HOUR if given is None else given) if end is None else end
        _tell(desk, ActKind.SHELVE, names, kind, by, note, end)
        quiet = set(names) - {alarm.element for alarm in desk.active()}
    if quiet:
        Console().print(
            f"no alarm of {', '.join(sorted(quiet))} is active now: what comes is shelved",
            highlight=False,
        )


@app.command("unshelve")
def unshelve(
    by: By,
    elements: Elements = None,
    kind: Kind = None,
    cause: Cause = None,
    note: Note = "",
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Take alarms of elements back from the shelf."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    with AlarmDesk(settings) as desk:
        names = elements or _named(_chosen(desk, elements, kind, cause))
        _tell(desk, ActKind.UNSHELVE, names, kind, by, note)


def _chosen(
    desk: AlarmDesk, elements: list[str] | None, kind: AlarmKind | None, cause: str | None
) -> list[Alarm]:
    """The active alarms that the arguments name.

    Raises
    ------
    BadInputError
        When they name none, or one that has no alarm.
    """
    if bool(elements) == (cause is not None):
        raise BadInputError("name elements, or the group of alarms with --cause ELEMENT")
    active = [alarm for alarm in desk.active() if kind in (None, alarm.kind)]
    if cause is not None:
        found = [alarm for alarm in active if alarm.cause == cause]
        if not found:
            groups = ", ".join(sorted({alarm.cause for alarm in active})) or "none"
            raise BadInputError(f"no group of alarms is named {cause}; there are: {groups}")
        return found
    known = {alarm.element for alarm in active}
    missing = [name for name in elements or () if name not in known]
    if missing:
        raise BadInputError(
            f"{', '.join(missing)}: no such alarm is active; `gridcast alarms list --all` has all"
        )
    return [alarm for alarm in active if alarm.element in (elements or ())]


def _named(alarms: list[Alarm]) -> list[str]:
    return list(dict.fromkeys(alarm.element for alarm in alarms))


def _tell(
    desk: AlarmDesk,
    act: ActKind,
    elements: list[str],
    kind: AlarmKind | None,
    by: str,
    note: str,
    until: int | None = None,
) -> None:
    sent = desk.send(act, elements, by=by, kind=kind, until=until, note=note)
    end = "" if until is None else f" until {format_time(until)}"
    Console().print(
        f"sent: {act} {', '.join(elements)}{end}, as of {format_time(sent)}; "
        "`gridcast alarms list --all` shows it once it was taken in",
        highlight=False,
    )


def _told(alarm: Alarm) -> dict[str, Any]:
    tree: dict[str, Any] = msgspec.to_builtins(alarm)
    for name in _TIMES:
        tree[name] = None if tree[name] is None else format_time(tree[name])
    permitted = tree["permitted"]
    tree["permitted"] = None if permitted is None else format_duration(permitted)
    for act in tree["trail"]:
        act["time"] = format_time(act["time"])
        act["until"] = None if act["until"] is None else format_time(act["until"])
    return tree


def _table(alarms: list[Alarm]) -> Table:
    table = Table(
        "prio", "severity", "element", "kind", "value", "limit", "since", "cause", "marks"
    )
    for alarm in alarms:
        table.add_row(
            str(alarm.priority), alarm.severity.value, f"{alarm.element} {alarm.end}".strip(),
            alarm.kind.value, _quantity(alarm.value, alarm), _quantity(alarm.limit, alarm),
            format_time(alarm.since), alarm.cause, ", ".join(_marks(alarm)),
        )  # fmt: skip
    return table


def _quantity(value: float | None, alarm: Alarm) -> str:
    return "" if value is None else f"{value:.5g} {alarm.unit}".strip()


def _marks(alarm: Alarm) -> list[str]:
    """What else an operator needs to know of an alarm."""
    marks = ["disputed"] if alarm.disputed else []
    marks += ["overdue"] if alarm.overdue else []
    marks += [alarm.evidence.note] if alarm.evidence.note else []
    if alarm.acknowledged is not None:
        marks.append(f"acknowledged by {alarm.acknowledged_by}")
    if alarm.shelved_until is not None:
        marks.append(f"shelved until {format_time(alarm.shelved_until)} by {alarm.shelved_by}")
    return marks
