"""What the demo prints, and what it writes for programs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from console.demo.day_ahead import LevelScore
from console.demo.demo_figures import DemoFigures
from console.demo.demo_report import print_report
from console.demo.telemetry_scores import FlowScore, ImputationScore
from console.doctor.coherence import Coherence
from console.services.run_file import RunFile
from console.settings import Addresses, Settings
from records.alarm import AlarmKind

FIGURES = DemoFigures(
    records_in=1_000,
    windows_closed=20,
    dead_letters=3,
    forecasts_published=106,
    n_issues=1,
    coherence=Coherence(1e-15, "total", "R1", 4),
    coherence_in_redis=Coherence(2e-15, "total", "R1", 4),
    flows=FlowScore(0.4, 10),
    raw_flows=FlowScore(1.0, 10),
    imputation=ImputationScore(0.5, 7, math.nan, 0),
    mape={"bus": LevelScore(2.0, 4.0, 24), "total": LevelScore(1.0, math.nan, 24)},
    alarms={AlarmKind.VOLTAGE: 2, AlarmKind.TELEMETRY: 5, AlarmKind.CONTINGENCY: 9},
)


def run(directory: Path, servers: str | None = None) -> RunFile:
    addresses = Addresses(kafka_bootstrap_servers=servers)
    settings = Settings(directory=directory, addresses=addresses)
    return RunFile(settings=settings, start=0, days=14, seed=1, speed=None)


def test_the_figures_for_programs_have_no_number_that_json_lacks() -> None:
    assert FIGURES.as_json(12.34567) == {
        "records_in": 1_000,
        "windows_closed": 20,
        "dead_letters": 3,
        "forecasts_published": 106,
        "max_incoherence": 2e-15,
        "flow_rmse_over_sigma": 0.4,
        "raw_flow_rmse_over_sigma": 1.0,
        "mape": {
            "bus": {"model": 2.0, "seasonal_naive": 4.0},
            "total": {"model": 1.0, "seasonal_naive": None},
        },
        "wall_s": 12.346,
    }


def test_a_person_sees_the_figures_and_what_to_type_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    print_report(run(tmp_path / "here"), FIGURES, 100.0, keep=False)
    out = capsys.readouterr().out
    assert "2.0e-15" in out
    assert "60 % below the telemetry's" in out
    assert "imputed flows, held" in out and "typical" not in out
    assert "gridcast topics read forecast.v1 --from -3 --format jsonl --directory here" in out
    assert "forecast show" not in out
    lines = {
        line[:23].strip(): line[23:].split()[0] for line in out.splitlines() if " alarms " in line
    }
    assert lines == {"limit alarms": "7", "contingency alarms": "9"}


def test_while_redis_stays_up_forecasts_can_be_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(run(tmp_path), FIGURES, 100.0, keep=True)
    assert "gridcast forecast show total" in capsys.readouterr().out


def test_a_broker_that_ended_with_the_demo_is_not_offered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kafka").mkdir()
    print_report(run(tmp_path, "127.0.0.1:9"), FIGURES, 100.0, keep=False)
    assert "topics read" not in capsys.readouterr().out
    print_report(run(tmp_path, "127.0.0.1:9"), FIGURES, 100.0, keep=True)
    assert "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9 gridcast topics" in capsys.readouterr().out
