"""Topics on the command line, over an embedded log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from records.tick import tick_record
from records.time import MINUTE
from storage.embedded_log import EmbeddedLogWriter

WEATHER = "gridcast.demo.weather.v1"
FRAMES = "gridcast.demo.scada.frame.v1"


def write(directory: Path, topic: str, partition: int, count: int) -> None:
    with EmbeddedLogWriter(directory / "var" / "gridcast" / "log") as writer:
        writer.append(tick_record(topic, partition, n * MINUTE, "gw") for n in range(count))


def offsets(out: str) -> list[tuple[int, int]]:
    trees = [json.loads(line) for line in out.splitlines()]
    return [(tree["partition"], tree["offset"]) for tree in trees]


def test_records_are_read_as_json_lines(gridcast: Any, tmp_path: Path) -> None:
    write(tmp_path, WEATHER, 0, 3)
    ended = gridcast("topics", "read", "weather.v1", "--format", "jsonl")
    assert ended.code == 0
    trees = [json.loads(line) for line in ended.out.splitlines()]
    assert [tree["offset"] for tree in trees] == [0, 1, 2]
    assert trees[1]["data"] == {"time": "1970-01-01T00:01:00Z"}
    assert trees[1]["topic"] == WEATHER


def test_a_topic_may_be_given_with_its_full_name(gridcast: Any, tmp_path: Path) -> None:
    write(tmp_path, WEATHER, 0, 1)
    assert len(gridcast("topics", "read", WEATHER, "--format", "jsonl").out.splitlines()) == 1


def test_reading_starts_at_an_offset_or_counts_back_from_the_end(
    gridcast: Any, tmp_path: Path
) -> None:
    write(tmp_path, WEATHER, 0, 5)
    read = ("topics", "read", "weather.v1", "--format", "jsonl")
    assert offsets(gridcast(*read, "--from", "3").out) == [(0, 3), (0, 4)]
    assert offsets(gridcast(*read, "--from", "-1").out) == [(0, 4)]
    assert offsets(gridcast(*read, "--limit", "2").out) == [(0, 0), (0, 1)]
    assert offsets(gridcast(*read, "--from", "9").out) == []


def test_partitions_are_read_one_after_the_other_or_one_alone(
    gridcast: Any, tmp_path: Path
) -> None:
    write(tmp_path, FRAMES, 0, 1)
    write(tmp_path, FRAMES, 2, 2)
    read = ("topics", "read", "scada.frame.v1", "--format", "jsonl")
    assert offsets(gridcast(*read).out) == [(0, 0), (2, 0), (2, 1)]
    assert offsets(gridcast(*read, "--partition", "2").out) == [(2, 0), (2, 1)]


def test_the_table_is_for_people(gridcast: Any, tmp_path: Path) -> None:
    write(tmp_path, WEATHER, 0, 1)
    assert "time=1970-01-01T00:00:00Z" in gridcast("topics", "read", "weather.v1").out
    assert "holds no such records" in gridcast("topics", "read", "forecast.v1").out


def test_an_unknown_topic_is_refused_with_the_known_ones(gridcast: Any) -> None:
    ended = gridcast("topics", "read", "nonsense")
    assert ended.code == 2
    assert "forecast.v1" in ended.err


def test_the_list_counts_what_is_there(gridcast: Any, tmp_path: Path) -> None:
    write(tmp_path, WEATHER, 0, 4)
    row = next(
        line for line in gridcast("topics", "list").out.splitlines() if " weather.v1" in line
    )
    assert [cell.strip() for cell in row.split("│")][4:6] == ["1", "4"]


def test_topics_are_created_with_a_partition_an_area(gridcast: Any, tmp_path: Path) -> None:
    assert gridcast("topics", "create", "--areas", "2").code == 0
    log = tmp_path / "var" / "gridcast" / "log"
    assert sorted(path.name for path in (log / FRAMES).iterdir() if path.is_dir()) == ["0", "1"]
    assert sorted(path.name for path in (log / WEATHER).iterdir() if path.is_dir()) == ["0"]
    assert gridcast("topics", "create", "--areas", "2").code == 0
