"""The single-process shell: several stages over one log, in one thread, without a broker.

Order is fixed: rounds over the stages as given, in each over its partitions by topic and
number, from each up to `burst` records. What a stage emits is flushed at the end of its turn,
so a later stage of the same round may read it. As stages are pure over each partition, another
order would change when something is emitted, never what.

Outcomes are flushed before a checkpoint is saved; a restart goes back to the checkpoint and does
the work again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from records.log import LogReader, Partition
from storage.disk_full import MAKE_ROOM, is_disk_full
from stream.keeper import Checkpoints, Outlet, StageKeeper
from stream.stage import Stage

__all__ = ["MissingTopicError", "RunnerOptions", "run_stages"]

_logger = structlog.get_logger(__name__)


class MissingTopicError(RuntimeError):
    """An input topic has no partition; the message says what can be done."""

    def __init__(self, stage: str, topic: str) -> None:
        super().__init__(
            f"stage {stage!r} reads {topic}, which has no partition; create the topics first "
            "(gridcast topics create) or name the partitions"
        )


@dataclass(frozen=True, slots=True)
class RunnerOptions:
    """How stages are run.

    Parameters
    ----------
    checkpoint_every
        Time between two checkpoints.
    idle
        How long to wait when nothing was there to read.
    burst
        Most records read from a partition at a time.
    until_end
        Return when everything there is has been taken in, as replays do; else go on until
        told to stop.
    """

    checkpoint_every: timedelta = timedelta(seconds=5)
    idle: timedelta = timedelta(milliseconds=20)
    burst: int = 256
    until_end: bool = False


def run_stages(
    stages: Sequence[Stage[Any]],
    reader: LogReader,
    outlet: Outlet,
    checkpoints: Checkpoints,
    *,
    options: RunnerOptions | None = None,
    partitions: Mapping[str, Sequence[int]] | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int], None] | None = None,
    on_end: Callable[[], bool] = lambda: False,
) -> int:
    """Run stages until told to stop, and return how many records they took in.

    Parameters
    ----------
    stages
        In the order of their turns; producers before their consumers.
    reader
        The log that carries their inputs, and what they pass to each other.
    outlet
        Where outcomes go.
    checkpoints
        Where states are kept.
    options
        How to run.
    partitions
        Partition numbers by topic; topics that are not named have those that the log has.
    stop
        Asked between bursts; True ends the run after a last checkpoint.
    on_progress
        Called after each round with the number of records taken in so far.
    on_end
        Called where the run would end with the log; True when there is more in it now.

    Raises
    ------
    MissingTopicError
        When a topic has no partition.
    LogHoleError
        When a checkpoint lies before what the log still holds.
    """
    settings = options or RunnerOptions()
    keepers = [StageKeeper(stage, outlet, checkpoints, reader.begin_offset) for stage in stages]
    for keeper in keepers:
        starts = keeper.take_over(_inputs(keeper.stage, reader, partitions or {}))
        _logger.info(
            "stage_started",
            stage=keeper.stage.name,
            positions={f"{p.topic}/{p.number}": at for p, at in starts.items()},
        )
    taken, last = 0, time.monotonic()
    every = settings.checkpoint_every.total_seconds()
    while not stop():
        before = taken
        for keeper in keepers:
            taken += _turn(keeper, reader, outlet, settings.burst, stop)
        if on_progress is not None:
            on_progress(taken)
        if time.monotonic() - last >= every:
            _checkpoint_if_room(keepers, outlet)
            last = time.monotonic()
        if taken == before:
            if settings.until_end:
                if on_end():
                    continue
                break
            time.sleep(settings.idle.total_seconds())
    _checkpoint(keepers)
    return taken


def _inputs(
    stage: Stage[Any], reader: LogReader, given: Mapping[str, Sequence[int]]
) -> list[Partition]:
    inputs = []
    for topic in stage.inputs:
        numbers = given.get(topic) or reader.partitions(topic)
        if not numbers:
            raise MissingTopicError(stage.name, topic)
        inputs += [Partition(topic, number) for number in numbers]
    return inputs


def _turn(
    keeper: StageKeeper[Any],
    reader: LogReader,
    outlet: Outlet,
    burst: int,
    stop: Callable[[], bool],
) -> int:
    """One stage's turn; return how many records it took in."""
    taken = 0
    for partition, offset in sorted(keeper.positions.items()):
        if stop():
            break
        for record in reader.read(partition, offset, burst):
            taken += keeper.offer(record)
    if taken:
        outlet.flush()
    return taken


def _checkpoint(keepers: Sequence[StageKeeper[Any]]) -> None:
    for keeper in keepers:
        keeper.checkpoint()


def _checkpoint_if_room(keepers: Sequence[StageKeeper[Any]], outlet: Outlet) -> None:
    """Go on from memory while the disk is full: the checkpoint before stays."""
    outlet.flush()  # Where the log has no room either, the work ends here.
    for keeper in keepers:
        try:
            keeper.checkpoint()
        except OSError as error:
            if not is_disk_full(error):
                raise
            _logger.error(
                "no_room_for_checkpoint",
                stage=keeper.stage.name,
                error=str(error),
                remedy=MAKE_ROOM,
            )
