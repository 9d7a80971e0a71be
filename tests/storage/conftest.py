import itertools

import pytest
import redis

from storage.redis_server import RedisServer

_serial = itertools.count()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
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
