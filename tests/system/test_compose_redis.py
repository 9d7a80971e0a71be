"""The Redis users of the compose file, on a real redis-server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest
import redis
import yaml
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from storage.redis_state import Heartbeat, LiveState

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a server with the compose file's users, passwords "one" and "two"."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    directory = tmp_path_factory.mktemp("redis-users")
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    users = compose["configs"]["redis-users"]["content"]
    users = users.replace("${REDIS_PASSWORD:", "${one:").replace(
        "${REDIS_READER_PASSWORD:", "${two:"
    )
    filled = Template(_without_messages(users)).substitute(one="one", two="two")
    (directory / "users.acl").write_text(filled)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    log = (directory / "redis.log").open("wb")
    process = subprocess.Popen(
        [*command, "--aclfile", str(directory / "users.acl")], stdout=log, stderr=log
    )
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()
    log.close()


def _without_messages(text: str) -> str:
    """Leave "${name}" of "${name:?what to do}", as Python's templates know no messages."""
    parts = text.split(":?")
    return parts[0] + "".join("}" + part.split("}", 1)[1] for part in parts[1:])


def connect(address: str, user: str) -> redis.Redis:
    return redis.Redis.from_url(
        f"redis://{user}{address}/0",
        retry=Retry(ConstantBackoff(0.1), 50),
        retry_on_error=[redis.ConnectionError],
    )


def test_a_service_can_do_its_work(address: str) -> None:
    client = connect(address, "gridcast:one@")
    live = LiveState(client, "demo")
    live.beat(Heartbeat("area", time.time_ns(), None))
    assert "area" in live.health()
    with client.pipeline(transaction=True) as pipe:
        pipe.hset("gc:{demo}:forecast:run:1:bus", "series", b"x")
        pipe.expire("gc:{demo}:forecast:run:1:bus", 60)
        pipe.xadd("gc:{demo}:events", {"type": "forecast"})
        pipe.publish("gc:{demo}:events", "1")
        pipe.execute()
    assert client.info("server")["redis_version"]


@pytest.mark.parametrize("command", [("FLUSHALL",), ("CONFIG", "GET", "*"), ("SET", "other", "1")])
def test_a_service_cannot_reach_beyond_its_keys(address: str, command: tuple[str, ...]) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        connect(address, "gridcast:one@").execute_command(*command)


def test_a_reader_reads_and_does_not_write(address: str) -> None:
    connect(address, "gridcast:one@").set("gc:{demo}:forecast:current", "run")
    reader = connect(address, "reader:two@")
    assert reader.get("gc:{demo}:forecast:current") == b"run"
    assert reader.xrange("gc:{demo}:events") is not None
    with pytest.raises(redis.exceptions.NoPermissionError):
        reader.set("gc:{demo}:forecast:current", "other")


@pytest.mark.parametrize("user", ["", "gridcast:wrong@"])
def test_nobody_else_gets_in(address: str, user: str) -> None:
    with pytest.raises(redis.exceptions.AuthenticationError):
        connect(address, user).ping()
