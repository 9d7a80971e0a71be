import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from console.main import run

FALL = 24 * 60 + 5


def write(path: Path, values: np.ndarray, freq: str = "1h") -> Path:
    times = pd.date_range("2024-01-01", periods=len(values), freq=freq, tz="UTC")
    pd.DataFrame({"valid_time": times, "value": values}).to_parquet(path)
    return path


def load(n: int = 24 * 90) -> np.ndarray:
    hour = np.arange(n)
    return 100 + 20 * np.sin(2 * np.pi * hour / 24) + np.random.default_rng(1).normal(size=n)


def test_a_fall_is_written_with_its_onset_when_it_was_known_and_the_levels(tmp_path: Path) -> None:
    values = load()
    values[FALL:] *= 0.8
    out = tmp_path / "out.json"
    assert run(["rupture", str(write(tmp_path / "s.parquet", values)), "--json", str(out)]) == 0
    told = json.loads(out.read_text())
    assert set(told) == {"events", "false_alarm_budget_per_year"}
    assert told["false_alarm_budget_per_year"] == 0.05
    (event,) = told["events"]
    assert set(event) == {"time", "detected_at", "kind", "evidence"}
    assert event["kind"] == "level"
    assert event["time"] == "2024-03-01T05:00:00Z"
    assert event["time"] < event["detected_at"] <= "2024-03-02T05:00:00Z"
    evidence = event["evidence"]
    assert set(evidence) == {"statistic", "threshold", "before", "after"}
    assert evidence["statistic"] > evidence["threshold"]
    assert evidence["after"] / evidence["before"] == pytest.approx(0.8, abs=0.02)


def test_a_calm_series_and_a_short_one_have_no_events(tmp_path: Path) -> None:
    for name, values in (("calm", load()), ("short", load(30))):
        out = tmp_path / f"{name}.json"
        path = write(tmp_path / f"{name}.parquet", values)
        assert run(["rupture", str(path), "--json", str(out)]) == 0
        assert json.loads(out.read_text())["events"] == []


def test_a_bad_file_is_told_by_row_and_leaves_no_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "s.csv", tmp_path / "out.json"
    path.write_text(
        "valid_time,value\n2024-01-01T00:00:00Z,1\n2024-01-01T01:00:00Z,much\n"
        "2024-01-01T02:00:00,3\n"
    )
    assert run(["rupture", str(path), "--json", str(out)]) == 2
    told = capsys.readouterr().err
    assert "s.csv, line 3: value 'much' is not a number" in told
    assert "s.csv, line 4: valid_time '2024-01-01T02:00:00' has no zone" in told
    assert not out.exists()


def test_times_off_the_grid_and_times_twice_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.csv"
    rows = [f"2024-01-01T0{hour}:00:00Z,1" for hour in (0, 1, 2, 3, 3)]
    path.write_text("\n".join(["valid_time,value", *rows]))
    assert run(["rupture", str(path)]) == 2
    assert "s.csv, line 6: 2024-01-01T03:00:00Z comes twice" in capsys.readouterr().err
    path.write_text("\n".join(["valid_time,value", *rows[:4], "2024-01-01T04:07:00Z,1"]))
    assert run(["rupture", str(path)]) == 2
    assert "line 6: 2024-01-01T04:07:00Z is off the grid of PT1H" in capsys.readouterr().err
