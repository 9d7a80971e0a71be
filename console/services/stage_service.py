"""The services that run stages: in one process over the embedded log, or as Faust workers."""

from __future__ import annotations

import threading
from typing import Any

import structlog

from console.errors import BadInputError
from console.log_access import kafka_connection, open_reader, open_writer
from console.redis_access import open_redis
from console.services.heartbeat import instance_name
from console.services.retention import Retention
from console.services.run_file import RunFile
from console.services.scenario import Scenario, read_scenario
from console.services.service_outlet import ServiceOutlet, SlottedWriter
from console.services.stage_checkpoints import checkpoints_of
from console.services.stages import STAGES_OF, shown_by, slots_of, stage_named, written_by
from storage.postgresql_connection import HistorianUnavailableError
from storage.redis_refill import ReadModelRefill
from stream.runner import RunnerOptions, run_stages
from stream.stage import Stage

__all__ = ["run_alarms", "run_forecaster", "run_processor", "run_worker"]

_logger = structlog.get_logger(__name__)

_AGAIN_S = 2.0


def run_processor(run: RunFile, stop: threading.Event) -> None:
    """Validate, impute, aggregate and meter, over the embedded log."""
    _run_together("processor", run, stop)


def run_forecaster(run: RunFile, stop: threading.Event) -> None:
    """Estimate the state and forecast, over the embedded log."""
    _run_together("forecaster", run, stop)


def _run_together(role: str, run: RunFile, stop: threading.Event) -> None:
    settings = run.settings
    scenario = read_scenario(run)
    stages = [_made(name, run, scenario, stop) for name in STAGES_OF[role]]
    reader, client = open_reader(settings), open_redis(settings)
    log = open_writer(settings)
    retention = Retention(log, written_by(role, run, scenario))
    writer = SlottedWriter(log, slots_of(role, run, scenario))
    refill = ReadModelRefill(reader, client, settings.namespace, shown_by(role))
    outlet = ServiceOutlet(writer, client, settings.namespace, role, refill)
    checkpoints = checkpoints_of(run, None)
    options = RunnerOptions(checkpoint_every=settings.checkpoint.every)
    try:
        run_stages(
            stages,
            reader,
            outlet,
            checkpoints,
            options=options,
            stop=stop.is_set,
            on_progress=lambda _: retention.apply_now_and_then(),
        )
    finally:
        writer.close()
        reader.close()
        client.close()


def _made(name: str, run: RunFile, scenario: Scenario, stop: threading.Event) -> Stage[Any]:
    """A stage; one that learns from history waits for the historian's server."""
    while not stop.is_set():
        try:
            return stage_named(name, run, scenario)
        except HistorianUnavailableError as error:
            _logger.warning("historian_does_not_answer", error=str(error))
            stop.wait(_AGAIN_S)
    raise SystemExit(0)


def run_alarms(run: RunFile, stop: threading.Event) -> None:
    """Raise and clear alarms, over the embedded log."""
    _run_together("alarms", run, stop)


def run_worker(name: str, run: RunFile, instance: int, stop: threading.Event) -> None:
    """Run one stage as a Faust worker until SIGTERM, which Faust takes itself.

    Parameters
    ----------
    name
        Of the stage.
    run
        The run.
    instance
        Number of this worker among those of its stage. Kafka shuts a worker out when another
        comes under its number.
    stop
        Set when the process is asked to stop before Faust has taken over.

    Raises
    ------
    BadInputError
        When no Kafka is named.
    """
    from stream.faust_worker import FaustOptions, run_faust

    settings = run.settings
    connection = kafka_connection(settings)
    if connection is None:
        raise BadInputError(f"worker {name} needs KAFKA_BOOTSTRAP_SERVERS")
    stage = _made(name, run, read_scenario(run), stop)
    writer, client = open_writer(settings), open_redis(settings)
    service = instance_name(name, instance)
    shown = shown_by(name)
    reader = open_reader(settings) if shown else None
    refill = None
    if reader is not None:
        refill = ReadModelRefill(reader, client, settings.namespace, shown)
    outlet = ServiceOutlet(writer, client, settings.namespace, service, refill)
    checkpoints = checkpoints_of(run, connection)
    options = FaustOptions(
        connection,
        group=f"gridcast.{settings.namespace}.{name}",
        instance=f"{name}-{instance}",
        checkpoint_every=settings.checkpoint.every,
        session_timeout=settings.kafka.session_timeout,
    )
    try:
        code = run_faust(stage, options, outlet, checkpoints)
    finally:
        writer.close()
        client.close()
        if reader is not None:
            reader.close()
    if code:
        raise SystemExit(code)
