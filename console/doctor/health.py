"""`gridcast health`: whether a service is alive, by its own signs of life, for orchestrators."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from console.errors import UnavailableError
from console.options import Config, Directory, Namespace
from console.redis_access import open_redis
from console.settings import load_settings
from storage.redis_state import LiveState

__all__ = ["health"]

_NS_PER_S = 1_000_000_000


def health(
    service: Annotated[str, typer.Argument(help="Name of the service, such as forecast.")],
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
    within: Annotated[
        float, typer.Option(metavar="SECONDS", help="How old the last sign of life may be.")
    ] = 60.0,
) -> None:
    """Tell whether a service gave a sign of life lately; ends with code 1 when it did not."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    client = open_redis(settings)
    try:
        beats = LiveState(client, settings.namespace).health()
    finally:
        client.close()
    if service not in beats:
        known = ", ".join(sorted(beats)) or "none"
        raise UnavailableError(
            f"{service} has given no sign of life in {settings.namespace}; services that have: "
            f"{known}"
        )
    age_s = (time.time_ns() - beats[service].time) / _NS_PER_S
    if age_s > within:
        raise UnavailableError(
            f"the last sign of life of {service} is {age_s:.0f} s old, more than {within:g} s: it "
            "hangs, has ended, or has had no input; see its log"
        )
    typer.echo(f"{service}: {beats[service].status}, {age_s:.1f} s ago. {beats[service].detail}")
