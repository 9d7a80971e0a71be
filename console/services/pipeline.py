"""The processes of a run: which ones there are, and how they are brought up in order."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable

import redis

from console.endings import DEBUG_VARIABLE
from console.errors import UnavailableError
from console.services.kafka_service import ADDRESS_FILE
from console.services.run_file import RunFile, write_run
from console.services.supervisor import Service, Supervisor
from console.settings import Settings
from storage.redis_server import known_url

__all__ = ["Pipeline"]

_POLL_S = 0.02
_REDIS_S = 20.0
_KAFKA_S = 300.0
"""The first start fetches Kafka's jars."""
_RESTARTS = 5
"""In a row; all of these go on from what they kept last."""
_ANSWER_S = 1.0

# One BLAS thread a process: there are as many processes as cores, and the matrices are small.
_THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Pipeline:
    """Brings the services of a run up, under a supervisor that takes them down again.

    Parameters
    ----------
    run
        The run.
    supervisor
        Holds the processes.
    own_kafka
        Start a broker of our own; else `KAFKA_BOOTSTRAP_SERVERS` or the embedded log.
    tell
        Called with what is going on, for progress.
    """

    def __init__(
        self,
        run: RunFile,
        supervisor: Supervisor,
        *,
        own_kafka: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._supervisor = supervisor
        self._tell = tell
        self._own_kafka = own_kafka
        self._file = write_run(run)
        servers = run.settings.addresses.kafka_bootstrap_servers
        # Set in any case: the run decides, not what the variable happens to be.
        self._environment = {
            **_THREADS, DEBUG_VARIABLE: "1", "KAFKA_BOOTSTRAP_SERVERS": servers or "",
        }  # fmt: skip
        self.run = run

    @property
    def workers(self) -> tuple[str, ...]:
        """Names of the services that run stages."""
        if self._uses_kafka:
            by_area = ("area", "metering", "meter_estimates", "rollup")
            return (*by_area, "estimation", "alarms", "forecast")
        return ("processor", "forecaster", "alarms")

    def start_servers(self) -> None:
        """Start Redis, and Kafka where asked for, and wait until they answer.

        Raises
        ------
        UnavailableError
            When one does not come up in time.
        ServiceDiedError
            When one dies.
        """
        settings = self.run.settings
        if settings.addresses.redis_url is None:
            self._tell("starting Redis")
            self._start("redis")
        if self._own_kafka:
            self._tell("starting Apache Kafka (the first time it is fetched)")
            self._start("kafka", restarts=_RESTARTS)
            address = settings.directory / ADDRESS_FILE
            self._until(address.exists, _KAFKA_S, "Apache Kafka")
            self._environment["KAFKA_BOOTSTRAP_SERVERS"] = address.read_text()
            self.run = self.run.model_copy(
                update={"settings": _with_kafka(settings, address.read_text())}
            )
        self._until(self._redis_answers, _REDIS_S, "Redis")

    def prepare(self) -> None:
        """Make network, topics and history, and wait until they are there."""
        self._tell("preparing the network and its history")
        self._start("prepare", once=True)
        self._supervisor.wait("prepare")

    def start_services(self, *, gateway: bool = True) -> None:
        """Start everything that follows the log, then what fills it."""
        for name in ("recorder", "watcher", "rebuild", *self.workers):
            self._start(name, restarts=_RESTARTS)
        if gateway:
            # One that runs at a pace goes on behind its last tick; the other's sums are counted.
            paced = self.run.speed is not None
            self._start("gateway", once=True, restarts=_RESTARTS if paced else 0)

    def _start(self, name: str, *, once: bool = False, restarts: int = 0) -> None:
        command = [
            sys.executable, "-P", "-m", "console.main", "worker", name, "--run", str(self._file),
        ]  # fmt: skip
        hindered = _nothing if name in ("redis", "kafka") else self._broker_is_away
        self._supervisor.start(Service(name, command, self._environment, once, restarts, hindered))

    def _broker_is_away(self) -> str:
        """Why nothing that needs the broker can be started; empty when it answers, or none is."""
        servers = self._environment["KAFKA_BOOTSTRAP_SERVERS"]
        if not servers or any(_answers(server) for server in servers.split(",")):
            return ""
        return f"Apache Kafka at {servers} does not answer"

    @property
    def _uses_kafka(self) -> bool:
        return self.run.settings.addresses.kafka_bootstrap_servers is not None

    def _redis_answers(self) -> bool:
        given = self.run.settings.addresses.redis_url
        url = (
            known_url(self.run.directory / "redis", {})
            if given is None
            else given.get_secret_value()
        )
        if url is None:
            return False
        client = redis.Redis.from_url(url, socket_connect_timeout=2)
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
        finally:
            client.close()

    def _until(self, ready: Callable[[], bool], timeout_s: float, what: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            self._supervisor.check()
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"{what} did not answer within {timeout_s:g} s; see its log under "
                    f"{self.run.directory / 'logs'}, or name one of yours in the environment"
                )
            time.sleep(_POLL_S)


def _nothing() -> str:
    return ""


def _answers(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except OSError:
        return False
    return True


def _with_kafka(settings: Settings, servers: str) -> Settings:
    addresses = settings.addresses.model_copy(update={"kafka_bootstrap_servers": servers})
    return settings.model_copy(update={"addresses": addresses})
