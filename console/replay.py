"""`gridcast replay`: the same path over a user's own files, scored at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.options import JsonFile

__all__ = ["replay"]


def replay(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder: load, weather, hierarchy.toml.")
    ],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Begin; a year before the end by default."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="End; that of the data by default.")
    ] = None,
    cadence: Annotated[
        str, typer.Option(metavar="DURATION", help="Event time between two issues.")
    ] = "PT1H",
    speed: Annotated[
        str,
        typer.Option(metavar="N|max", help="N times as fast as it happened, or no waiting."),
    ] = "max",
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Namespace of the replayed topics.")
    ] = "replay",
    json_file: JsonFile = None,
) -> None:
    """Replay a dataset through the very same steps as live data, and score the forecasts.

    Trains on what precedes the period, issues forecasts on the cadence of event time, knows
    everything only from when it became available, and prints MAPE by level and lead.
    """
    # Imported here, so that other commands start without the models.
    from console.replay_run import run_replay

    run_replay(
        dataset,
        start=start,
        end=end,
        cadence=cadence,
        speed=speed,
        namespace=namespace,
        json_file=json_file,
    )
