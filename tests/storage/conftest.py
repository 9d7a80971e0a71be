import itertools
import resource
import signal
from contextlib import contextmanager

import pytest
import redis

from storage.redis_server import RedisServer
from tests.storage.postgresql_server import PostgresqlServer

_serial = itertools.count()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="session")
def database():
    """Address of a PostgreSQL that all tests of the session share."""
    with PostgresqlServer() as server:
        yield server.url


@pytest.fixture
def client(redis_url):
    client = redis.Redis.from_url(redis_url)
    yield client
    client.close()


@pytest.fixture
def namespace():
    """A namespace that no other test of the session uses."""
    return f"t{next(_serial)}"


@pytest.fixture
def full_disk():
    """A context in which no file can grow beyond so many bytes, as on a disk without room."""

    @contextmanager
    def limited(to_bytes=0):
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (to_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)

    return limited
