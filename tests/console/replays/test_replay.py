"""Replaying a user's folder from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

HIERARCHY = """
version = "1"
timezone = "UTC"
step = "PT1H"

[[node]]
id = "total"
level = "total"

[[node]]
id = "a"
level = "zone"
parent = "total"

[[node]]
id = "b"
level = "zone"
parent = "total"
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Fourteen weeks of two zones with a daily and a weekly shape and a little noise."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "hierarchy.toml").write_text(HIERARCHY)
    times = pd.date_range("2021-01-04", periods=24 * 98, freq="h", tz="UTC")
    hour, weekend = times.hour.to_numpy(), times.dayofweek.to_numpy() >= 5
    rng = np.random.default_rng(1)
    frames = []
    for name, size in (("a", 100.0), ("b", 40.0)):
        shape = 1 + 0.3 * np.sin(2 * np.pi * (hour - 8) / 24) - 0.15 * weekend
        value = size * shape * (1 + 0.02 * rng.standard_normal(len(times)))
        frames.append(
            pd.DataFrame({"series": name, "valid_time": times, "value": value, "unit": "MW"})
        )
    pd.concat(frames).to_parquet(folder / "load.parquet")
    return folder


def test_a_replay_prints_and_writes_scores_by_level_lead_and_method(
    gridcast: Any, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    ended = gridcast("replay", str(dataset), "--cadence", "PT12H", "--json", str(out))
    assert ended.code == 0, ended.err
    assert "reconciled" in ended.out
    figures = json.loads(out.read_text())
    assert set(figures) == {"rows", "differences", "records_in", "wall_s"}
    rows = figures["rows"]
    assert {row["lead"] for row in rows} == {"PT1H", "PT24H", "PT48H"}
    assert {"seasonal_naive_7d", "gam", "gam_ar", "reconciled"} <= {row["method"] for row in rows}
    assert set(rows[0]) == {"series", "level", "lead", "method", "n", "mape"}
    assert all(0 < row["mape"] < 5 for row in rows)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--from", "2021-02-01", "no timezone"),
        ("--to", "yesterday", "--to yesterday"),
        ("--cadence", "hourly", "--cadence"),
        ("--speed", "fast", "give a number above 0, or max"),
        ("--speed", "-1", "give a number above 0, or max"),
        ("--json", "absent/figures.json", "there is no directory"),
        ("--from", "2021-01-10T00:00Z", "needs at least 60 days before it"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(
    gridcast: Any, dataset: Path, option: str, value: str, message: str
) -> None:
    ended = gridcast("replay", str(dataset), f"{option}={value}")
    assert ended.code == 2
    assert message in ended.err


def test_bad_input_names_file_and_row_and_leaves_nothing(
    gridcast: Any, dataset: Path, tmp_path: Path
) -> None:
    table = pd.read_parquet(dataset / "load.parquet")
    table.loc[len(table)] = ["elsewhere", table["valid_time"].iloc[0], 1.0, "MW"]
    table.to_parquet(dataset / "load.parquet")
    ended = gridcast("replay", str(dataset), "--json", str(tmp_path / "out.json"))
    assert ended.code == 2
    assert "load.parquet" in ended.err and "elsewhere" in ended.err
    assert not (tmp_path / "out.json").exists()
