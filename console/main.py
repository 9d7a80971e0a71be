"""The `gridcast` command: its parts, and what every ending means.

Exit codes: 0 done, 1 internal error or a server that cannot be had, 2 bad input, 3 an estimation
without a state, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import importlib.metadata
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from console import dead_letters, forecast_show, topics
from console.contingency import contingency
from console.demo import demo
from console.doctor import doctor
from console.endings import failed, say
from console.estimate import estimate
from console.health import health
from console.replay import replay
from console.up import up
from console.worker import worker

__all__ = ["app", "main", "run"]

_INTERRUPTED = 130

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
app.command()(estimate)
app.command()(contingency)
app.command()(doctor)
app.command()(health)
app.command(hidden=True)(worker)
app.add_typer(topics.app, name="topics")
app.add_typer(forecast_show.app, name="forecast")
app.add_typer(dead_letters.app, name="dead-letters")


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


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; every error becomes a message."""
    command = typer.main.get_command(app)
    try:
        command.main(list(sys.argv[1:] if arguments is None else arguments), prog_name="gridcast")
    except SystemExit as ending:
        if ending.code == _INTERRUPTED:
            say("stopped")
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except Exception as error:
        return failed(error)
    return 0


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def main() -> NoReturn:
    """Entry point of the console script."""
    signal.signal(signal.SIGTERM, _terminated)
    raise SystemExit(run())


if __name__ == "__main__":
    main()
