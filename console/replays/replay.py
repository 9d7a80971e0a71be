"""`gridcast replay`: the same path again, over a user's own files or what a run recorded."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console.errors import BadInputError
from console.options import Config, Directory, JsonFile
from console.replays.reach import Reach

__all__ = ["Source", "replay"]


class Source(StrEnum):
    """Where the raw records of a run are taken from."""

    HISTORIAN = "historian"
    """What its historian kept."""
    KAFKA = "kafka"
    """Its topics: in Kafka, or in the embedded log where no broker is named."""


def replay(
    dataset: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATASET]", help="Folder: load, weather, hierarchy.toml; with no --source."
        ),
    ] = None,
    source: Annotated[
        Source | None,
        typer.Option(
            help="Of a recorded run: its historian, or its topics (Kafka, else the embedded log).",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Begin; of a dataset a year before the end by default, of a run its begin.",
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="End; that of the data by default.")
    ] = None,
    cadence: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Event time between two issues of a dataset, PT1H by default; a run keeps its.",
            show_default=False,
        ),
    ] = None,
    warm_up: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Read the scans of a run from so long before --from; from its begin by default.",
            show_default=False,
        ),
    ] = None,
    through: Annotated[
        Reach,
        typer.Option(
            help="How far a run goes again: to its windows only, or all the way to forecasts."
        ),
    ] = Reach.FORECASTS,
    speed: Annotated[
        str,
        typer.Option(metavar="N|max", help="N times as fast as it happened, or no waiting."),
    ] = "max",
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Namespace of the replay; never the recorded one.")
    ] = "replay",
    directory: Directory = None,
    config: Config = None,
    json_file: JsonFile = None,
) -> None:
    """Replay a dataset or a recorded run through the very same steps as live data.

    Everything is known only from when it became available. A DATASET is trained on what precedes
    the period, and its forecasts are scored. With --source, a run of `demo` or `up` runs again
    from its beginning, sends no alarms, writes only to DIR/replays/NAME, and the windows and
    forecasts of the period are compared with those that were recorded.
    """
    # Imported here, so that other commands start without the models.
    if source is None:
        if dataset is None:
            raise BadInputError(
                "give the folder of a DATASET, or --source historian or kafka for a recorded run"
            )
        for option, value in (("--directory", directory), ("--warm-up", warm_up)):
            if value is not None:
                raise BadInputError(f"{option} is of a recorded run: give --source with it")
        if through is not Reach.FORECASTS:
            raise BadInputError("--through is of a recorded run: give --source with it")
        from console.replays.replay_run import run_replay

        run_replay(
            dataset,
            start=start,
            end=end,
            cadence=cadence or "PT1H",
            speed=speed,
            namespace=namespace,
            json_file=json_file,
        )
        return
    if dataset is not None:
        raise BadInputError(
            f"{dataset}: --source {source} replays a recorded run, which --directory names"
        )
    if cadence is not None:
        raise BadInputError("--cadence: a recorded run is replayed with the cadence it had")
    from console.replays.recorded_replay_run import run_recorded

    run_recorded(
        from_historian=source is Source.HISTORIAN,
        start=start,
        end=end,
        warm_up=warm_up,
        through=through,
        speed=speed,
        namespace=namespace,
        directory=directory,
        config=config,
        json_file=json_file,
    )
