"""Options that several commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["By", "Config", "Directory", "JsonFile", "Namespace", "NetworkCase", "Note"]

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings in TOML; gridcast.toml here if there is one."
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Part of every topic name and Redis key.", show_default=False
    ),
]
Directory = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where the run keeps its files; var/gridcast unless set otherwise."
    ),
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the figures there too, as JSON."),
]
NetworkCase = Annotated[
    str,
    typer.Option(
        "--network",
        metavar="CASE",
        help="MATPOWER .m or .mat, pandapower .json, gridcast .toml, or pandapower:NAME.",
    ),
]
By = Annotated[str, typer.Option(metavar="NAME", help="Who stands for it.")]
Note = Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who read it later.")]
