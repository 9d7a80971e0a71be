"""Signs of life of a service in Redis, at most one a second."""

from __future__ import annotations

import time

import structlog
from redis import Redis, RedisError

from storage.redis_state import Heartbeat, LiveState

__all__ = ["Pulse", "instance_name"]

_logger = structlog.get_logger(__name__)

_EVERY_S = 1.0


class Pulse:
    """Leaves heartbeats of one service.

    A Redis that does not answer is no reason for the service to stop: it is logged.

    Parameters
    ----------
    client
        The run's Redis.
    namespace
        Of the run.
    service
        Name of the service.
    """

    def __init__(self, client: Redis, namespace: str, service: str) -> None:
        self._live = LiveState(client, namespace)
        self._service = service
        self._next = 0.0

    def beat(
        self,
        event_time: int | None,
        *,
        status: str = "ok",
        detail: str = "",
        urgent: bool = False,
    ) -> None:
        """Leave a sign of life if the last one is old enough, or at once when `urgent`.

        Parameters
        ----------
        event_time
            How far the service has come in the data, ns UTC.
        """
        now = time.monotonic()
        if now < self._next and not urgent:
            return
        self._next = now + _EVERY_S
        try:
            self._live.beat(Heartbeat(self._service, time.time_ns(), event_time, status, detail))
        except RedisError as error:
            _logger.warning("no_heartbeat", error=str(error))


def instance_name(service: str, instance: int) -> str:
    """Name of one of several workers of a service; the first has the service's own.

    >>> instance_name("area", 0), instance_name("area", 1)
    ('area', 'area-1')
    """
    return f"{service}-{instance}" if instance else service
