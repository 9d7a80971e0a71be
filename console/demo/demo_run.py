"""What `gridcast demo` does: bring everything up, wait, read back, print, take it down."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis, RedisError

from console.demo.demo_figures import read_figures
from console.demo.demo_report import print_report, program_name
from console.demo.packages import check_demo_packages
from console.errors import BadInputError, UnavailableError
from console.json_file import check_json_target, write_json
from console.log_access import open_reader
from console.progress import stage_progress
from console.redis_access import open_redis
from console.services.pipeline import Pipeline
from console.services.run_file import RunFile
from console.services.scenario import DEMO_START, read_scenario, with_twin
from console.services.supervisor import Supervisor
from console.settings import load_settings, nanoseconds
from ingest.twin.victoria import TIMEZONE
from records.envelope import watermark_of
from records.log import LogReader, Partition
from records.time import DAY, format_time
from records.topics import topic_name
from storage.redis_state import LiveState

__all__ = ["run_demo"]

_MARK = "gridcast-demo"
"""A file that says that a directory was made by the demo, and may be emptied by it."""
_POLL_S = 0.1
_STALL_S = 180.0
_START_SHARE = 0.08


def run_demo(
    *,
    days: int,
    seed: int,
    json_file: Path | None,
    directory: Path | None,
    keep: bool,
    kafka: bool,
    config: Path | None,
) -> None:
    """Run the demo; parameters as the command takes them.

    Raises
    ------
    BadInputError
        When an option, the settings or the directory cannot be used.
    """
    began = time.monotonic()
    check_json_target(json_file)
    check_demo_packages()
    settings = load_settings(config, directory=directory or Path("var/gridcast/demo"))
    settings = settings.model_copy(update={"directory": _fresh(settings.directory.absolute())})
    own_kafka = kafka and settings.addresses.kafka_bootstrap_servers is None
    if kafka and not own_kafka:
        # Topics of an earlier demo may be there still; this one takes names of its own.
        settings = settings.model_copy(update={"namespace": f"demo-{int(time.time()):x}"})
    if not kafka:
        addresses = settings.addresses.model_copy(update={"kafka_bootstrap_servers": None})
        settings = settings.model_copy(update={"addresses": addresses})
    settings = with_twin(settings)
    run = RunFile(settings=settings, start=DEMO_START, days=days, seed=seed, speed=None)
    with Supervisor(run.directory / "logs") as supervisor:
        with stage_progress() as tell:
            pipeline = Pipeline(
                run, supervisor, own_kafka=own_kafka, tell=lambda what: tell(what, 0.0)
            )
            pipeline.start_servers()
            pipeline.prepare()
            pipeline.start_services()
            run = pipeline.run
            reader, client = open_reader(run.settings), open_redis(run.settings)
            _follow(run, supervisor, reader, client, tell)
            tell("finishing", 0.97)
            supervisor.stop("watcher", *pipeline.workers)
            supervisor.stop("recorder")
            tell("reading the results back", 0.98)
            figures = read_figures(run, read_scenario(run), reader, client, timezone=TIMEZONE)
        wall_s = time.monotonic() - began
        if json_file is not None:
            write_json(json_file, figures.as_json(wall_s))
        print_report(run, figures, wall_s, keep=keep, program=program_name())
        reader.close()
        client.close()
        while keep:
            supervisor.check()
            time.sleep(_POLL_S)


def _fresh(directory: Path) -> Path:
    """An empty directory: what an earlier demo left there goes, anything else stays.

    Raises
    ------
    BadInputError
        When the directory holds something that is not a demo's.
    """
    if directory.exists() and any(directory.iterdir()):
        if not (directory / _MARK).exists():
            raise BadInputError(
                f"{directory} is not empty and not a demo's; name another with --directory"
            )
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).touch()
    return directory


def _follow(
    run: RunFile,
    supervisor: Supervisor,
    reader: LogReader,
    client: Redis,
    tell: Callable[[str, float], None],
) -> None:
    """Wait until the forecast of the period's last issue time is out.

    Raises
    ------
    ServiceDiedError
        When a service dies.
    UnavailableError
        When nothing moves any more.
    """
    period = run.days * DAY
    cadence = nanoseconds(run.settings.forecast.cadence)
    last = run.start + period - period % cadence
    forecasts = Partition(topic_name(run.settings.namespace, "forecast.v1"), 0)
    live = LiveState(client, run.settings.namespace)
    reached, moved = run.start, time.monotonic()
    while reached < last:
        supervisor.check()
        try:
            now = max(reached, _last_issue(reader, forecasts))
        except OSError:
            supervisor.check()  # which says it better where the log's own server is gone
            raise
        sent = _event_time(live, "gateway")
        if now > reached:
            reached, moved = now, time.monotonic()
        elif time.monotonic() - moved > _STALL_S:
            raise UnavailableError(
                f"nothing has been forecast for {_STALL_S:.0f} s; the services' logs are under "
                f"{run.directory / 'logs'}"
            )
        share = (reached - run.start) / period
        what = f"forecast to {format_time(reached)[:16]}" if reached > run.start else "training"
        if sent is not None:
            what += f", scans to {format_time(sent)[:16]}"
        tell(what, _START_SHARE + (0.96 - _START_SHARE) * share)
        time.sleep(_POLL_S)
    supervisor.wait("gateway", timeout_s=60.0)


def _last_issue(reader: LogReader, forecasts: Partition) -> int:
    end = reader.end_offset(forecasts)
    for record in reader.read(forecasts, end - 1, 1) if end else ():
        return watermark_of(record.headers) or 0
    return 0


def _event_time(live: LiveState, service: str) -> int | None:
    try:
        beat = live.health().get(service)
    except RedisError:
        return None
    return None if beat is None else beat.event_time
