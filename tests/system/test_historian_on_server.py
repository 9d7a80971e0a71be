"""A run over Kafka, recorded into PostgreSQL while that is stopped and the recorder killed.

Then everything is in it once, and replays from it and from the topics differ nowhere.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from console.historian_access import open_historian
from console.log_access import open_reader, open_writer
from console.services.local_kafka import LocalKafka
from console.services.pipeline import Pipeline
from console.services.recorder_service import take_available
from console.services.run_file import RunFile, write_run
from console.services.scenario import DEMO_START
from console.services.supervisor import Supervisor
from console.settings import Settings
from ingest.gateway import Gateway
from ingest.network_files import read_case
from ingest.twin.twin import Twin, TwinSettings
from records.log import LogReader, Partition
from records.time import HOUR
from records.topics import CATALOGUE, topic_name
from storage.embedded_log import EmbeddedLogReader
from storage.filing import RECORDED_TOPICS
from storage.historian import Historian
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_writer import HistorianWriter
from storage.postgresql_connection import PostgresqlConnection
from storage.postgresql_schema import from_server
from storage.recorder import Recorder
from tests.storage.postgresql_server import PASSWORD, PostgresqlServer

pytestmark = pytest.mark.broker

SPACE = "kept-on-a-server"
HOURS, SERIES = 3, 1168
PATIENCE_S = 200.0


@dataclass(frozen=True)
class Recorded:
    """A run that is over, and the servers that hold it."""

    run: RunFile
    server: PostgresqlServer
    environment: dict[str, str]

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "console.main", *arguments],
            env={**os.environ, **self.environment, **environment},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip


class Held:
    """Lets the input no further than an instant that the test moves on."""

    def __init__(self, until: int) -> None:
        self.until = until

    def __call__(self) -> int:
        return self.until


def send(run: RunFile, bound: Callable[[], int]) -> None:
    """Put the first hours of the run's day into its raw topics, and the ticks that end them."""
    made = TwinSettings(run.start, run.start + HOURS * HOUR, namespace=SPACE, seed=run.seed)
    writer = open_writer(run.settings)
    twin = Twin(read_case(run.directory / "network"), made)
    assert Gateway(writer, threading.Event(), may_advance_to=bound).run(twin.batches()).finished
    writer.close()


def ends(reader: LogReader) -> dict[Partition, int]:
    """End of every partition that is recorded."""
    places = [
        Partition(topic, number)
        for topic in (topic_name(SPACE, name) for name in RECORDED_TOPICS)
        for number in reader.partitions(topic)
    ]
    return {place: reader.end_offset(place) for place in places}


