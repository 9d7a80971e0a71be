"""`gridcast demo`: the main job on one machine, from scans to forecasts."""

from __future__ import annotations

from typing import Annotated

import typer

from console.options import Config, Directory, JsonFile

__all__ = ["demo"]


def demo(
    days: Annotated[
        int, typer.Option(min=1, max=45, metavar="N", help="Days of scans to run through.")
    ] = 14,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of noise, gaps and errors.")] = 118,
    json_file: JsonFile = None,
    directory: Directory = None,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep Redis up afterwards until Ctrl-C, to look around."),
    ] = False,
    kafka: Annotated[
        bool,
        typer.Option(
            "--kafka", help="Through Apache Kafka and Faust, instead of the embedded log."
        ),
    ] = False,
    config: Config = None,
) -> None:
    """Run the main job: a network's scans, to a state, to forecasts, in minutes.

    Drives the IEEE 118-bus network with real load shapes and temperature, trains on ten months,
    runs through days of 30-second scans as fast as the machine can, reads the results back from
    Redis and the topics, and prints what they came to. Needs nothing but this package; with
    --kafka also Java 17 and Maven, or KAFKA_BOOTSTRAP_SERVERS.
    """
    # Imported here, so that other commands start without the models.
    from console.demo.demo_run import run_demo

    run_demo(
        days=days,
        seed=seed,
        json_file=json_file,
        directory=directory,
        keep=keep,
        kafka=kafka,
        config=config,
    )
