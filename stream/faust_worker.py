"""A Faust worker as the shell of a stage: Faust fetches and keeps the group, we keep the rest.

Faust's tables, timers, acknowledgements and committed offsets are not relied upon. Offsets and
state are the checkpoint's; what Kafka holds as committed only trails it, for lag to be seen.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import faust
import structlog
from faust.auth import Credentials
from faust.types import TP

from records.log import LogRecord, Partition
from storage.disk_full import MAKE_ROOM, is_disk_full
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaLogReader
from storage.kafka_log_writer import MAX_RECORD_BYTES
from stream.faust_assignor import assignor_for
from stream.faust_batches import batches_of
from stream.keeper import Checkpoints, Outlet, StageKeeper
from stream.stage import Stage

__all__ = ["FaustOptions", "run_faust"]

S = TypeVar("S")

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FaustOptions:
    """How a worker runs.

    Parameters
    ----------
    connection
        The cluster.
    group
        Consumer group of the stage's workers in this namespace; None: the stage's name.
    instance
        Name of this worker among those of its stage, kept over restarts: a worker that comes
        back under it takes its partitions up at once. None leaves that to the session timeout.
    checkpoint_every
        Time between two checkpoints.
    session_timeout
        Silence after which the group takes a worker for dead.
    """

    connection: KafkaConnection
    group: str | None = None
    instance: str | None = None
    checkpoint_every: timedelta = timedelta(seconds=5)
    session_timeout: timedelta = timedelta(seconds=10)


def run_faust(
    stage: Stage[S], options: FaustOptions, outlet: Outlet, checkpoints: Checkpoints
) -> int:
    """Run a stage until SIGTERM or SIGINT, and return the exit code.

    Outcomes are flushed before the checkpoint is written, and the checkpoint before offsets
    are committed. An exception stops the worker with code 1; nothing since the last checkpoint
    is acknowledged.

    Parameters
    ----------
    stage
        What to run.
    options
        How.
    outlet, checkpoints
        Where outcomes and checkpoints go.
    """
    with KafkaLogReader(options.connection) as reader, TemporaryDirectory() as scratch:
        keeper = StageKeeper(stage, outlet, checkpoints, reader.begin_offset)
        shell = _Shell(keeper, options, Path(scratch))
        # What a stage knows of its grid stays, and to look it through took up to 80 ms each time.
        gc.collect()
        gc.freeze()
        code = shell.run()
        if code == 0:
            keeper.checkpoint()
    return code


class _Shell:
    """One Faust app with one agent over all inputs of a stage."""

    def __init__(self, keeper: StageKeeper[Any], options: FaustOptions, scratch: Path) -> None:
        self._keeper = keeper
        self._failure: BaseException | None = None
        session_s = options.session_timeout.total_seconds()
        self._app = faust.App(
            options.group or keeper.stage.name,
            broker=[f"kafka://{host}" for host in options.connection.bootstrap_servers.split(",")],
            broker_credentials=_credentials(options.connection.security),
            datadir=scratch,
            web_enabled=False,
            key_serializer="raw",
            value_serializer="raw",
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            consumer_auto_offset_reset="earliest",
            consumer_group_instance_id=options.instance,
            consumer_max_fetch_size=MAX_RECORD_BYTES,
            broker_session_timeout=session_s,
            broker_heartbeat_interval=session_s / 4,
            broker_rebalance_timeout=max(session_s, 30.0),
            broker_request_timeout=max(90.0, 2 * session_s),
            # The assignor is only asked where standbys are allowed for; there are no tables.
            table_standby_replicas=1,
            PartitionAssignor=assignor_for(keeper.stage.scope),
        )
        self._app.transport = batches_of(self._app, self._take)
        channel = self._app.topic(
            *keeper.stage.inputs, key_type=bytes, value_type=bytes, acks=False
        )
        self._app.agent(channel, name=keeper.stage.name, concurrency=1)(self._subscribe)
        self._app.task(self._checkpoint_often(options.checkpoint_every.total_seconds()))
        self._app.on_rebalance_complete.connect(self._assigned, weak=False)
        self._app.on_partitions_revoked.connect(self._revoked, weak=False)
        self._app.on_before_shutdown.connect(self._stopping, weak=False)

    def run(self) -> int:
        worker = faust.Worker(
            self._app, override_logging=False, redirect_stdouts=False, loglevel="WARN", quiet=True
        )
        worker.spinner = None
        logging.getLogger("faust").setLevel(logging.WARNING)
        logging.getLogger("mode").setLevel(logging.WARNING)
        try:
            worker.execute_from_commandline()
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        if self._failure is not None:
            _logger.error("worker_failed", stage=self._keeper.stage.name, exc_info=self._failure)
            return 1
        return code

    async def _take(self, record: LogRecord) -> None:
        try:
            self._keeper.offer(record)
        except Exception as error:
            await self._fail(error)

    async def _subscribe(self, stream: Any) -> None:
        async for event in stream:
            await self._fail(RuntimeError(f"{event} came by way of Faust's streams"))

    def _checkpoint_often(self, every_s: float) -> Any:
        async def keep_checkpoints() -> None:
            while not self._app.should_stop:
                await asyncio.sleep(every_s)
                try:
                    await self._spread_checkpoint()
                except Exception as error:
                    if not _lacks_room(error):
                        await self._fail(error)

        return keep_checkpoints

    async def _spread_checkpoint(self) -> None:
        """Save what changed, state by state, while records are taken in between and meanwhile.

        Each state is drafted at once; broker and disk are waited for in another thread.
        """
        keeper, drafts, longest = self._keeper, [], 0.0
        for unit in keeper.changed:
            begun = time.perf_counter()
            # Meanwhile it may have been handed to another worker.
            if unit in keeper.changed:
                drafts.append(keeper.draft(unit))
            longest = max(longest, time.perf_counter() - begun)
            await asyncio.sleep(0)
        written = keeper.written
        positions = await asyncio.to_thread(keeper.save, drafts)
        _logger.debug(
            "checkpoint_saved",
            stage=keeper.stage.name,
            states=len(drafts),
            bytes=keeper.written - written,
            longest_pause_ms=round(longest * 1e3, 1),
        )
        await self._commit(positions)

    async def _checkpoint(self) -> None:
        await self._commit(self._keeper.checkpoint())

    async def _commit(self, positions: Mapping[Partition, int]) -> bool:
        if not positions:
            return True
        # The public commit() takes acknowledged events only, and would need every one of them.
        consumer: Any = self._app.consumer
        return bool(await consumer._commit(_offsets(positions)))

    async def _assigned(self, *_: object, **__: object) -> None:
        """Take states over and go back, or on, to where their checkpoints were taken.

        Right after this signal Faust seeks to what is committed, so that is set too; alone it
        would not do, for a committed offset of 0 is not sought.
        """
        try:
            assigned = self._app.consumer.assignment()
            positions = self._keeper.take_over(Partition(tp.topic, tp.partition) for tp in assigned)
            _logger.info(
                "partitions_assigned",
                stage=self._keeper.stage.name,
                positions={f"{p.topic}/{p.number}": at for p, at in positions.items()},
            )
            if await self._commit(positions):
                await self._app.consumer.seek_wait(_offsets(positions))
            else:
                # A further rebalance has begun; until it ends nothing here is ours.
                self._keeper.let_go()
        except Exception as error:
            await self._fail(error)

    async def _revoked(self, *_: object, **__: object) -> None:
        if self._failure is None:
            try:
                await self._checkpoint()
            except Exception as error:
                if not _lacks_room(error):
                    await self._fail(error)
        self._keeper.let_go()

    async def _stopping(self, *_: object, **__: object) -> None:
        if self._failure is None:
            try:
                await self._checkpoint()
            except Exception as error:
                # The last try is made when the rest is shut down, and decides on the code.
                if not _lacks_room(error):
                    raise

    async def _fail(self, error: Exception) -> None:
        """Stop the worker, and never return to the stream: it would go on with the next event."""
        self._failure = self._failure or error
        self._keeper.let_go()
        await self._app.crash(error)
        await asyncio.Event().wait()


def _lacks_room(error: Exception) -> bool:
    """Whether a checkpoint could not be made for want of room only, which is told.

    The one before stays, and nothing is committed beyond it: only more is done again.
    """
    if is_disk_full(error):
        _logger.error("no_room_for_checkpoint", error=str(error), remedy=MAKE_ROOM)
    return is_disk_full(error)


def _offsets(positions: Mapping[Partition, int]) -> dict[TP, int]:
    return {TP(partition.topic, partition.number): at for partition, at in positions.items()}


def _credentials(security: Mapping[str, str]) -> Credentials | None:
    protocol = security.get("security_protocol", "PLAINTEXT")
    context = None
    if protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=security.get("ssl_cafile"))
        if "ssl_certfile" in security:
            context.load_cert_chain(security["ssl_certfile"], security.get("ssl_keyfile"))
    if protocol.startswith("SASL_"):
        return faust.SASLCredentials(
            username=security["sasl_plain_username"],
            password=security["sasl_plain_password"],
            mechanism=security["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
