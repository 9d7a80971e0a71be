"""`gridcast worker`: one service of a run as a process; started by `up` and `demo`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from console.run_file import RunFile, read_run

__all__ = ["Role", "worker"]


class Role(StrEnum):
    """The services of a run."""

    REDIS = "redis"
    PREPARE = "prepare"
    GATEWAY = "gateway"
    PROCESSOR = "processor"
    FORECASTER = "forecaster"
    RECORDER = "recorder"
    WATCHER = "watcher"
    KAFKA = "kafka"
    AREA = "area"
    METERING = "metering"
    ESTIMATION = "estimation"
    FORECAST = "forecast"


# Imported by the process that needs it only: each starts with what it uses.
_SERVICES: dict[Role, tuple[str, str]] = {
    Role.REDIS: ("console.redis_service", "hold_redis"),
    Role.PREPARE: ("console.prepare", "prepare"),
    Role.GATEWAY: ("console.gateway", "send"),
    Role.PROCESSOR: ("console.stage_service", "run_processor"),
    Role.FORECASTER: ("console.stage_service", "run_forecaster"),
    Role.RECORDER: ("console.recorder_service", "record"),
    Role.WATCHER: ("console.watcher", "watch"),
    Role.KAFKA: ("console.kafka_service", "hold_kafka"),
    Role.AREA: ("console.stage_service", "run_area"),
    Role.METERING: ("console.stage_service", "run_metering"),
    Role.ESTIMATION: ("console.stage_service", "run_estimation"),
    Role.FORECAST: ("console.stage_service", "run_forecast"),
}


_HOLDERS = (Role.REDIS, Role.KAFKA)


def worker(
    role: Annotated[Role, typer.Argument(help="Which service.")],
    run_file: Annotated[Path, typer.Option("--run", metavar="FILE", help="The file of the run.")],
) -> None:
    """Run one service of a run until SIGTERM."""
    from console.metrics import serve_metrics
    from console.service_logs import configure_logs
    from console.stopping import stop_on_signal

    # What is being prepared is of no use unfinished, so that ends at once.
    stop = threading.Event() if role is Role.PREPARE else stop_on_signal(tidy=role in _HOLDERS)
    run = read_run(run_file)
    configure_logs(run.settings.logging, role.value)
    serve_metrics(run.settings.metrics, role.value)
    module, name = _SERVICES[role]
    serve: Callable[[RunFile, threading.Event], None] = getattr(import_module(module), name)
    serve(run, stop)
