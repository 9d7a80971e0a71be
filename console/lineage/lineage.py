"""`gridcast lineage`: what a forecast or a window came from, and what came of a bad point."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer
from rich.console import Console

from console.errors import BadInputError
from console.historian_access import historian_kept, open_historian, open_recorded
from console.json_file import check_json_target, write_json
from console.lineage.find_run import find_run
from console.lineage.forecast_lineage import forecast_tree, print_forecast
from console.lineage.point_lineage import point_tree, print_point
from console.lineage.window_lineage import print_window, window_tree
from console.options import Config, Directory, JsonFile, Namespace
from console.replays.replay_period import duration, moment
from console.settings import load_settings
from records.time import MINUTE

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Where numbers come from, and what depends on them: both from what a run recorded.",
)


@app.command("forecast")
def forecast(
    run: Annotated[
        str, typer.Argument(metavar="ID", help="Id of the run, such as 20141110T000000Z-short.")
    ],
    series: Annotated[
        str | None,
        typer.Option(metavar="ID", help="One series of it: its parts, and its latest inputs."),
    ] = None,
    json_file: JsonFile = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Tell what a forecast came from: raw offsets, features, training, models, programs."""
    check_json_target(json_file)
    settings = load_settings(config, namespace=namespace, directory=directory)
    kept = open_historian(settings) if historian_kept(settings) else nullcontext()
    with kept as historian:
        found, where = find_run(settings, historian, run)
        tree = forecast_tree(found, where, series, historian)
    if json_file is not None:
        write_json(json_file, tree)
    print_forecast(Console(highlight=False), tree)


@app.command("point")
def point(
    name: Annotated[str, typer.Argument(metavar="ID", help="Id of a SCADA point or a meter.")],
    since: Annotated[
        str, typer.Option("--from", metavar="T", help="From when its readings were bad, RFC 3339.")
    ],
    until: Annotated[str, typer.Option("--to", metavar="T", help="Until when, not included.")],
    json_file: JsonFile = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Tell what the readings of a point or a meter touched: windows, sums, trainings, forecasts."""
    check_json_target(json_file)
    settings = load_settings(config, namespace=namespace, directory=directory)
    start, end = moment("--from", since) or 0, moment("--to", until) or 0
    if end <= start:
        raise BadInputError(f"--to {until} is not after --from {since}")
    with open_recorded(settings) as historian:
        tree = point_tree(settings, historian, name, start, end)
    if json_file is not None:
        write_json(json_file, tree)
    print_point(Console(highlight=False), tree)


@app.command("window")
def window(
    name: Annotated[str, typer.Argument(metavar="SERIES", help="Id of its point or series.")],
    start: Annotated[str, typer.Argument(metavar="START", help="Start of the window, RFC 3339.")],
    length: Annotated[
        str, typer.Option(metavar="DURATION", help="Its length: PT5M, PT15M, PT30M, PT1H, P1D.")
    ] = "PT5M",
    json_file: JsonFile = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Tell what one window was made of, revision by revision, down to the raw offsets."""
    check_json_target(json_file)
    settings = load_settings(config, namespace=namespace, directory=directory)
    at, lasting = moment("START", start) or 0, duration("--length", length) or 5 * MINUTE
    with open_recorded(settings) as historian:
        tree = window_tree(settings, historian, name, at, lasting)
    if json_file is not None:
        write_json(json_file, tree)
    print_window(Console(highlight=False), tree)
