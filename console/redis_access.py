"""The Redis of a run: the one named in the environment, else the one started beside the run."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from console.errors import UnavailableError
from console.settings import Settings
from storage.redis_server import known_url

__all__ = ["open_redis", "redis_url"]


def redis_url(settings: Settings) -> str | None:
    """Address of the run's Redis, None when none is running."""
    given = settings.addresses.redis_url
    if given is not None:
        return given.get_secret_value()
    return known_url(settings.directory / "redis", {})


def open_redis(settings: Settings) -> Redis:
    """Connect to the run's Redis; answers are bytes.

    Raises
    ------
    UnavailableError
        When none is running that we know of.
    """
    url = redis_url(settings)
    if url is None:
        raise UnavailableError(
            f"no Redis is running for {settings.directory}; start `gridcast up` or "
            "`gridcast demo --keep`, or set REDIS_URL to one of yours"
        )
    # One more try, for a connection that a restarted server has forgotten; then whoever asks is
    # told, and does not wait: Redis is a copy.
    retry = Retry(NoBackoff(), 1)
    return Redis.from_url(url, socket_connect_timeout=5, socket_timeout=10, retry=retry)
