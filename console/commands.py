"""The commands of `gridcast`, put together."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

import typer

from console.demo.demo import demo
from console.demo.up import up
from console.doctor.doctor import doctor
from console.doctor.health import health
from console.historian import prepare_server
from console.lineage import lineage
from console.replays.replay import replay
from console.services.worker import worker
from console.studies import forecast
from console.studies.backtest import backtest
from console.studies.contingency import contingency
from console.studies.estimate import estimate
from console.studies.rupture import rupture
from console.studies.train import train
from console.topics import alarms, dead_letters, meters, sources, topics

__all__ = ["app"]

app = typer.Typer(
    name="gridcast",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Real-time electricity consumption forecasting on a grid.\n\n"
        "Start with [bold]gridcast demo[/]: a network with real load shapes, from SCADA scans "
        "to forecasts, on this machine alone."
    ),
    epilog="Every command explains itself with --help. If something is wrong: gridcast doctor.",
)
app.command()(demo)
app.command()(up)
app.command()(replay)
app.command()(rupture)
app.command()(backtest)
app.command()(train)
app.command()(estimate)
app.command()(contingency)
app.command()(doctor)
app.command()(health)
app.command(hidden=True)(worker)
app.add_typer(topics.app, name="topics")
app.add_typer(forecast.app, name="forecast")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(alarms.app, name="alarms")
app.add_typer(meters.app, name="meters")
app.add_typer(sources.app, name="sources")
app.add_typer(prepare_server.app, name="historian")
app.add_typer(lineage.app, name="lineage")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gridcast {importlib.metadata.version('gridcast')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Hold the options of the command itself."""
