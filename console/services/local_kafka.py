"""A single Apache Kafka node on loopback, for the demo and the tests.

Kafka itself, not an imitation: its jars come from Maven Central once and are kept in the user's
cache. Needs Java 17 or later, and Maven for the first run only.
"""

from __future__ import annotations

import base64
import importlib.resources
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType

import platformdirs
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

__all__ = ["KAFKA_VERSION", "KafkaUnavailableError", "LocalKafka", "obtain_jars"]

KAFKA_VERSION = "4.1.1"
"""The version in kafka-pom.xml."""

_JAVA_MINIMUM = 17
_HOST = "127.0.0.1"
_INSTALL = "on Debian or Ubuntu: apt-get install openjdk-17-jre-headless maven"

# A single KRaft node: small pools and buffers, replication 1, groups that form at once, and a
# killed broker's registration that lapses soon, so that it can come back.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"""


class KafkaUnavailableError(RuntimeError):
    """Kafka could not be obtained or started; the message says what to do."""


def obtain_jars(cache: Path | None = None) -> Path:
    """Return the directory with Kafka's jars, fetching them from Maven Central when absent.

    Parameters
    ----------
    cache
        Where jars are kept, one directory a version; the user's cache directory by default.

    Raises
    ------
    KafkaUnavailableError
        When Maven is missing or could not fetch them.
    """
    base = cache or platformdirs.user_cache_path("gridcast")
    jars = base / f"kafka-{KAFKA_VERSION}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailableError(
            f"Maven (mvn) is needed once, to fetch Apache Kafka {KAFKA_VERSION} from Maven "
            f"Central; {_INSTALL}. Or name a broker of yours in KAFKA_BOOTSTRAP_SERVERS."
        )
    base.mkdir(parents=True, exist_ok=True)
    # Fetched beside its place and renamed, so that a broken download is never taken for Kafka.
    with tempfile.TemporaryDirectory(dir=base, prefix=".kafka-") as scratch:
        pom = Path(scratch) / "pom.xml"
        pom.write_bytes(
            importlib.resources.files("console.services").joinpath("kafka-pom.xml").read_bytes()
        )
        fetched = Path(scratch) / "jars"
        command = [
            maven, "-B", "-q", "-C", "-Dstyle.color=never", "-f", str(pom),
            "dependency:copy-dependencies", "-DincludeScope=runtime",
            f"-DoutputDirectory={fetched}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not any(fetched.glob("kafka_*.jar")):
            raise KafkaUnavailableError(
                f"Maven could not fetch Apache Kafka {KAFKA_VERSION}; are the network and the "
                f"proxy set up? It said:\n{(done.stdout + done.stderr).strip()[-2000:]}"
            )
        try:
            fetched.rename(jars)
        except OSError:  # another process was quicker
            if not jars.is_dir():
                raise
    return jars


class LocalKafka:
    """One broker with its data in a directory; a context manager.

    Parameters
    ----------
    directory
        Holds data, configuration and log. Started again on the same directory, the broker has
        the same addresses and the same records.
    heap_mb
        Heap of the Java machine.

    Raises
    ------
    KafkaUnavailableError
        From `start`, when Java or Kafka is missing or the broker did not come up.
    """

    def __init__(self, directory: Path, *, heap_mb: int = 512) -> None:
        self.directory = directory.absolute()
        self.heap_mb = heap_mb
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients, ``host:port``."""
        match = re.search(r"PLAINTEXT://([\d.]+:\d+)", self._properties.read_text())
        assert match is not None
        return match.group(1)

    @property
    def pid(self) -> int | None:
        """Process id while running."""
        return None if self._process is None else self._process.pid

    @property
    def _properties(self) -> Path:
        return self.directory / "kafka.properties"

    @property
    def _log(self) -> Path:
        return self.directory / "kafka.log"

    @property
    def _pid_file(self) -> Path:
        return self.directory / "kafka.pid"

    def start(self, timeout_s: float = 60.0) -> None:
        """Start the broker and return when it answers."""
        java = _java()
        jars = obtain_jars()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._reap()
        if not self._properties.exists():
            self._format(java, jars)
        command = [
            sys.executable, "-P", "-m", "console.services.lifeline", str(os.getpid()),
            java, f"-Xmx{self.heap_mb}m", "-XX:+UseSerialGC", "-Dlog4j2.level=INFO",
            "-cp", f"{jars}/*", "kafka.Kafka", str(self._properties),
        ]  # fmt: skip
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the owner first, which then stops the broker.
            # Should the owner be killed, the lifeline stops it.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._pid_file.write_text(str(self._process.pid))
        try:
            self._wait_until_ready(timeout_s)
        except BaseException:
            self.kill()
            raise

    def check(self) -> None:
        """Raise `KafkaUnavailableError` when the broker has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise KafkaUnavailableError(
                f"Kafka ended with code {self._process.returncode}; the end of {self._log}:\n"
                f"{self._log_tail()}"
            )

    def stop(self, timeout_s: float = 30.0) -> None:
        """Shut the broker down in an orderly way, or kill it when it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._gone()

    def kill(self) -> None:
        """Kill the broker with signal 9, as a crash would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._gone()

    def restart(self) -> None:
        """Start again on the same data, after `stop` or `kill` or a crash."""
        self.kill()
        self.start()

    def __enter__(self) -> LocalKafka:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _gone(self) -> None:
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    def _format(self, java: str, jars: Path) -> None:
        broker, controller = _free_ports(2)
        data = self.directory / "data"
        draft = self._properties.with_suffix(".draft")
        draft.write_text(
            _PROPERTIES.format(host=_HOST, broker=broker, controller=controller, data=data)
        )
        # A leading dash would read as an option.
        cluster_id = "K" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        command = [
            java, "-Xmx128m", "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format",
            "-t", cluster_id, "-c", str(draft),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise KafkaUnavailableError(
                f"could not format {data}:\n{(done.stdout + done.stderr).strip()[-2000:]}"
            )
        draft.rename(self._properties)

    def _wait_until_ready(self, timeout_s: float) -> None:
        assert self._process is not None
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise KafkaUnavailableError(
                    f"Kafka ended with code {self._process.returncode} while starting; "
                    f"the end of {self._log}:\n{self._log_tail()}"
                )
            if _answers(self.bootstrap_servers):
                return
            time.sleep(0.1)
        raise KafkaUnavailableError(
            f"Kafka did not answer within {timeout_s:g} s; "
            f"the end of {self._log}:\n{self._log_tail()}"
        )

    def _log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if " ERROR " in line or "xception" in line]
        return "\n".join((telling or lines)[-15:])

    def _reap(self) -> None:
        """Kill a broker of this directory whose owner was killed before it."""
        if not self._pid_file.exists():
            return
        pid = int(self._pid_file.read_text() or 0)
        # The command line tells it from a stranger with the same id; it is empty once killed.
        while os.fsencode(self._properties) in _command_line(pid):
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise KafkaUnavailableError(f"Java {_JAVA_MINIMUM} or later is needed; {_INSTALL}")
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "(\d+)', done.stderr + done.stdout)
    if match is None or int(match.group(1)) < _JAVA_MINIMUM:
        said = (done.stderr + done.stdout).strip().splitlines()
        raise KafkaUnavailableError(
            f"Java {_JAVA_MINIMUM} or later is needed, {java} says {said[:1]}; {_INSTALL}"
        )
    return java


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((_HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _answers(bootstrap_servers: str) -> bool:
    """Whether the broker is registered with its controller and takes requests."""
    host, port = bootstrap_servers.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
        admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=5000)
    except (OSError, KafkaError):
        return False
    try:
        brokers = admin.describe_cluster()["brokers"]
        return bool(brokers) and not any(broker.get("is_fenced") for broker in brokers)
    except KafkaError:
        return False
    finally:
        admin.close()
