"""What an auditor sees of metered energy: versions as they were known, and every estimate."""

import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from records.log import LogRecord, Outgoing, Partition
from records.meter import MeterDocument, MeterSeries, RegisterReading, meter_record
from records.tick import tick_record
from records.time import DAY, HOUR, format_time, parse_time
from records.topics import topic_name
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.historian import Historian
from storage.historian_classes import HistoryClass
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from stream.local_clock import LocalClock
from stream.meter_estimates import MeterEstimateStage
from stream.metering import MeteringStage

T0 = parse_time("2014-11-03T00:00:00Z")
METERS = topic_name("demo", "meter.read.v1")
GAP = 4 * 24 + 8

Sent = tuple[int, Outgoing]


def document(
    known: int, energies: dict[int, float | None], *, run: int = 0, back: bool = False
) -> Sent:
    hours = sorted(energies)
    series = MeterSeries(
        "m-1",
        [T0 + hour * HOUR for hour in hours],
        [energies[hour] for hour in hours],
        withdrawn_reading=[True] * len(hours) if back else None,
    )
    registers = [RegisterReading("m-1", [T0 + 4 * DAY, T0 + 5 * DAY], [500.0, 550.0])]
    given = MeterDocument(
        0, "mdm", f"d{known}", run, 1, HOUR, T0 + known, "MWh", [series], registers
    )
    return known, meter_record(METERS, given)


def recorded(directory: Path, sent: list[Sent]) -> None:
    """Run both metering stages over what was sent, and record it all."""
    offsets: dict[Partition, int] = {}

    def logged(out: Outgoing, at: int) -> LogRecord:
        where = Partition(out.topic, out.partition)
        offset = offsets[where] = offsets.get(where, -1) + 1
        return LogRecord(out.topic, 0, offset, T0 + at, out.value, out.key, out.headers)

    stages: list[Any] = [MeteringStage("demo"), MeterEstimateStage("demo", LocalClock(UTC))]
    states = [stage.initial([Partition(METERS, 0)]) for stage in stages]
    with HistorianWriter(directory / "historian") as writer:
        recorder = Recorder(writer)
        for at, out in sent:
            record = logged(out, at)
            recorder.take([record])
            for k, stage in enumerate(stages):
                states[k], outcomes = stage.step(states[k], record)
                for outcome in outcomes:
                    recorder.take([logged(outcome, at)])
        recorder.flush()
    with EmbeddedLogWriter(directory / "log") as log:
        log.claim(METERS, [0])


def decided(directory: Path, sent: list[Sent]) -> list[Sent]:
    """Return what was sent, and the decisions that the log holds since."""
    reader = EmbeddedLogReader(directory / "log")
    records = reader.read(Partition(METERS, 0), 0, 10)
    reader.close()
    since = [
        (record.append_time - T0, Outgoing(METERS, 0, record.value, record.key, record.headers))
        for record in records
    ]
    return [*sent, *since]


@pytest.fixture
def told(tmp_path: Path) -> Callable[[list[Sent]], Path]:
    def run(sent: list[Sent]) -> Path:
        recorded(tmp_path, sent)
        return tmp_path

    return run


def tick(at: int) -> Sent:
    return at, tick_record(METERS, 0, T0 + at, "clock")


def test_each_settlement_run_is_kept_with_the_time_it_was_known(
    told: Callable[[list[Sent]], Path],
) -> None:
    directory = told(
        [
            document(DAY, {0: 2.0}),
            document(3 * DAY, {0: 2.5}, run=1),
            document(6 * DAY, {0: None}, run=2, back=True),
        ]
    )
    with Historian(directory / "historian") as historian:

        def stands(at: int) -> list[float | None]:
            rows = historian.as_of(HistoryClass.METER_INTERVALS, T0, T0 + HOUR, as_of=T0 + at)
            return rows["energy_mwh"].to_pylist()  # type: ignore[no-any-return]

        assert stands(DAY - HOUR) == []
        assert stands(2 * DAY) == [2.0]
        assert stands(5 * DAY) == [2.5]
        assert stands(7 * DAY)[0] is None or stands(7 * DAY)[0] != stands(7 * DAY)[0]
        reads = historian.sql(
            "SELECT run, withdrawn_mwh, withdrawn_reading, epoch_ns(available_at) AS known "
            "FROM meter_reads ORDER BY run"
        ).to_pylist()
    assert [tuple(row.values()) for row in reads] == [
        (0, 2.0, False, T0 + DAY),
        (1, 2.5, False, T0 + 3 * DAY),
        (2, None, True, T0 + 6 * DAY),
    ]


