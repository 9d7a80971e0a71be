"""Training on a user's folder and forecasting from what was trained, from the command line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting.rolling_origin import Origins
from ingest.dataset import read_dataset
from records.time import DAY, parse_time
from stream.backtest import run_backtest
from stream.backtest_fleet import fleet_of
from stream.backtest_inputs import backtest_inputs
from stream.backtest_protocol import read_protocol
from tests.console.studies.two_zones import tables, write

TRAINED = "2021-04-19T00:00:00Z"
QUANTILES = ("q05", "q10", "q20", "q35", "q50", "q65", "q80", "q90", "q95")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "data", *tables())


@pytest.fixture
def models(gridcast: Any, tmp_path: Path, folder: Path) -> Path:
    out = tmp_path / "models"
    ended = gridcast("train", str(folder), "--out", str(out), "--until", TRAINED)
    assert ended.code == 0, ended.err
    return out


def forecast(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path, *options: str, name: str = "f"
) -> tuple[pd.DataFrame, dict[str, Any]]:
    out, told = tmp_path / f"{name}.parquet", tmp_path / f"{name}.json"
    ended = gridcast(
        "forecast", str(models), str(folder), "--out", str(out), "--json", str(told), *options
    )
    assert ended.code == 0, ended.err
    return pd.read_parquet(out), json.loads(told.read_text())


def by_series(table: pd.DataFrame, column: str) -> np.ndarray:
    """The column, (n_steps, n_series), in the order of the hierarchy."""
    return np.stack(
        [table.loc[table["series"] == name, column].to_numpy() for name in ("all", "a", "b")],
        axis=1,
    )


def test_a_forecast_is_what_the_backtest_issues_at_that_origin(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path
) -> None:
    table, told = forecast(gridcast, tmp_path, models, folder, "--at", TRAINED)
    assert told["issue_time"] == TRAINED
    assert told["weather"] == "actual"
    data = read_dataset(folder)
    protocol = read_protocol(
        {
            "train_start": "2021-01-04",
            "test_start": TRAINED,
            "test_end": "2021-05-10",
            "quantiles": [0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95],
        }
    )
    inputs = backtest_inputs(data, protocol)
    issued = fleet_of(inputs, protocol, 48).issued(Origins(np.array([inputs.n_train]), 48))
    for method, column in (
        ("seasonal_naive_7d", "seasonal_naive_7d_mw"),
        ("gam", "gam_mw"),
        ("gam_ar", "gam_ar_mw"),
        ("reconciled", "forecast_mw"),
    ):
        np.testing.assert_allclose(by_series(table, column), issued[method][0], rtol=1e-8)


def test_its_quantiles_are_as_wide_as_those_of_the_backtest(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path
) -> None:
    table, _ = forecast(gridcast, tmp_path, models, folder, "--at", TRAINED)
    protocol = {
        "train_start": "2021-01-04",
        "test_start": TRAINED,
        "test_end": "2021-04-21",
        "origin_step": "PT1H",
        "leads": ["0-24h", "24-48h"],
        "quantiles": [0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95],
    }
    rows = run_backtest(read_dataset(folder), read_protocol(protocol))
    for lead, part in (("0-24h", slice(0, 24)), ("24-48h", slice(24, 48))):
        expected = [
            row["width90"]
            for row in rows
            if (row["lead"], row["method"], row["hour"], row["day_type"])
            == (lead, "reconciled", None, None)
        ]
        width = by_series(table, "q95_mw")[part] - by_series(table, "q05_mw")[part]
        np.testing.assert_allclose(width.mean(axis=0), expected, rtol=1e-8)


def test_every_row_says_what_it_is_and_levels_add_up(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path
) -> None:
    table, told = forecast(gridcast, tmp_path, models, folder, "--at", "2021-04-20T09:00:00Z")
    assert len(table) == told["rows"] == 3 * 48
    assert set(table["method"]) == {"gam_ar"}
    assert set(table["level"]) == {"total", "zone"}
    assert (table["issue_time"] == pd.Timestamp("2021-04-20T09:00:00Z")).all()
    assert table["valid_time"].min() == pd.Timestamp("2021-04-20T09:00:00Z")
    assert table["lead"].iloc[[0, 23]].tolist() == ["PT1H", "P1D"]
    mean = by_series(table, "forecast_mw")
    np.testing.assert_allclose(mean[:, 0], mean[:, 1] + mean[:, 2], rtol=1e-9)
    fan = np.stack([by_series(table, f"{name}_mw") for name in QUANTILES])
    assert (np.diff(fan, axis=0) >= 0).all()
    assert told["methods"] == {"gam_ar": 3}


def test_a_forecast_does_not_know_what_came_after_it(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path
) -> None:
    load, weather = tables()
    later = load["valid_time"] >= pd.Timestamp("2021-04-25T00:00:00Z")
    altered = write(tmp_path / "altered", load.assign(value=load["value"] * (1 + later)), weather)
    at = ("--at", "2021-04-25T00:00:00Z")
    one, _ = forecast(gridcast, tmp_path, models, folder, *at)
    other, _ = forecast(gridcast, tmp_path, models, altered, *at, name="other")
    pd.testing.assert_frame_equal(one, other)
    after, _ = forecast(gridcast, tmp_path, models, altered, "--at", "2021-04-26T00:00:00Z")
    assert after["forecast_mw"].iloc[0] > 1.1 * one["forecast_mw"].iloc[0]


def test_a_correction_of_the_past_changes_the_forecast(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path
) -> None:
    load, weather = tables()
    hour = load["valid_time"] == pd.Timestamp("2021-04-18T22:00:00Z")
    wrong = load.assign(value=load["value"] * (1 + 0.3 * hour))
    at = ("--at", TRAINED)
    one, _ = forecast(gridcast, tmp_path, models, folder, *at)
    other, _ = forecast(
        gridcast, tmp_path, models, write(tmp_path / "other", wrong, weather), *at, name="other"
    )
    assert other["gam_ar_mw"].iloc[0] > one["gam_ar_mw"].iloc[0]
    np.testing.assert_array_equal(other["gam_mw"], one["gam_mw"])


def test_the_folder_is_npz_and_json_under_their_digests(models: Path) -> None:
    assert {path.name for path in models.iterdir()} == {"models.npz", "models.json", "SHA256SUMS"}
    for line in (models / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((models / name).read_bytes()).hexdigest() == digest
    facts = json.loads((models / "models.json").read_text())
    assert facts["trained_until"] == TRAINED
    with np.load(models / "models.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fib" for name in arrays.files)


def test_the_same_training_gives_the_same_bytes(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path
) -> None:
    again = tmp_path / "again"
    assert gridcast("train", str(folder), "--out", str(again), "--until", TRAINED).code == 0
    for path in models.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_models_that_were_changed_are_refused(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path
) -> None:
    facts = models / "models.json"
    facts.write_text(facts.read_text().replace("2021-04-19", "2021-04-18"))
    out = tmp_path / "f.csv"
    ended = gridcast("forecast", str(models), str(folder), "--out", str(out))
    assert ended.code == 2
    assert "SHA-256 differs" in ended.err
    assert not out.exists()


def test_csv_holds_the_same_rows(gridcast: Any, tmp_path: Path, models: Path, folder: Path) -> None:
    table, _ = forecast(gridcast, tmp_path, models, folder, "--horizon", "PT6H")
    out = tmp_path / "f.csv"
    ended = gridcast(
        "forecast", "run", str(models), str(folder), "--out", str(out), "--horizon", "PT6H"
    )
    assert ended.code == 0, ended.err
    found = pd.read_csv(out)
    assert list(found.columns) == list(table.columns)
    np.testing.assert_allclose(found["forecast_mw"], table["forecast_mw"])
    assert len(found) == 3 * 6
    assert "temperatures of the day before" in ended.out  # the data ends here


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--at", "2021-04-18T00:00:00Z"), "would know what came after it"),
        (("--at", "noon"), "--at noon"),
        (("--horizon", "PT90M"), "a multiple of the step PT1H"),
        (("--horizon", "P8D"), "P7D at most"),
    ],
)
def test_a_forecast_that_cannot_be_made_is_refused(
    gridcast: Any,
    tmp_path: Path,
    models: Path,
    folder: Path,
    options: tuple[str, str],
    message: str,
) -> None:
    out = tmp_path / "f.parquet"
    ended = gridcast("forecast", str(models), str(folder), "--out", str(out), *options)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--until", "2021-02-01T00:00:00Z"), "at least 60 days before"),
        (("--until", "2022-02-01T00:00:00Z"), "nothing after the end"),
        (("--mid-term", "prophet"), "choose batched or pygam"),
        (("--horizon", "PT30M"), "a multiple of the step"),
    ],
)
def test_a_training_that_cannot_be_done_is_refused(
    gridcast: Any, tmp_path: Path, folder: Path, options: tuple[str, str], message: str
) -> None:
    out = tmp_path / "models"
    ended = gridcast("train", str(folder), "--out", str(out), *options)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())
    assert not out.exists()


def test_a_folder_of_something_else_is_not_replaced(
    gridcast: Any, tmp_path: Path, folder: Path
) -> None:
    ended = gridcast("train", str(folder), "--out", str(folder))
    assert ended.code == 2
    assert "holds something else" in ended.err
    assert (folder / "load.parquet").exists()


def test_models_of_other_nodes_are_refused(
    gridcast: Any, tmp_path: Path, models: Path, folder: Path
) -> None:
    tree = folder / "hierarchy.toml"
    tree.write_text(tree.read_text().replace('id = "b"', 'id = "c"').replace('"1"', '"2"'))
    load = pd.read_parquet(folder / "load.parquet")
    load.assign(series=load["series"].replace("b", "c")).to_parquet(folder / "load.parquet")
    ended = gridcast("forecast", str(models), str(folder), "--out", str(tmp_path / "f.csv"))
    assert ended.code == 2
    assert "other nodes" in ended.err


def test_weather_as_issued_is_used_where_it_is_there(
    gridcast: Any, tmp_path: Path, models: Path
) -> None:
    load, weather = tables()
    issue = pd.Timestamp(TRAINED)
    ahead = weather[
        (weather["valid_time"] >= issue) & (weather["valid_time"] < issue + pd.Timedelta(days=2))
    ]
    cold = ahead.assign(issue_time=issue, value=ahead["value"] - 8.0)
    mild = ahead.assign(issue_time=issue + pd.Timedelta(hours=1))
    told = write(tmp_path / "told", load, pd.concat([weather, cold, mild]))
    found, facts = forecast(gridcast, tmp_path, models, told, "--at", TRAINED)
    plain, _ = forecast(
        gridcast, tmp_path, models, write(tmp_path / "plain", load, weather), "--at", TRAINED
    )
    assert facts["weather"] == "as_issued"
    assert (found["gam_mw"] > plain["gam_mw"]).mean() > 0.9


def test_the_horizon_of_a_training_is_that_of_its_forecasts(
    gridcast: Any, tmp_path: Path, folder: Path
) -> None:
    out = tmp_path / "models"
    assert gridcast("train", str(folder), "--out", str(out), "--horizon", "PT12H").code == 0
    table, told = forecast(gridcast, tmp_path, out, folder)
    assert told["steps"] == 12
    assert parse_time(told["issue_time"]) == parse_time("2021-01-04T00:00:00Z") + 126 * DAY
    assert len(table) == 36


def test_a_point_that_began_after_the_training_is_forecast_by_the_shapes_of_others(
    gridcast: Any, tmp_path: Path
) -> None:
    load, weather = tables()
    begun = pd.Timestamp("2021-04-20T00:00:00Z")
    late = load[(load["series"] != "b") | (load["valid_time"] >= begun)]
    folder = write(tmp_path / "data", late, weather)
    models = tmp_path / "models"
    ended = gridcast("train", str(folder), "--out", str(models), "--until", TRAINED)
    assert ended.code == 0, ended.err
    assert "fewer than 14 days" in ended.out
    at = "2021-04-21T12:00:00Z"  # a day and a half after its first reading
    table, told = forecast(gridcast, tmp_path, models, folder, "--at", at)
    mine = table[table["series"] == "b"].set_index("valid_time")
    assert set(mine["method"]) == {"cold_start"}
    assert set(mine["reason"]) == {"1.5 days known: shaped like a, scaled"}
    assert told["methods"] == {"gam_ar": 2, "cold_start": 1}
    truth = load[load["series"] == "b"].set_index("valid_time")["value"].loc[mine.index]
    assert (mine["forecast_mw"] / truth - 1).abs().mean() < 0.05
    mean = by_series(table, "forecast_mw")
    np.testing.assert_allclose(mean[:, 0], mean[:, 1] + mean[:, 2], rtol=1e-9)


def test_a_backtest_serves_a_new_point_as_a_forecast_does(gridcast: Any, tmp_path: Path) -> None:
    load, weather = tables()
    begun = pd.Timestamp("2021-04-15T00:00:00Z")
    late = load[(load["series"] != "b") | (load["valid_time"] >= begun)]
    folder = write(tmp_path / "data", late, weather)
    models = tmp_path / "models"
    assert gridcast("train", str(folder), "--out", str(models), "--until", TRAINED).code == 0
    table, _ = forecast(gridcast, tmp_path, models, folder, "--at", TRAINED)
    protocol = read_protocol(
        {"train_start": "2021-01-04", "test_start": TRAINED, "test_end": "2021-05-10"}
    )
    inputs = backtest_inputs(read_dataset(folder), protocol)
    issued = fleet_of(inputs, protocol, 48).issued(Origins(np.array([inputs.n_train]), 48))
    for method, column in (("gam_ar", "gam_ar_mw"), ("reconciled", "forecast_mw")):
        np.testing.assert_allclose(by_series(table, column), issued[method][0], rtol=1e-8)
