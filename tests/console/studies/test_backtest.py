"""Scoring a user's folder from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.console.studies.two_zones import tables, write

PROTOCOL = """
train_start = 2021-01-04T00:00:00Z
test_start = 2021-04-19T00:00:00Z
test_end = 2021-05-10T00:00:00Z
origin_step = "PT7H"
"""
FIELDS = {
    "series", "level", "lead", "hour", "day_type", "method", "n", "n_zero", "mape", "wape", "mae",
    "rmse", "bias", "pinball", "crps", "coverage80", "coverage90", "width80", "width90", "skill",
    "over_share", "p95_error", "peak_error", "bias_by_month_hour", "over_share_by_month_hour",
    "below",
}  # fmt: skip
METHODS = {
    "seasonal_naive_7d", "same_weekday_last_year", "hong_vanilla", "gam", "gam_ar", "aggregated",
    "reconciled",
}  # fmt: skip


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "protocol.toml"
    path.write_text(PROTOCOL)
    return path


def forecasts(weather: pd.DataFrame, error: float) -> pd.DataFrame:
    """Issues at midnight UTC for two days each, off by noise."""
    rng = np.random.default_rng(2)
    parts = [weather]
    values = weather["value"].to_numpy()
    for day in range(100, 124):
        rows = slice(24 * day, 24 * day + 48)
        part = weather.iloc[rows].copy()
        part["issue_time"] = weather["valid_time"].iloc[24 * day]
        part["value"] = values[rows] + error * rng.standard_normal(48)
        parts.append(part)
    return pd.concat(parts)


def whole(rows: list[dict[str, Any]], series: str, lead: str) -> dict[str, dict[str, Any]]:
    return {
        row["method"]: row
        for row in rows
        if (row["series"], row["lead"]) == (series, lead)
        and row["hour"] is None
        and row["day_type"] is None
    }


def test_every_method_is_scored_at_every_lead(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    folder, out = write(tmp_path / "data", *tables()), tmp_path / "scores.json"
    ended = gridcast("backtest", str(folder), "--protocol", str(protocol), "--json", str(out))
    assert ended.code == 0, ended.err
    rows = json.loads(out.read_text())
    assert all(set(row) == FIELDS for row in rows)
    assert {row["method"] for row in rows} == METHODS
    assert {row["series"] for row in rows} == {"all", "a", "b"}
    leads = {"PT1H", "PT24H", "PT48H", "0-24h", "24-48h", "day_ahead", "mid-term"}
    assert {row["lead"] for row in rows} == leads
    assert {row["hour"] for row in rows} == {None, *range(24)}
    day = whole(rows, "all", "0-24h")
    assert day["gam_ar"]["mape"] < day["seasonal_naive_7d"]["mape"]
    assert day["seasonal_naive_7d"]["skill"] == pytest.approx(0)
    assert 80 < day["gam_ar"]["coverage90"] < 98
    assert whole(rows, "a", "mid-term").keys() == METHODS - {"gam_ar", "aggregated"}
    # From 09:30 local on the first step is 10:00, for the whole of the next local day.
    assert whole(rows, "a", "day_ahead")["gam"]["n"] % 24 == 0


def test_the_report_tells_what_the_rows_say_with_plots(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    folder, out, report = write(tmp_path / "data", *tables()), tmp_path / "s.json", tmp_path / "r"
    protocol.write_text(PROTOCOL + 'leads = ["PT1H", "0-24h", "mid-term"]\n')
    arguments = ("backtest", str(folder), "--protocol", str(protocol), "--json", str(out))
    ended = gridcast(*arguments, "--report", str(report))
    assert ended.code == 0, ended.err
    page = (report / "report.md").read_text()
    row = whole(json.loads(out.read_text()), "all", "0-24h")["reconciled"]
    assert f"| total | 0-24h | {row['mae']:,.4g} |" in page
    assert f"{row['coverage90']:,.4g} | {row['width80']:,.4g}" in page
    for name in re.findall(r"\((\w+\.png)\)", page):
        assert (report / name).read_bytes().startswith(b"\x89PNG")
    assert {path.stem for path in report.glob("*.png")} == {
        "errors",
        "hours",
        "bias",
        "reliability",
    }
    again = gridcast(*arguments, "--report", str(report))
    assert again.code == 0, again.err  # a report takes the place of a report
    assert gridcast(*arguments, "--report", str(folder)).code == 2
    assert (folder / "load.parquet").exists()


def test_a_product_of_ones_own_is_issued_at_its_gate(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    folder, out = write(tmp_path / "data", *tables()), tmp_path / "scores.json"
    tables_of_products = '[product.evening]\ngate = "18:00"\ndays = 2\n'
    protocol.write_text(PROTOCOL + 'leads = ["evening", "day_ahead"]\n' + tables_of_products)
    ended = gridcast("backtest", str(folder), "--protocol", str(protocol), "--json", str(out))
    assert ended.code == 0, ended.err
    rows = json.loads(out.read_text())
    evening, next_day = (whole(rows, "all", lead)["gam_ar"] for lead in ("evening", "day_ahead"))
    # 504 hours; gates at 16 + 24 k and 8 + 24 k hours from the start, horizons of 55 and 40 hours.
    assert evening["n"] == 24 * 19
    assert next_day["n"] == 24 * 20


def test_boosted_trees_are_one_method_more_where_they_are_asked_for(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    folder, out = write(tmp_path / "data", *tables()), tmp_path / "scores.json"
    asked = 'methods = ["seasonal_naive_7d", "gam_ar", "aggregated", "boosted"]\n'
    protocol.write_text(PROTOCOL + asked + 'leads = ["PT1H"]\nlevels = ["total"]\n')
    arguments = ("backtest", str(folder), "--protocol", str(protocol), "--json", str(out))
    ended = gridcast(*arguments)
    assert ended.code == 0, ended.err
    found = whole(json.loads(out.read_text()), "all", "PT1H")
    assert found["boosted"]["n"] == found["gam_ar"]["n"]
    assert found["boosted"]["mape"] < found["seasonal_naive_7d"]["mape"]
    assert 70 < found["boosted"]["coverage90"] < 100
    write(tmp_path / "late", tables()[0].assign(
        available_at=lambda load: load["valid_time"] + pd.Timedelta(hours=5)
    ), tables()[1])  # fmt: skip
    ended = gridcast("backtest", str(tmp_path / "late"), "--protocol", str(protocol))
    assert ended.code == 2
    assert "'boosted' is for loads known when their interval is over" in " ".join(ended.err.split())


def test_the_incumbent_is_scored_by_what_it_had_issued(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    """It is 10 % above the truth of the total, issued at midnight UTC for two days."""
    load, weather = tables()
    folder, out = write(tmp_path / "data", load, weather), tmp_path / "scores.json"
    total = load.groupby("valid_time")["value"].sum()
    parts = [
        pd.DataFrame(
            {
                "series": "all",
                "issue_time": total.index[24 * day],
                "valid_time": total.index[24 * day : 24 * day + 48],
                "value": 1100.0 * total.iloc[24 * day : 24 * day + 48].to_numpy(),
                "unit": "kW",
            }
        )
        for day in range(100, 124)
    ]
    pd.concat(parts).to_csv(folder / "incumbent.csv", index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    protocol.write_text(PROTOCOL + 'leads = ["0-24h", "24-48h"]\n')
    arguments = ("backtest", str(folder), "--protocol", str(protocol), "--json", str(out))
    ended = gridcast(*arguments)
    assert ended.code == 0, ended.err
    rows = json.loads(out.read_text())
    near, far = (whole(rows, "all", lead) for lead in ("0-24h", "24-48h"))
    assert near["incumbent"]["mape"] == pytest.approx(10.0)
    assert near["incumbent"]["n"] == near["gam"]["n"]  # the day begun and the next are there
    assert 0 < far["incumbent"]["n"] < far["gam"]["n"]  # issues of the day reach no further
    assert "incumbent" not in whole(rows, "a", "0-24h")
    (folder / "incumbent.csv").write_text("series,issue_time,valid_time,value,unit\nzz,,,1,MW\n")
    ended = gridcast(*arguments)
    assert ended.code == 2
    assert "incumbent.csv" in ended.err and "'zz' is not a node" in ended.err


def test_late_readings_cost_accuracy_and_never_leak(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    load, weather = tables()
    late = load.assign(available_at=load["valid_time"] + pd.Timedelta(days=9))
    protocol.write_text(PROTOCOL + 'leads = ["PT1H"]\nmethods = ["seasonal_naive_7d", "gam_ar"]\n')
    scores = {}
    for name, table in (("prompt", load), ("late", late)):
        folder, out = write(tmp_path / name, table, weather), tmp_path / f"{name}.json"
        ended = gridcast("backtest", str(folder), "--protocol", str(protocol), "--json", str(out))
        assert ended.code == 0, ended.err
        scores[name] = whole(json.loads(out.read_text()), "a", "PT1H")
    prompt, tardy = scores["prompt"]["seasonal_naive_7d"], scores["late"]["seasonal_naive_7d"]
    assert prompt["mae"] != tardy["mae"]  # two weeks back in place of one
    assert prompt["n"] == tardy["n"]


def test_weather_as_issued_is_less_than_the_weather_itself(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    load, weather = tables()
    folder = write(tmp_path / "data", load, forecasts(weather, 4.0))
    error = {}
    for kind in ("actual", "as_issued"):
        protocol.write_text(PROTOCOL + f'weather = "{kind}"\nleads = ["24-48h"]\n')
        out = tmp_path / f"{kind}.json"
        ended = gridcast("backtest", str(folder), "--protocol", str(protocol), "--json", str(out))
        assert ended.code == 0, ended.err
        error[kind] = whole(json.loads(out.read_text()), "a", "24-48h")["gam"]["mae"]
    assert error["as_issued"] > 1.2 * error["actual"]


def test_realised_weather_given_as_a_forecast_is_refused(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    load, weather = tables()
    folder = write(tmp_path / "data", load, forecasts(weather, 0.0))
    protocol.write_text(PROTOCOL + 'weather = "as_issued"\n')
    out = tmp_path / "scores.json"
    ended = gridcast("backtest", str(folder), "--protocol", str(protocol), "--json", str(out))
    assert ended.code == 2
    assert "leak: series s, valid_time 2021-04-14T06:00:00Z" in ended.err
    assert "available_at 2021-04-14T00:00:00Z" in ended.err
    assert not out.exists()


def test_a_forecast_issued_after_its_time_is_refused(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    load, weather = tables()
    told = forecasts(weather, 1.0)
    told["issue_time"] = told["issue_time"] + pd.Timedelta(days=1)
    folder = write(tmp_path / "data", load, told)
    protocol.write_text(PROTOCOL + 'weather = "as_issued"\n')
    ended = gridcast("backtest", str(folder), "--protocol", str(protocol))
    assert ended.code == 2
    assert "issued when its interval was over" in ended.err


def test_a_reading_before_its_interval_is_over_is_refused(
    gridcast: Any, tmp_path: Path, protocol: Path
) -> None:
    load, weather = tables()
    early = load.assign(available_at=load["valid_time"])
    folder = write(tmp_path / "data", early, weather)
    ended = gridcast("backtest", str(folder), "--protocol", str(protocol))
    assert ended.code == 2
    assert "available_at 2021-01-04T00:00:00Z" in ended.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PROTOCOL + "leds = []\n", "did you mean 'leads'"),
        (PROTOCOL + 'levels = ["street"]\n', "levels: no 'street'; the dataset has total, zone"),
        (PROTOCOL.replace("2021-01-04", "2019-01-04"), "train_start: 2019-01-04T00:00:00Z is out"),
        (PROTOCOL.replace("2021-01-04", "2021-04-01"), "at least 60 days"),
        (PROTOCOL.replace("PT7H", "PT7M"), "origin_step: must be a multiple"),
        (PROTOCOL + 'weather = "as_issued"\n', "needs weather forecasts with issue_time"),
        ("train_start = \n", "is not TOML"),
    ],
)
def test_a_protocol_that_cannot_be_used_is_refused(
    gridcast: Any, tmp_path: Path, protocol: Path, text: str, message: str
) -> None:
    folder = write(tmp_path / "data", *tables())
    protocol.write_text(text)
    ended = gridcast("backtest", str(folder), "--protocol", str(protocol))
    assert ended.code == 2
    assert message in " ".join(ended.err.split())


def test_a_protocol_that_is_not_there_is_refused(gridcast: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "data", *tables())
    ended = gridcast("backtest", str(folder), "--protocol", str(tmp_path / "absent.toml"))
    assert ended.code == 2
    assert "name a TOML file" in ended.err