def test_estimates_are_listed_with_method_inputs_approval_and_reversal(
    told: Callable[[list[Sent]], Path], tmp_path: Path, gridcast: Callable[..., Any]
) -> None:
    energies: dict[int, float | None] = {h: 2.0 for h in range(9 * 24) if h != GAP}
    directory = told(
        [
            document(9 * DAY, energies),
            tick(10 * DAY),
            document(11 * DAY, {GAP: 3.5}),
        ]
    )
    out = tmp_path / "estimates.json"
    command = ["meters", "estimates", "m-1", "--directory", str(directory)]
    shown = gridcast(*command, "--json", str(out))
    assert shown.code == 0, shown.err
    first, second = json.loads(out.read_text())["estimates"]
    # 50 MWh counted, 23 hours of 2 MWh measured.
    assert first["energy_mwh"] == pytest.approx(4.0)
    assert first["start"] == format_time(T0 + GAP * HOUR)
    assert (first["method"], first["revision"]) == ("register_profile", 1)
    assert first["approved_by"] == "rule:meter-estimates/1"
    assert [r["net_mwh"] for r in first["inputs"]["registers"]] == [500.0, 550.0]
    assert (second["energy_mwh"], second["method"], second["revision"]) == (None, "reversed", 2)
    assert second["reason"] == "a reading came"
    early = gridcast(*command, "--as-of", format_time(T0 + 10 * DAY))
    assert "1 periods, 1 revisions" in early.out


def test_a_meter_without_estimates_and_a_run_without_history_say_so(
    told: Callable[[list[Sent]], Path], tmp_path: Path, gridcast: Callable[..., Any]
) -> None:
    directory = told([tick(DAY)])
    command = ["meters", "estimates", "m-2", "--directory"]
    assert "nothing was estimated" in gridcast(*command, str(directory)).out
    missing = gridcast(*command, str(tmp_path / "no"))
    assert missing.code == 2
    assert "no run has recorded anything" in missing.err


def test_an_approval_from_the_command_line_stands_in_the_list(
    told: Callable[[list[Sent]], Path], tmp_path: Path, gridcast: Callable[..., Any]
) -> None:
    energies: dict[int, float | None] = {h: 2.0 for h in range(9 * 24) if h != GAP}
    sent = [document(9 * DAY, energies), tick(10 * DAY)]
    directory = told(sent)
    command = ["m-1", "--by", "Anna", "--reason", "as seen", "--directory", str(directory)]
    with EmbeddedLogWriter(directory / "log") as gateway:
        # It sends meanwhile, and lets others write between two flushes.
        gateway.share(METERS, [0])
        gateway.append([tick_record(METERS, 0, T0, "gateway")])
        gateway.flush()
        shown = gridcast("meters", "approve", *command)
    assert shown.code == 0, shown.err
    assert "approve 1 periods of m-1" in shown.out
    again = tmp_path / "again"
    again.mkdir()
    recorded(again, decided(directory, sent))
    out = tmp_path / "estimates.json"
    listed = gridcast("meters", "estimates", "m-1", "--directory", str(again), "--json", str(out))
    proposed, approved = json.loads(out.read_text())["estimates"]
    assert (proposed["status"], proposed["decided_at"]) == ("proposed", None)
    assert (approved["status"], approved["approved_by"]) == ("approved", "Anna")
    assert (approved["revision"], approved["reason"]) == (2, "as seen")
    assert approved["energy_mwh"] == proposed["energy_mwh"]
    assert "approved" in listed.out
    nothing = gridcast("meters", "approve", "m-1", "--by", "Anna", "--directory", str(again))
    assert nothing.code == 2
    assert "they are approved" in nothing.err


def test_a_decision_needs_a_person_and_an_estimate(
    told: Callable[[list[Sent]], Path], gridcast: Callable[..., Any]
) -> None:
    directory = str(told([tick(DAY)]))
    nobody = gridcast("meters", "reject", "m-1", "--by", " ", "--directory", directory)
    assert (nobody.code, "who stands for" in nobody.err) == (2, True)
    nothing = gridcast("meters", "reject", "m-1", "--by", "Anna", "--directory", directory)
    assert (nothing.code, "there is none" in nothing.err) == (2, True)
    assert gridcast("meters", "approve", "m-1", "--directory", directory).code == 2
