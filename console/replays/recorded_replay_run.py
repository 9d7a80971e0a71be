"""What `gridcast replay --source` does: open what was recorded, replay, print, write."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog
from pydantic import ValidationError
from rich.console import Console

from console.errors import BadInputError
from console.historian_access import open_historian
from console.json_file import check_json_target, write_json
from console.log_access import open_reader
from console.progress import share_progress
from console.replays.pacing import parse_speed
from console.replays.reach import Reach
from console.replays.recorded_replay import replay_recorded
from console.replays.replay_period import duration, moment
from console.replays.replay_report import print_recorded, recorded_json
from console.services.run_file import RunFile, read_run
from console.settings import Settings, load_settings
from records.log import LogReader
from storage.historian_log import HistorianLog

__all__ = ["run_recorded"]


def run_recorded(
    *,
    from_historian: bool,
    start: str | None,
    end: str | None,
    warm_up: str | None,
    through: Reach,
    speed: str,
    namespace: str,
    directory: Path | None,
    config: Path | None,
    json_file: Path | None,
) -> None:
    """Replay a recorded run; parameters as the command takes them.

    From the topics where not `from_historian`: those of `KAFKA_BOOTSTRAP_SERVERS`, else of the
    embedded log.

    Raises
    ------
    BadInputError
        When an option or the recording cannot be used.
    """
    check_json_target(json_file)
    first, last, factor = moment("--from", start), moment("--to", end), parse_speed(speed)
    before = duration("--warm-up", warm_up)
    settings = load_settings(config, directory=directory)
    try:
        Settings(namespace=namespace)
    except ValidationError:
        raise BadInputError(
            f"--namespace {namespace}: use small letters, digits and dashes, at most 31"
        ) from None
    run = _recorded_run(settings)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    began = time.monotonic()
    with (
        _opened(run, from_historian) as recorded,
        share_progress("replaying what was recorded") as advance,
    ):
        result = replay_recorded(
            run,
            recorded,
            namespace=namespace,
            start=first,
            end=last,
            warm_up=before,
            through=through,
            speed=factor,
            on_progress=advance,
        )
    wall_s = time.monotonic() - began
    print_recorded(Console(), result, wall_s)
    if json_file is not None:
        write_json(json_file, recorded_json(result, wall_s))


def _recorded_run(settings: Settings) -> RunFile:
    """The run of a directory, wherever that was when it ran."""
    directory = settings.directory.absolute()
    run = read_run(directory / "run.json")
    kept = run.settings.model_copy(update={"directory": directory})
    return run.model_copy(update={"settings": kept})


@contextmanager
def _opened(run: RunFile, from_historian: bool) -> Iterator[LogReader]:
    if from_historian:
        with open_historian(run.settings) as historian, closing(HistorianLog(historian)) as log:
            yield log
        return
    with closing(open_reader(run.settings)) as reader:
        yield reader
