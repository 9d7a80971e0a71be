"""A run of a few hours, replayed from what was recorded of it: nothing may differ."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from console.log_access import open_reader, open_writer
from console.main import run as gridcast
from console.replays.recorded_replay import replay_recorded
from console.services.prepare import prepare
from console.services.rebuild_service import RebuildService
from console.services.recorder_service import take_available
from console.services.run_file import RunFile, read_run, write_run
from console.services.scenario import DEMO_START, Scenario, read_scenario, twin_of
from console.services.stages import STAGES_OF, area_settings, metering_settings, stage_named
from console.settings import Settings
from records.log import LogRecord, Outgoing, Partition
from records.scada import FRAME_TYPE, decode_frame
from records.time import HOUR, MINUTE, format_time, parse_time
from records.topics import topic_name
from records.window import decode_window, window_record
from storage.checkpoint_store import CheckpointStore
from storage.embedded_log import EmbeddedLogReader
from storage.filing import RECORDED_TOPICS
from storage.historian import Historian
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_log import HistorianLog
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from stream.outlet import LogOutlet
from stream.rebuilder import Rebuilder
from stream.relay import RelayedWriter
from stream.runner import RunnerOptions, run_stages

pytest.importorskip("simbench", reason="the twin's load shapes come with the extra `demo`")

SPACE = "recorded"
HOURS = 5
HELD = range(DEMO_START + HOUR, DEMO_START + HOUR + 10 * MINUTE)
"""Scans of the first area that come late, when their windows have left memory."""


@dataclass(frozen=True)
class Replayed:
    """How a replay ended, what it printed and what it wrote."""

    code: int
    err: str
    figures: dict[str, Any]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the twin: gateway, stages, recorder and rebuild in turns, in this process."""
    place = tmp_path_factory.mktemp("run")
    settings = Settings.model_validate(
        {
            "namespace": SPACE,
            "directory": place,
            "scada": {"hot_retention": "PT30M"},
            "alarms": {"operator_acts": True},
        }
    )
    made = RunFile(settings=settings, start=DEMO_START, days=1, seed=118, speed=None)
    write_run(made)
    prepare(made, threading.Event())
    scenario = read_scenario(made)
    with threadpool_limits(1, "blas"):
        # As the services: another number of threads adds up in another order.
        run_in_turns(made, scenario)
    return place


def run_in_turns(made: RunFile, scenario: Scenario) -> None:
    place, settings = made.settings.directory, made.settings
    reader, writer = open_reader(settings), open_writer(settings)
    names = [name for role in STAGES_OF.values() for name in role]
    checkpoints = CheckpointStore(place / "checkpoints")
    batches = list(
        takewhile(
            lambda batch: batch.time <= made.start + HOURS * HOUR,
            twin_of(made, scenario.network).batches(),
        )
    )
    held = [record for batch in batches for record in batch.records if comes_late(record)]
    assert len(held) == 20
    stages = [stage_named(name, made, scenario) for name in names]
    historian = Historian(place / "historian")
    settings_of = area_settings(made), metering_settings(made)
    service = RebuildService(
        lambda: Rebuilder(historian, SPACE, scenario.register, scenario.clock, *settings_of),
        historian, reader, RelayedWriter(writer, SPACE), checkpoints, SPACE,
    )  # fmt: skip
    for since, until, late in ((0, 150, held), (150, 190, ()), (190, 60 * HOURS + 1, ())):
        for batch in batches:
            if since <= (batch.time - made.start) / MINUTE < until:
                writer.append([r for r in batch.records if not comes_late(r)])
        writer.append(late)
        writer.flush()
        run_stages(
            stages,
            reader,
            LogOutlet(writer, SPACE),
            checkpoints,
            # As it happens: what one stage makes, the next takes in soon.
            options=RunnerOptions(until_end=True, burst=16),
        )
        with HistorianWriter(place / "historian") as kept:
            recorder = Recorder(kept)
            topics = [topic_name(SPACE, name) for name in RECORDED_TOPICS]
            while take_available(recorder, reader, topics)[0]:
                pass
            recorder.flush()
        service.turn()
    assert service.waiting == 0
    historian.close()
    writer.close()
    reader.close()


def comes_late(record: Outgoing) -> bool:
    if record.partition != 0 or record.headers["ce_type"] != FRAME_TYPE:
        return False
    sent = LogRecord(record.topic, 0, 0, 0, record.value, record.key, dict(record.headers))
    return decode_frame(sent).scan_time in HELD


@pytest.fixture
def replay(
    directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Any]:
    for name in ("REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "HISTORIAN_URL", "GRIDCAST_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: str) -> Replayed:
        capsys.readouterr()
        out = tmp_path / "figures.json"
        out.unlink(missing_ok=True)
        given = ("replay", "--directory", str(directory), "--json", str(out), *arguments)
        code = gridcast(given)
        figures = json.loads(out.read_text()) if out.exists() else {}
        return Replayed(code, capsys.readouterr().err, figures)

    yield command


