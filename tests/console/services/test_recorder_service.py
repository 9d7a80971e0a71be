"""The recorder service: what stands in the log is recorded, whatever it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from console.services.recorder_service import take_available
from records.finding import Finding, findings_record
from records.log import Outgoing
from records.time import parse_time
from records.topics import topic_name
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.memory_log import MemoryLog
from storage.recorder import Recorder

T0 = parse_time("2014-11-10T00:00:00Z")
FINDINGS = topic_name("test", "finding.v1")


def finding(at: int, watermark: str | None = None) -> Outgoing:
    found = Finding("load:1", "rule", T0 + at, 1.0, "as a test")
    sent = findings_record(FINDINGS, 0, [found], "test", T0 + at)
    headers = dict(sent.headers) | ({} if watermark is None else {"gc_watermark": watermark})
    return replace(sent, headers=headers)


def test_a_record_whose_watermark_cannot_be_read_is_kept_whole_and_stops_nothing(
    tmp_path: Path,
) -> None:
    log = MemoryLog()
    log.claim(FINDINGS, [0])
    with HistorianWriter(tmp_path) as writer:
        recorder = Recorder(writer)
        log.append([finding(1), finding(2, "yesterday")])
        log.flush()
        assert take_available(recorder, log, [FINDINGS]) == (2, None)
        log.append([finding(3)])
        log.flush()
        assert take_available(recorder, log, [FINDINGS]) == (1, T0 + 3)
        recorder.flush()
    with Historian(tmp_path) as historian:
        whole = historian.sql('SELECT "offset", headers FROM records').to_pylist()
        assert [row["offset"] for row in whole] == [1]
        assert "yesterday" in whole[0]["headers"]
        others = historian.sql('SELECT "offset" FROM events ORDER BY 1').to_pylist()
        assert [row["offset"] for row in others] == [0, 2]
