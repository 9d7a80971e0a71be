"""`gridcast worker`: one service of a run as a process; started by `up` and `demo`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from console.errors import BadInputError
from console.services.run_file import RunFile, read_run

__all__ = ["Role", "worker"]


class Role(StrEnum):
    """The services of a run."""

    REDIS = "redis"
    PREPARE = "prepare"
    GATEWAY = "gateway"
    PROCESSOR = "processor"
    FORECASTER = "forecaster"
    RECORDER = "recorder"
    REBUILD = "rebuild"
    WATCHER = "watcher"
    KAFKA = "kafka"
    AREA = "area"
    METERING = "metering"
    METER_ESTIMATES = "meter_estimates"
    ROLLUP = "rollup"
    ESTIMATION = "estimation"
    ALARMS = "alarms"
    FORECAST = "forecast"


# Imported by the process that needs it only: each starts with what it uses.
_SERVICES: dict[Role, tuple[str, str]] = {
    Role.REDIS: ("console.services.redis_service", "hold_redis"),
    Role.PREPARE: ("console.services.prepare", "prepare"),
    Role.GATEWAY: ("console.services.gateway", "send"),
    Role.PROCESSOR: ("console.services.stage_service", "run_processor"),
    Role.FORECASTER: ("console.services.stage_service", "run_forecaster"),
    Role.ALARMS: ("console.services.stage_service", "run_alarms"),
    Role.RECORDER: ("console.services.recorder_service", "record"),
    Role.REBUILD: ("console.services.rebuild_service", "rebuild"),
    Role.WATCHER: ("console.services.watcher", "watch"),
    Role.KAFKA: ("console.services.kafka_service", "hold_kafka"),
}

_STAGES = (
    Role.AREA, Role.METERING, Role.METER_ESTIMATES, Role.ROLLUP, Role.ESTIMATION, Role.ALARMS,
    Role.FORECAST,
)  # fmt: skip
"""Faust workers, of which there may be several each; over the embedded log `alarms` is one too."""

_HOLDERS = (Role.REDIS, Role.KAFKA)


def _over_kafka(run: RunFile) -> bool:
    return run.settings.addresses.kafka_bootstrap_servers is not None


def worker(
    role: Annotated[Role, typer.Argument(help="Which service.")],
    run_file: Annotated[Path, typer.Option("--run", metavar="FILE", help="The file of the run.")],
    instance: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Which worker of its stage, where several run."),
    ] = 0,
) -> None:
    """Run one service of a run until SIGTERM.

    Of area, metering, meter_estimates, rollup, estimation, alarms and forecast there may be several
    workers over one Kafka; each needs an --instance of its own, and keeps it when it is started
    again.
    """
    from console.services.heartbeat import instance_name
    from console.services.metrics import serve_metrics
    from console.services.service_logs import configure_logs
    from console.services.stopping import stop_on_signal

    if instance and role not in _STAGES:
        several = ", ".join(_STAGES)
        raise BadInputError(f"there is one {role.value} in a run; --instance is for {several}")
    # What is being prepared is of no use unfinished, so that ends at once.
    stop = threading.Event() if role is Role.PREPARE else stop_on_signal(tidy=role in _HOLDERS)
    run = read_run(run_file)
    configure_logs(run.settings.logging, instance_name(role.value, instance))
    serve_metrics(run.settings.metrics, role.value, instance)
    if role in _STAGES and (role not in _SERVICES or _over_kafka(run)):
        from console.services.stage_service import run_worker

        run_worker(role.value, run, instance, stop)
        return
    module, name = _SERVICES[role]
    serve: Callable[[RunFile, threading.Event], None] = getattr(import_module(module), name)
    serve(run, stop)