def until(ready: Callable[[], bool], supervisor: Supervisor, logs: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    waiting = threading.Event()
    while not ready():
        supervisor.check()
        told = "\n".join(f"{p.name}: {p.read_text()[-1500:]}" for p in logs.glob("*.log"))
        assert time.monotonic() < deadline, told
        waiting.wait(0.3)


def positions(run: RunFile) -> dict[Partition, int]:
    with open_historian(run.settings) as historian:
        return historian.next_offsets()


@pytest.fixture(scope="module")
def recorded(
    kafka: LocalKafka, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    place = tmp_path_factory.mktemp("run")
    logs = place / "logs"
    with pytest.MonkeyPatch.context() as patch, PostgresqlServer() as server:
        owner = PostgresqlConnection(server.url, '"public"')
        with owner.transaction() as cursor:
            cursor.execute(f"CREATE ROLE services LOGIN PASSWORD '{PASSWORD}'")
        owner.close()
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "REDIS_URL": redis_server,
            "HISTORIAN_URL": server.address("services"),
            **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = Settings(namespace=SPACE, directory=place)
        run = RunFile(settings=settings, start=DEMO_START, days=1, seed=118, speed=None)
        write_run(run)
        made = Recorded(run, server, environment)
        told = made.command(
            "historian", "prepare", "--namespace", SPACE, "--writer", "services",
            HISTORIAN_URL=server.url,
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        assert "made or brought up to date; plain tables" in told.stdout
        assert "services may read and record" in told.stdout

        reader = open_reader(settings)
        with Supervisor(logs) as supervisor:
            pipeline = Pipeline(run, supervisor)
            pipeline.prepare()
            pipeline.start_services(gateway=False)
            # Held back by the hour, so that there is more to come at each disturbance.
            held = Held(run.start + HOUR)
            sender = threading.Thread(target=send, args=(run, held), daemon=True)
            sender.start()
            until(lambda: bool(positions(run)), supervisor, logs)

            server.stop()
            held.until += HOUR
            log = logs / "recorder.log"
            until(lambda: "historian_does_not_answer" in log.read_text(), supervisor, logs)
            server.start()
            before = positions(run)
            until(lambda: positions(run) != before, supervisor, logs)

            held.until += HOURS * HOUR
            os.kill(supervisor.pid("recorder"), signal.SIGKILL)
            os.waitid(os.P_PID, supervisor.pid("recorder"), os.WEXITED | os.WNOWAIT)
            until(lambda: not sender.is_alive(), supervisor, logs)

            last = Partition(topic_name(SPACE, "forecast.v1"), 0)
            windows = [
                Partition(topic_name(SPACE, "window.60min.v1"), area)
                for area in reader.partitions(topic_name(SPACE, "window.60min.v1"))
            ]

            def through() -> bool:
                state = Partition(topic_name(SPACE, "network.state.v1"), 0)
                issued = reader.end_offset(last) >= 3 * HOURS
                hours = all(reader.end_offset(place) >= HOURS - 1 for place in windows)
                return issued and hours and reader.end_offset(state) >= HOURS * 12

            until(through, supervisor, logs)
            supervisor.stop(*pipeline.workers, "watcher", "rebuild")
            end = ends(reader)
            until(lambda: positions(run) == {p: e for p, e in end.items() if e}, supervisor, logs)
        reader.close()
        yield made


def test_everything_in_the_topics_is_on_the_server_once(recorded: Recorded, tmp_path: Path) -> None:
    settings = recorded.run.settings
    reader = open_reader(settings)
    with HistorianWriter(tmp_path / "files") as writer:
        recorder = Recorder(writer)
        while take_available(recorder, reader, [topic_name(SPACE, n) for n in RECORDED_TOPICS])[0]:
            pass
        recorder.flush()
    reader.close()
    counts = {}
    with Historian(tmp_path / "files") as files, open_historian(settings) as server:
        for kept_as, kept in CLASSES.items():
            columns = ", ".join(f'"{name}"' for name in kept.schema.names)
            query = f'SELECT {columns} FROM {kept_as.value} WHERE "offset" >= 0'
            expected, found = files.sql(query), from_server(server.sql(query), kept)
            db = duckdb.connect()
            db.register("expected", expected.cast(kept.schema))
            db.register("found", found)
            for one, other in (("expected", "found"), ("found", "expected")):
                surplus = db.sql(f"SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other}")
                assert surplus.to_arrow_table().num_rows == 0, (kept_as, one)
            counts[kept_as] = found.num_rows
            db.close()
    assert counts[HistoryClass.SCADA] >= SERIES * HOURS * 100
    assert counts[HistoryClass.WINDOWS] >= SERIES * HOURS * 12
    assert counts[HistoryClass.FORECASTS] > 0


@pytest.mark.parametrize(
    ("source", "period"),
    [
        ("historian", ()),
        ("kafka", ("--from", "2014-11-09T14:00Z", "--to", "2014-11-09T15:00Z")),
    ],
)
def test_a_replay_differs_nowhere_sends_no_alarms_and_writes_nothing_to_the_servers(
    recorded: Recorded, tmp_path: Path, source: str, period: tuple[str, ...]
) -> None:
    reader = open_reader(recorded.run.settings)
    topics = [topic_name(SPACE, name) for name in CATALOGUE]

    def all_ends() -> dict[tuple[str, int], int]:
        return {(t, n): reader.end_offset(Partition(t, n)) for t in topics for n in
                reader.partitions(t)}  # fmt: skip

    before, kept = all_ends(), positions(recorded.run)
    told = recorded.command(
        "replay", "--source", source, "--directory", str(recorded.run.directory),
        "--namespace", f"again-{source}", "--json", str(tmp_path / "figures.json"), *period,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    figures: dict[str, Any] = json.loads((tmp_path / "figures.json").read_text())
    assert figures["differences"] == []
    assert figures["differences_total"] == 0
    values = {row["product"]: row["values"] for row in figures["compared"]}
    hours = 1 if period else HOURS
    assert values["window"] >= SERIES * (12 * hours - 1)
    assert values["forecast"] >= 106 * 48 * 4 * (hours - 1)
    assert figures["issues"] >= hours
    assert all_ends() == before
    assert positions(recorded.run) == kept
    assert not reader.partitions(topic_name(f"again-{source}", "network.alarm.v1"))
    reader.close()
    made = EmbeddedLogReader(recorded.run.directory / "replays" / f"again-{source}" / "log")
    for name, filled in (("network.alarm.v1", False), ("forecast.v1", True)):
        place = Partition(topic_name(f"again-{source}", name), 0)
        assert bool(made.end_offset(place)) is filled
    made.close()


def test_a_server_that_is_away_is_told_by_commands_with_code_2(recorded: Recorded) -> None:
    recorded.server.stop()
    try:
        for arguments in (
            ("replay", "--source", "historian", "--directory", str(recorded.run.directory)),
            ("meters", "estimates", "meter:1", "--namespace", SPACE),
            ("historian", "prepare", "--namespace", SPACE),
        ):
            told = recorded.command(*arguments)
            assert told.returncode == 2, told
            assert f"the historian at 127.0.0.1:{recorded.server.port}/postgres" in told.stderr
            assert "check that the server runs and that HISTORIAN_URL is right" in told.stderr
        told = recorded.command("doctor", "--namespace", SPACE)
        assert told.returncode == 1
        assert "check that the server runs" in told.stdout
    finally:
        recorded.server.start()


def test_the_password_is_in_no_file_of_the_run(recorded: Recorded) -> None:
    written = recorded.environment["HISTORIAN_URL"].partition("services:")[2].partition("@")[0]
    files = [path for path in recorded.run.directory.rglob("*") if path.is_file()]
    assert recorded.run.directory / "run.json" in files
    assert recorded.run.directory / "logs" / "recorder.log" in files
    for path in files:
        held = path.read_bytes()
        assert PASSWORD.encode() not in held, path
        assert written.encode() not in held, path


def test_a_run_with_a_log_of_its_own_is_refused_the_schema_of_another(
    recorded: Recorded, tmp_path: Path
) -> None:
    run = recorded.run.model_copy(
        update={"settings": recorded.run.settings.model_copy(update={"directory": tmp_path})}
    )
    told = recorded.command(
        "worker", "prepare", "--run", str(write_run(run)), KAFKA_BOOTSTRAP_SERVERS=""
    )
    assert told.returncode == 2
    assert "it is of another run" in told.stderr
