"""Series in quarantine, and how a person takes them out of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from records.log import Partition
from records.operator_act import ActKind, decode_act
from records.rupture import Evidence, RuptureEvent, RuptureKind, RuptureStatus, rupture_record
from records.tick import TICK_TYPE, tick_record
from records.time import DAY, HOUR, parse_time
from records.topics import topic_name
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter

T0 = parse_time("2014-11-20T00:00:00Z")
RUPTURES, ACTS = (topic_name("demo", n) for n in ("monitor.rupture.v1", "operator.act.v1"))


def event(
    series: str, at: int, status: RuptureStatus | None, kind: RuptureKind = RuptureKind.CONTRADICTED
) -> RuptureEvent:
    return RuptureEvent(series, at - 10 * DAY, at, kind, Evidence(0.9, 0.6, None, None), status)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Of three series that were quarantined one was released, and of one an outlier followed."""
    quarantined = [event(name, T0, RuptureStatus.QUARANTINED) for name in ("a", "b", "c")]
    released = [event("b", T0 + HOUR, RuptureStatus.NORMAL)]
    outlier = [event("c", T0 + HOUR, None, RuptureKind.OUTLIER)]
    with EmbeddedLogWriter(tmp_path / "log") as writer:
        for at, events in enumerate((quarantined, released, outlier)):
            writer.append([rupture_record(RUPTURES, events, T0 + at * HOUR)])
    return tmp_path


def ticked(run: Path) -> None:
    with EmbeddedLogWriter(run / "log") as gateway:
        gateway.append([tick_record(ACTS, 0, T0 + 2 * HOUR, "clock")])


def acts(run: Path) -> list[Any]:
    with EmbeddedLogReader(run / "log") as reader:
        records = reader.read(Partition(ACTS, 0), 0, 10)
    return [decode_act(r.value) for r in records if r.headers["ce_type"] != TICK_TYPE]


def test_what_is_in_quarantine_is_listed_and_what_was_released_is_not(
    run: Path, gridcast: Callable[..., Any], tmp_path: Path
) -> None:
    told = tmp_path / "told.json"
    ended = gridcast("sources", "list", "--directory", str(run), "--json", str(told))
    assert ended.code == 0, ended.err
    found = json.loads(told.read_text())["sources"]
    assert [row["series"] for row in found] == ["a", "c"]
    assert found[0]["time"] == "2014-11-10T00:00:00Z"
    assert found[0]["evidence"]["statistic"] == 0.9
    assert "2 series in quarantine" in ended.out


def test_a_release_is_an_act_of_whoever_stands_for_it_at_the_time_of_the_data(
    run: Path, gridcast: Callable[..., Any]
) -> None:
    ticked(run)
    ended = gridcast(
        "sources", "release", "a", "--by", "Ana", "--note", "new meter", "--directory", str(run)
    )
    assert ended.code == 0, ended.err
    (act,) = acts(run)
    assert (act.element, act.act, act.operator) == ("a", ActKind.RELEASE, "Ana")
    assert (act.note, act.time) == ("new meter", T0 + 2 * HOUR)


@pytest.mark.parametrize(
    ("named", "by", "ticks", "message"),
    [
        ("b", "Ana", True, "b: not in quarantine"),
        ("a", "  ", True, "--by: say who stands for it"),
        ("a", "Ana", False, "has no ticks"),
    ],
)
def test_what_cannot_be_released_is_told_with_code_2_and_nothing_is_sent(
    run: Path, gridcast: Callable[..., Any], named: str, by: str, ticks: bool, message: str
) -> None:
    if ticks:
        ticked(run)
    ended = gridcast("sources", "release", named, "--by", by, "--directory", str(run))
    assert ended.code == 2
    assert message in ended.err
    assert acts(run) == []


def test_a_directory_without_a_run_is_told(gridcast: Callable[..., Any], tmp_path: Path) -> None:
    ended = gridcast("sources", "list", "--directory", str(tmp_path / "none"))
    assert ended.code == 2
    assert "name the run with --directory and --namespace" in ended.err
