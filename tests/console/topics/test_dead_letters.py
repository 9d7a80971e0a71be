"""Dead letters on the command line: list, show, send again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from records.deadletter import dead_letter_record
from records.errors import Reason, RecordError
from records.log import LogRecord
from storage.embedded_log import EmbeddedLogWriter

DEAD = "gridcast.demo.dead-letter.v1"
FRAMES = "gridcast.demo.scada.frame.v1"


@pytest.fixture
def refused(tmp_path: Path) -> None:
    """Two dead letters: one undecodable, one from another partition with refused rows."""
    frame = LogRecord(FRAMES, 1, 7, 1_000_000_000, b"\x00raw", b"1", {"ce_type": "x"})
    other = LogRecord(FRAMES, 2, 9, 2_000_000_000, b"other", b"2", {"ce_type": "y"})
    with EmbeddedLogWriter(tmp_path / "var" / "gridcast" / "log") as writer:
        writer.append(
            [
                dead_letter_record(DEAD, frame, RecordError(Reason.UNDECODABLE, "bad"), source="a"),
                dead_letter_record(
                    DEAD,
                    other,
                    RecordError(Reason.UNKNOWN_POINT, "point 5"),
                    source="a",
                    rows=[3, 4],
                ),
            ]
        )


def test_without_any_the_list_says_so(gridcast: Any) -> None:
    assert "no dead letters" in gridcast("dead-letters", "list").out


@pytest.mark.usefixtures("refused")
def test_the_list_names_origin_reason_and_count(gridcast: Any) -> None:
    out = gridcast("dead-letters", "list").out
    assert f"{FRAMES} 1:7" in out
    assert "unknown_point" in out
    assert "2 dead letters, 3 measurements" in out


@pytest.mark.usefixtures("refused")
def test_the_list_can_be_cut_down_to_one_reason(gridcast: Any) -> None:
    out = gridcast("dead-letters", "list", "--reason", "unknown_point").out
    assert "undecodable" not in out
    assert "1 dead letters, 2 measurements" in out


@pytest.mark.usefixtures("refused")
def test_one_is_shown_with_its_bytes_headers_and_rows(gridcast: Any) -> None:
    out = gridcast("dead-letters", "show", "0:1").out
    assert "unknown_point: point 5" in out
    assert "rows 3, 4" in out
    assert "ce_type: y" in out
    assert "b'other'" in out
    assert gridcast("dead-letters", "show", "0:9").code == 2


def resent(gridcast: Any) -> list[dict[str, Any]]:
    out = gridcast("topics", "read", "scada.frame.v1", "--format", "jsonl").out
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.usefixtures("refused")
def test_a_letter_goes_back_to_its_topic_and_partition(gridcast: Any) -> None:
    assert gridcast("dead-letters", "resend", "0:0").code == 0
    (record,) = resent(gridcast)
    assert (record["partition"], record["key"], record["type"]) == (1, "1", "x")
    assert record["bytes"] == "AHJhdw=="


@pytest.mark.usefixtures("refused")
def test_letters_are_chosen_by_reason_or_all_at_once(gridcast: Any) -> None:
    gridcast("dead-letters", "resend", "--reason", "unknown_point")
    assert [record["partition"] for record in resent(gridcast)] == [2]
    gridcast("dead-letters", "resend", "--all")
    assert [record["partition"] for record in resent(gridcast)] == [1, 2, 2]


@pytest.mark.usefixtures("refused")
def test_nothing_is_sent_when_the_choice_is_unclear(gridcast: Any) -> None:
    assert gridcast("dead-letters", "resend").code == 2
    assert gridcast("dead-letters", "resend", "0:0", "0:55").code == 2
    assert resent(gridcast) == []


@pytest.mark.usefixtures("refused")
def test_the_list_can_be_cut_down_to_a_topic_and_to_times(gridcast: Any) -> None:
    def counted(*options: str) -> str:
        return gridcast("dead-letters", "list", *options).out.splitlines()[-1]

    assert counted("--topic", "scada.frame.v1") == "2 dead letters, 3 measurements"
    assert counted("--topic", "meter.read.v1") == "no dead letters"
    assert counted("--from", "1970-01-01T00:00:02Z") == "1 dead letters, 2 measurements"
    assert counted("--to", "1970-01-01T00:00:02Z") == "1 dead letters, 1 measurements"
    assert gridcast("dead-letters", "list", "--from", "noon").code == 2
    assert gridcast("dead-letters", "list", "--topic", "nothing.v1").code == 2


@pytest.mark.usefixtures("refused")
def test_filters_choose_what_is_sent_too(gridcast: Any) -> None:
    gridcast("dead-letters", "resend", "--to", "1970-01-01T00:00:02Z")
    assert [record["partition"] for record in resent(gridcast)] == [1]


@pytest.mark.usefixtures("refused")
def test_nothing_is_sent_while_another_process_writes_one_of_the_topics(
    gridcast: Any, tmp_path: Path
) -> None:
    with EmbeddedLogWriter(tmp_path / "var" / "gridcast" / "log") as gateway:
        gateway.claim(FRAMES, [2])
        ended = gridcast("dead-letters", "resend", "--all")
    assert ended.code == 1
    assert "writ" in ended.err
    assert resent(gridcast) == []
