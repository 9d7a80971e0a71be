"""Scans later than hot retention, through Kafka: killed, the rebuild service counts none twice.

The services `area`, `rollup`, `recorder` and `rebuild` are processes of their own. What stands in
the end, in the topics and in the historian, is what all scans in time would have made.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import SecretStr

from console.historian_access import open_historian
from console.log_access import open_reader, open_writer
from console.services.local_kafka import LocalKafka
from console.services.prepare import create_topics
from console.services.run_file import RunFile, write_run
from console.services.scenario import DEMO_START, make_network, read_scenario, twin_of
from console.services.stages import area_settings
from console.services.supervisor import Service, Supervisor
from console.settings import Addresses, Settings
from ingest.twin.twin import Twin
from records.late import decode_request
from records.log import LogRecord, Outgoing, Partition
from records.scada import FRAME_TYPE, decode_frame
from records.time import HOUR, MINUTE
from records.topics import topic_name
from records.window import WINDOW_TYPE, decode_window
from storage.historian_classes import HistoryClass
from stream.area import AreaStage
from stream.cascade import Cascade
from stream.rollup import RollupStage

pytestmark = pytest.mark.broker

PATIENCE_S = 90.0
END = DEMO_START + 3 * HOUR
HELD = range(DEMO_START + 62 * MINUTE, DEMO_START + 82 * MINUTE)
NAMES = ("window.5min.v1", "window.15min.v1", "window.30min.v1", "window.60min.v1")
NUMBERS = ("mean", "q95", "minimum", "maximum", "energy_mwh", "count", "imputed_share", "quality")

Key = tuple[str, int, int]
Revisions = dict[Key, dict[int, tuple[str, ...]]]
"""Numbers of each revision of a series and window, by its length and start, ns."""


def revisions_of(records: Iterable[tuple[str, bytes]]) -> Revisions:
    """Every revision; one that is told twice must be the same both times."""
    found: Revisions = {}
    for kind, value in records:
        if kind != WINDOW_TYPE:
            continue
        batch = decode_window(value)
        columns = [getattr(batch, name).tolist() for name in NUMBERS]
        for series, revision, *row in zip(
            batch.series, batch.revision.tolist(), *columns, strict=True
        ):
            numbers = tuple(map(repr, row))
            told = found.setdefault((series, batch.length, batch.start), {})
            assert told.setdefault(revision, numbers) == numbers
    return found


def standing(revisions: Revisions) -> dict[Key, tuple[str, ...]]:
    return {key: told[max(told)] for key, told in revisions.items()}


def is_late(record: Outgoing) -> bool:
    if record.partition != 0 or record.headers["ce_type"] != FRAME_TYPE:
        return False
    sent = LogRecord(record.topic, 0, 0, 0, record.value, record.key, dict(record.headers))
    return decode_frame(sent).scan_time in HELD


def first_area(twin: Twin, frames: str) -> list[Outgoing]:
    found = []
    for batch in twin.batches():
        if batch.time > END:
            return found
        found += [r for r in batch.records if r.topic == frames and r.partition == 0]
    raise AssertionError("the twin ended early")


def in_time(run: RunFile, sent: list[Outgoing]) -> Revisions:
    """Windows of the first area as they are where all scans come in time."""
    scenario, space = read_scenario(run), run.settings.namespace
    area = AreaStage(space, scenario.register, scenario.clock, area_settings(run))
    rollup = RollupStage(space, scenario.clock)
    cascade = Cascade([area, rollup], dict.fromkeys((*area.inputs, *rollup.inputs), (0,)))
    made = [o for o in cascade.send(sent, END) if isinstance(o, Outgoing)]
    return revisions_of((o.headers["ce_type"], o.value) for o in made)


class Topics:
    """What the window topics of the first area hold."""

    def __init__(self, run: RunFile) -> None:
        self._reader = open_reader(run.settings)
        self._run = run

    def read(self, name: str) -> list[LogRecord]:
        place = Partition(topic_name(self._run.settings.namespace, name), 0)
        found: list[LogRecord] = []
        while more := self._reader.read(place, len(found), 5000):
            found += more
        return found

    def revisions(self) -> Revisions:
        records = [record for name in NAMES for record in self.read(name)]
        return revisions_of((r.headers["ce_type"], r.value) for r in records)

    def wait(self, name: str) -> None:
        """Wait until a topic holds more than it does."""
        place = Partition(topic_name(self._run.settings.namespace, name), 0)
        self._reader.wait_for_data({place: self._reader.end_offset(place)}, 0.5)

    def close(self) -> None:
        self._reader.close()


def logs_of(run: RunFile) -> str:
    logs = sorted((run.directory / "logs").glob("*.log"))
    return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in logs)


def kill(supervisor: Supervisor) -> None:
    """Kill the service with signal 9; it is started again when the supervisor is asked to look."""
    pid = supervisor.pid("rebuild")
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_late_scan_through_kafka_is_in_every_window_though_the_service_is_killed(
    kafka: LocalKafka,
    redis_server: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("REDIS_URL", redis_server)
    addresses = Addresses(
        kafka_bootstrap_servers=kafka.bootstrap_servers, redis_url=SecretStr(redis_server)
    )
    settings = Settings.model_validate(
        {
            "namespace": namespace,
            "directory": tmp_path,
            "scada": {"hot_retention": "PT30M"},
            "addresses": addresses,
        }
    )
    run = RunFile(settings=settings, start=DEMO_START, days=1, seed=118, speed=None)
    write_run(run)
    twin = twin_of(run, make_network(run))
    create_topics(run, len(twin.area_names))
    sent = first_area(twin, topic_name(namespace, "scada.frame.v1"))
    late = [record for record in sent if is_late(record)]
    before = [record for record in sent if not is_late(record)]
    # The last quarter of an hour comes after the late ones: then they are told.
    more = before[-40:]
    expected = standing(in_time(run, sent))

    def worker(name: str) -> Service:
        command = [sys.executable, "-m", "console.main", "worker", name]
        return Service(name, [*command, "--run", str(tmp_path / "run.json")], restarts=5)

    topics = Topics(run)
    with Supervisor(tmp_path / "logs") as supervisor:
        for name in ("area", "rollup", "recorder", "rebuild"):
            supervisor.start(worker(name))
        writer = open_writer(settings)
        writer.append([*before[:-40], *late, *more])
        writer.flush()
        writer.close()
        deadline = time.monotonic() + PATIENCE_S
        kills = 0
        while standing(topics.revisions()) != expected:
            assert time.monotonic() < deadline, logs_of(run)
            told = topics.read("window.late.v1")
            again = [r for r in topics.read("window.5min.v1") if "gc_watermark" not in r.headers]
            # Once before it answers, once when it has answered and does not know it is recorded.
            if (told and kills == 0) or (again and kills == 1):
                kill(supervisor)
                kills += 1
            supervisor.check()
            topics.wait("window.5min.v1")
        asked = [
            decode_request(r.headers, r.value, r.partition) for r in topics.read("window.late.v1")
        ]
        assert {int(start) for one in asked for start in one.start} >= {DEMO_START + HOUR}
        while kills == 1 or not recorded(run, expected):
            assert time.monotonic() < deadline, logs_of(run)
            if kills == 1:
                kill(supervisor)
                kills += 1
            supervisor.check()
            topics.wait("window.5min.v1")
    assert kills == 2
    found = topics.revisions()
    topics.close()
    assert standing(found) == expected
    touched = {key for key, told in found.items() if max(told) > 1}
    assert {length for _, length, _ in touched} == {5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR}
    for told in found.values():
        assert sorted(told) == list(range(1, len(told) + 1))


def recorded(run: RunFile, expected: dict[Key, tuple[str, ...]]) -> bool:
    """Whether the historian holds the means that are expected."""
    found: dict[Key, str] = {}
    with open_historian(run.settings) as historian:
        for kept_as in (HistoryClass.WINDOWS, HistoryClass.LONG_WINDOWS):
            rows = historian.as_of(kept_as, DEMO_START, END)
            for series, length, start, value in zip(
                rows["series"].to_pylist(),
                rows["length_ns"].to_pylist(),
                rows["valid_time"].cast("int64").to_pylist(),
                rows["value"].to_pylist(),
                strict=True,
            ):
                found[series, length, start] = repr(float("nan") if value is None else value)
    return all(found.get(key) == numbers[0] for key, numbers in expected.items())