def counts(figures: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {row["product"]: (row["values"], row["different"]) for row in figures["compared"]}


def contents(directory: Path, topic: str) -> list[tuple[Any, ...]]:
    """Everything that a topic of a run's embedded log holds, but for when it was appended."""
    reader = EmbeddedLogReader(directory / "log")
    found: list[tuple[Any, ...]] = []
    for number in reader.partitions(topic):
        place = Partition(topic, number)
        records = reader.read(place, reader.begin_offset(place), 10**9)
        found += [(number, r.offset, r.key, r.headers, r.value) for r in records]
    reader.close()
    return found


def files(directory: Path) -> dict[str, int]:
    return {
        str(path.relative_to(directory)): path.stat().st_mtime_ns
        for path in directory.rglob("*")
        if path.is_file() and "replays" not in path.parts
    }


def test_a_whole_run_replayed_from_its_historian_differs_nowhere_and_sends_no_alarms(
    replay: Any, directory: Path
) -> None:
    before = files(directory)
    ended = replay("--source", "historian")
    assert ended.code == 0, ended.err
    figures = ended.figures
    assert figures["differences"] == []
    assert figures["differences_total"] == 0
    found = counts(figures)
    # 1,168 points in 12 windows an hour, of which the last one is not closed yet.
    assert found["window"][0] >= 1168 * (12 * HOURS - 1)
    # Four quarters an hour, two halves and the whole, without what is not closed yet.
    assert found["long window"][0] >= 1168 * (7 * HOURS - 3)
    # 106 nodes, 48 hours, a mean and at least three quantiles, at every full hour.
    assert found["forecast"][0] >= 106 * 48 * 4 * HOURS
    assert figures["issues"] == HOURS
    assert figures["model_versions"]["recorded"] == figures["model_versions"]["replayed"]
    assert len(figures["model_versions"]["recorded"]) == 1
    assert {row["lead"] for row in figures["rows"]} == {"PT1H", "PT24H", "PT48H"}
    # The windows that late scans opened again, and those after them that begin with what they left.
    assert figures["made_again"] >= 2 + 1
    assert figures["unanswered"] == 0
    assert files(directory) == before
    made = directory / "replays" / "replay" / "log"
    assert {path.name.split(".")[1] for path in made.iterdir()} == {"replay"}
    assert contents(directory, topic_name(SPACE, "network.alarm.v1")) != []
    assert contents(made.parent, topic_name("replay", "network.alarm.v1")) == []


def test_a_replay_through_windows_makes_the_same_bytes_every_time(
    replay: Any, directory: Path
) -> None:
    made = []
    for _ in range(2):
        ended = replay("--source", "historian", "--namespace", "twice", "--through", "windows")
        assert ended.code == 0, ended.err
        products = [row["product"] for row in ended.figures["compared"]]
        assert products == ["window", "long window", "meter interval"]
        assert counts(ended.figures)["window"][0] >= 1168 * (12 * HOURS - 1)
        assert ended.figures["differences_total"] == ended.figures["issues"] == 0
        root = directory / "replays" / "twice"
        made.append({path.name: contents(root, path.name) for path in (root / "log").iterdir()})
    assert made[0] == made[1]
    filled = {name.split(".", 2)[2] for name, found in made[0].items() if found}
    assert {"scada.view.v1", "window.5min.v1"} <= filled
    assert not {"network.state.v1", "forecast.v1"} & filled


def test_what_became_known_later_is_not_known_to_a_replay(
    replay: Any, directory: Path, tmp_path: Path
) -> None:
    directory = shutil.copytree(directory, tmp_path / "copy")
    made = read_run(directory / "run.json")
    with Historian(directory / "historian") as historian:
        before = historian.as_of(
            HistoryClass.METER_INTERVALS, made.start - 48 * HOUR, made.start - 47 * HOUR
        )
    known = pa.array([made.start + HOUR] * len(before)).cast(
        before.schema.field("available_at").type
    )
    corrected = {
        "available_at": known,
        "version": pa.array([2] * len(before), before.schema.field("version").type),
        "value": pa.array([1e4] * len(before)),
    }
    for name, column in corrected.items():
        before = before.set_column(before.schema.get_field_index(name), name, column)
    date = format_time(made.start - 48 * HOUR)[:10]
    with HistorianWriter(directory / "historian") as writer:
        kept = CLASSES[HistoryClass.METER_INTERVALS].schema
        writer.commit({(HistoryClass.METER_INTERVALS, date): before.cast(kept)}, {})
    ended = replay(
        "--source", "historian", "--directory", str(directory), "--to", "2014-11-09T14:00Z"
    )
    assert ended.code == 0, ended.err
    assert ended.figures["differences_total"] == 0
    assert (
        ended.figures["model_versions"]["recorded"] == ended.figures["model_versions"]["replayed"]
    )


def test_a_period_within_it_replayed_from_the_topics_differs_nowhere(replay: Any) -> None:
    period = ("--from", "2014-11-09T15:00Z", "--to", "2014-11-09T16:00Z")
    ended = replay("--source", "kafka", "--namespace", "middle", *period, "--speed", "1e9")
    assert ended.code == 0, ended.err
    assert ended.figures["differences_total"] == 0
    found = counts(ended.figures)
    # At least the first revision of every window, and both issues at the ends.
    assert 12 * 1168 <= found["window"][0] < 13 * 1168
    assert ended.figures["issues"] == 2


def test_a_stated_warm_up_reads_fewer_scans_and_finds_the_same_windows(replay: Any) -> None:
    period = ("--from", "2014-11-09T16:00Z", "--warm-up", "PT1H")
    ended = replay("--source", "historian", "--namespace", "short", *period)
    assert ended.code == 0, ended.err
    figures = ended.figures
    assert figures["scans_from"] == "2014-11-09T15:00:00Z"
    # 120 scans an hour of three areas, for three hours and not for five; and all other records.
    assert 3 * 120 * 3 < figures["records_in"] < 3 * 120 * 5
    found = counts(figures)
    assert found["window"][0] >= 1168 * 23
    assert found["window"][1] == found["meter interval"][1] == 0
    forecast = next(row for row in figures["compared"] if row["product"] == "forecast")
    assert forecast["tolerance"] == 1e-6
    assert forecast["different"] == 0


def test_a_source_without_the_beginning_goes_on_from_what_was_recorded(directory: Path) -> None:
    made = read_run(directory / "run.json")
    late = made.start + 2 * HOUR
    with Historian(directory / "historian") as historian:
        recorded = HistorianLog(historian, start=late - 10 * MINUTE)
        result = replay_recorded(made, recorded, namespace="late")
    assert (result.scans_from, result.start) == (late, late + HOUR)
    scans = topic_name(SPACE, "scada.frame.v1")
    assert {Partition(scans, area) for area in range(3)} <= set(result.cold)
    assert result.n_issues == HOURS - 3
    assert not any(product.only_recorded for product in result.products)


def test_what_was_recorded_otherwise_is_told(replay: Any, directory: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(directory, tmp_path / "copy")
    place = Partition(topic_name(SPACE, "window.5min.v1"), 0)
    settings = Settings(namespace=SPACE, directory=directory)
    reader = open_reader(settings)
    wanted = parse_time("2014-11-09T14:00Z")
    end = reader.end_offset(place)
    batches = (decode_window(record.value) for record in reader.read(place, 0, end))
    batch = next(b for b in batches if b.start == wanted and (b.revision == 1).all())
    reader.close()
    changed = batch.mean.copy()
    changed[0] += 1.0
    forged = window_record(place.topic, replace(batch, mean=changed), wanted + 5 * MINUTE)
    with HistorianWriter(directory / "historian") as historian:
        recorder = Recorder(historian)
        record = LogRecord(place.topic, 0, end, 1, forged.value, forged.key, dict(forged.headers))
        recorder.take([record])
        recorder.flush()
    ended = replay(
        "--source", "historian", "--directory", str(directory), "--to", "2014-11-09T15:00Z"
    )
    assert ended.code == 0, ended.err
    assert ended.figures["differences_total"] == 1
    (difference,) = ended.figures["differences"]
    assert difference["series"] == batch.series[0]
    assert difference["valid_time"] == "2014-11-09T14:00:00Z"
    assert difference["revision"] == 1
    assert difference["recorded"] == changed[0]
    assert difference["replayed"] == batch.mean[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--source", "historian", "--namespace", SPACE), "recorded under it"),
        (("--source", "historian", "--namespace", "no good"), "--namespace"),
        (("--source", "kafka", "--from", "2015-01-01T00:00Z"), "nothing to compare"),
        (("--source", "historian", "--cadence", "PT1H"), "the cadence it had"),
        (("--through", "windows", "folder"), "give --source with it"),
        (("--source", "historian", "--warm-up", "a day"), "--warm-up a day"),
        (("--source", "historian", "folder"), "--directory names"),
        (("--source", "historian", "--speed", "0"), "give a number above 0"),
    ],
)
def test_what_cannot_be_replayed_is_refused(
    replay: Any, arguments: tuple[str, ...], message: str
) -> None:
    ended = replay(*arguments)
    assert ended.code == 2
    assert message in ended.err
    assert ended.figures == {}
