"""Faust's consumer, handing over what it fetched as it is, without an event for each record.

On its own Faust passes a record through a message, an event, a queue and two tasks before an
agent sees it, a quarter of all that a worker spent on a frame. Nothing of that is needed by a
shell that keeps its own offsets. Group, assignment, fetching and commits stay Faust's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Any

import faust
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP

from records.log import LogRecord
from storage.kafka_log_reader import record_from_kafka

__all__ = ["batches_of"]

_SLICE_S = 0.01


class _BatchConsumer(Consumer):
    """Takes records in where Faust would deliver messages."""

    take: Callable[[LogRecord], Awaitable[None]]

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Take in what was fetched, and yield none of it.

        What was fetched before a rebalance is dropped: whoever has the partition then seeks.
        """
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            # As Faust does, for these records have moved the position.
            try:
                await self.perform_seek()
            except Exception as error:
                self.log.warning("could not seek while the flow was stopped: %r", error)
            return
        generation, until = self.app.consumer_generation_id, monotonic() + _SLICE_S
        flows = self.app.flow_control.is_active
        for tp, each in self.scheduler.iterate(records):
            if monotonic() > until:
                await asyncio.sleep(0)
                until = monotonic() + _SLICE_S
            if not (self.flow_active and flows()) or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active:
                await self.take(
                    record_from_kafka(
                        each.topic, each.partition, each.offset, each.timestamp,
                        each.key, each.value, each.headers,
                    )
                )  # fmt: skip
        # Without a yield, Faust would be handed a coroutine.
        nothing: tuple[tuple[TP, Any], ...] = ()
        for each in nothing:
            yield each


def batches_of(app: faust.App, take: Callable[[LogRecord], Awaitable[None]]) -> Transport:
    """Return a transport for `app` that hands every record to `take`, in order by partition.

    `take` is not called while partitions are being moved.
    """

    class TakingConsumer(_BatchConsumer):
        async def take(self, record: LogRecord) -> None:
            await take(record)

    class TakingTransport(Transport):
        Consumer = TakingConsumer

    return TakingTransport(app.conf.broker_consumer, app)
