"""What `gridcast up` does: bring everything up, say how it goes, take it down."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from redis import RedisError
from rich.console import Console
from rich.live import Live
from rich.table import Table

from console.demo.packages import check_demo_packages
from console.redis_access import open_redis
from console.services.heartbeat import Pulse
from console.services.pipeline import Pipeline
from console.services.run_file import RunFile
from console.services.scenario import DEMO_START, MOST_DAYS, with_twin
from console.services.supervisor import Supervisor
from console.settings import load_settings
from records.time import format_time
from storage.redis_forecasts import ForecastReader
from storage.redis_state import Heartbeat, LiveState

__all__ = ["run_up"]

_EVERY_S = 1.0


def run_up(
    *,
    twin: bool,
    speed: float,
    seed: int,
    kafka: bool,
    config: Path | None,
    namespace: str | None,
    directory: Path | None,
) -> None:
    """Run until interrupted; parameters as the command takes them.

    Raises
    ------
    BadInputError
        When the settings cannot be used.
    ServiceDiedError
        When a service dies.
    """
    check_demo_packages()
    settings = load_settings(config, namespace=namespace, directory=directory)
    settings = settings.model_copy(update={"directory": settings.directory.absolute()})
    if twin:
        settings = with_twin(settings)
    run = RunFile(settings=settings, start=DEMO_START, days=MOST_DAYS, seed=seed, speed=speed)
    console = Console()
    own_kafka = kafka and settings.addresses.kafka_bootstrap_servers is None
    with Supervisor(settings.directory / "logs", tell=_teller(console)) as supervisor:
        pipeline = Pipeline(run, supervisor, own_kafka=own_kafka, tell=console.print)
        pipeline.start_servers()
        pipeline.prepare()
        pipeline.start_services(gateway=twin)
        client = open_redis(pipeline.run.settings)
        services, forecasts = (
            LiveState(client, settings.namespace),
            ForecastReader(client, settings.namespace),
        )
        pulse = Pulse(client, settings.namespace, "up")
        console.print("running; Ctrl-C stops it, `gridcast doctor` looks at it from outside")
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                supervisor.check()
                status, detail = supervisor.condition()
                pulse.beat(None, status=status, detail=detail)
                if console.is_terminal:
                    live.update(_status(services, forecasts), refresh=True)
                time.sleep(_EVERY_S)


def _teller(console: Console) -> Callable[[str], None]:
    """Prints a line with the time of day, above what is live."""

    def tell(what: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')}  {what}", markup=False, highlight=False)

    return tell


def _status(services: LiveState, forecasts: ForecastReader) -> Table:
    """What each service last said, and the current run."""
    table = Table("service", "event time", "status", "detail")
    try:
        beats = services.health()
        run = forecasts.current_run()
    except RedisError as error:
        table.add_row("redis", "-", "[red]does not answer[/]", str(error))
        return table
    for name, beat in sorted(beats.items()):
        table.add_row(name, _time(beat), beat.status, beat.detail)
    if run is not None:
        table.add_row("forecast", run.issue_time, "published", run.run_id)
    return table


def _time(beat: Heartbeat) -> str:
    return "-" if beat.event_time is None else format_time(beat.event_time)
