"""The service that holds a run's own Redis, so that it ends with the run."""

from __future__ import annotations

import threading

from console.services.run_file import RunFile
from storage.redis_server import RedisServer

__all__ = ["hold_redis"]


def hold_redis(run: RunFile, stop: threading.Event) -> None:
    """Keep a Redis running until asked to stop; its address is in the run's directory."""
    with RedisServer(run.directory / "redis"):
        stop.wait()
