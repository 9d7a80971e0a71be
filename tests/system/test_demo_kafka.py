"""The demo's services over a real broker: killed with -9, they end with the same results."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from console.log_access import open_reader, open_writer
from console.services.gateway import ForecastBound
from console.services.local_kafka import LocalKafka
from console.services.pipeline import Pipeline
from console.services.prepare import create_topics, prepare
from console.services.run_file import RunFile, write_run
from console.services.scenario import DEMO_START
from console.services.supervisor import Service, Supervisor
from console.settings import Addresses, CheckpointSettings, Settings
from ingest.gateway import Gateway
from ingest.network_files import read_case
from ingest.twin.twin import Twin, TwinSettings
from records.log import Partition
from records.time import HOUR
from records.topics import topic_name
from records.window import decode_window

pytestmark = pytest.mark.broker

HOURS = 4
AREAS, SERIES = 3, 1168
PATIENCE_S = 150.0
PRODUCTS = (
    "scada.view.v1", "window.5min.v1", "meter.interval.v1", "network.state.v1", "forecast.v1",
)  # fmt: skip

Values = set[tuple[int, bytes, bytes]]
"""Different records of a topic: partition, key and value."""


@dataclass
class Products:
    """What the stages of a run have put out so far."""

    run: RunFile
    values: dict[str, Values] = field(default_factory=lambda: {name: set() for name in PRODUCTS})
    next: dict[Partition, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reader = open_reader(self.run.settings)

    def read(self) -> Products:
        for name in PRODUCTS:
            topic = topic_name(self.run.settings.namespace, name)
            for number in self._reader.partitions(topic):
                where = Partition(topic, number)
                while batch := self._reader.read(where, self.next.get(where, 0), 2000):
                    self.next[where] = batch[-1].offset + 1
                    self.values[name] |= {(number, r.key, r.value) for r in batch}
        return self

    def wait(self, timeout: float) -> None:
        """Wait until there is more."""
        self._reader.wait_for_data(self.next, timeout)

    def close(self) -> None:
        self._reader.close()


def run_in(directory: Path, namespace: str, addresses: Addresses) -> RunFile:
    settings = Settings(
        namespace=namespace,
        directory=directory,
        checkpoint=CheckpointSettings.model_validate({"every": "PT0.5S"}),
        addresses=addresses,
    )
    return RunFile(settings=settings, start=DEMO_START, days=1, seed=118, speed=None)


def send(run: RunFile, may_advance_to: Callable[[], int] | None = None) -> None:
    """Put the first hours of the run's day into its raw topics."""
    period = (run.start, run.start + HOURS * HOUR)
    made = TwinSettings(*period, namespace=run.settings.namespace, seed=run.seed)
    writer = open_writer(run.settings)
    twin = Twin(read_case(run.directory / "network"), made)
    gateway = Gateway(writer, threading.Event(), may_advance_to=may_advance_to)
    assert gateway.run(twin.batches()).finished
    writer.close()


def undisturbed(directory: Path, namespace: str) -> dict[str, Values]:
    """Run the stages over the embedded log, in one process, and return what they put out."""
    run = run_in(directory, namespace, Addresses(kafka_bootstrap_servers=None, redis_url=None))
    prepare(run, threading.Event())
    send(run)
    # A process of its own, with one BLAS thread as in the services: sums depend on it by a bit.
    environment = {k: v for k, v in os.environ.items() if k != "KAFKA_BOOTSTRAP_SERVERS"}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    script = Path(__file__).with_name("undisturbed_stages.py")
    subprocess.run(
        [sys.executable, str(script), str(write_run(run))],
        env={**environment, **threads, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
    )
    products = Products(run).read()
    products.close()
    return products.values


def kill(supervisor: Supervisor, name: str) -> None:
    """Kill a service with signal 9; the supervisor starts it again when it is asked to look."""
    pid = supervisor.pid(name)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def further_worker(run: RunFile, stage: str, instance: int) -> Service:
    command = [sys.executable, "-m", "console.main", "worker", stage]
    arguments = ["--run", str(run.directory / "run.json"), "--instance", str(instance)]
    return Service(f"{stage}-{instance}", [*command, *arguments], restarts=1)


def logs_of(run: RunFile) -> str:
    logs = sorted((run.directory / "logs").glob("*.log"))
    return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in logs)


def test_killed_workers_leave_the_results_of_an_undisturbed_run(
    kafka: LocalKafka,
    redis_server: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = undisturbed(tmp_path / "undisturbed", namespace)
    windows = [decode_window(value) for _, _, value in expected["window.5min.v1"]]
    assert sum(int((batch.revision == 1).sum()) for batch in windows) == SERIES * HOURS * 12
    assert len(expected["network.state.v1"]) >= HOURS * 12

    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("REDIS_URL", redis_server)
    addresses = Addresses(
        kafka_bootstrap_servers=kafka.bootstrap_servers, redis_url=SecretStr(redis_server)
    )
    run = run_in(tmp_path / "killed", namespace, addresses)
    for made in ("network", "historian"):
        shutil.copytree(tmp_path / "undisturbed" / made, run.directory / made)
    create_topics(run, AREAS)

    rng = random.Random(9)
    total = {name: len(values) for name, values in expected.items()}
    moments = [
        ("area", "scada.view.v1", rng.uniform(0.05, 0.45)),
        ("area", "scada.view.v1", rng.uniform(0.5, 0.7)),
        ("metering", "meter.interval.v1", rng.uniform(0.1, 0.6)),
        ("estimation", "network.state.v1", rng.uniform(0.1, 0.6)),
        ("forecast", "forecast.v1", rng.uniform(0.1, 0.55)),
    ]
    products = Products(run)
    with Supervisor(run.directory / "logs") as supervisor:
        Pipeline(run, supervisor).start_services(gateway=False)
        supervisor.start(further_worker(run, "area", 1))
        # Never far ahead of the forecasts, so that each is killed while there is more to come.
        reader = open_reader(run.settings)
        bound = ForecastBound(reader, namespace, run.start, lead=HOUR + HOUR // 2)
        sender = threading.Thread(target=send, args=(run, bound), daemon=True)
        sender.start()
        deadline = time.monotonic() + PATIENCE_S
        while any(expected[name] - products.values[name] for name in PRODUCTS):
            lacking = {name: len(expected[name] - products.values[name]) for name in PRODUCTS}
            assert time.monotonic() < deadline, f"{lacking}\n{logs_of(run)}"
            products.read()
            for moment in list(moments):
                service, topic, share = moment
                done = len(products.values[topic])
                if done > share * total[topic]:
                    assert done < total[topic], f"{service} was through"
                    kill(supervisor, service)
                    moments.remove(moment)
            supervisor.check()
            products.wait(0.2)
        sender.join()
        reader.close()
    products.read().close()
    assert not moments
    assert products.values == expected
