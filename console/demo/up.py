"""`gridcast up`: the services of a run, live, until stopped."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from console.options import Config, Directory, Namespace

__all__ = ["Input", "up"]


class Input(StrEnum):
    """Where the scans come from."""

    TWIN = "twin"
    TOPICS = "topics"


def up(
    source: Annotated[
        Input,
        typer.Option("--input", help="The network twin, or what your gateways send to the topics."),
    ] = Input.TWIN,
    speed: Annotated[
        float, typer.Option(min=0.01, metavar="N", help="Of the twin: N times real time.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the twin.")] = 118,
    kafka: Annotated[
        bool,
        typer.Option("--kafka", help="With an Apache Kafka of our own, and Faust workers."),
    ] = False,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Run the services live until Ctrl-C: validate, estimate, forecast, record, watch.

    Goes on where it was stopped. Uses the Kafka of KAFKA_BOOTSTRAP_SERVERS and the Redis of
    REDIS_URL where they are set. Event time is that of the twin's year, 2014; with --input
    topics it is that of your frames, which must use the twin's point numbers.
    """
    # Imported here, so that other commands start without the models.
    from console.demo.up_run import run_up

    run_up(
        twin=source is Input.TWIN,
        speed=speed,
        seed=seed,
        kafka=kafka,
        config=config,
        namespace=namespace,
        directory=directory,
    )
