"""`gridcast backtest`: how good forecasts would have been, on a user's own past."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.options import JsonFile

__all__ = ["backtest"]


def backtest(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder: load, weather, hierarchy.toml.")
    ],
    protocol: Annotated[
        Path,
        typer.Option("--protocol", metavar="FILE", help="Windows, origins, leads, methods: TOML."),
    ],
    json_file: JsonFile = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="DIR", help="Write a report with plots there, Markdown."),
    ] = None,
) -> None:
    """Score every method over rolling origins, each from what was known at its time.

    A dataset that would let the future in is refused, with the value that would have leaked.
    """
    # Imported here, so that other commands start without the models.
    from console.studies.backtest_run import run_backtest_command

    run_backtest_command(dataset, protocol, json_file, report)
