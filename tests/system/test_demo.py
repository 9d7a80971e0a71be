"""The whole job on one machine: a short demo, and what can be seen after it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endings import wait_for_file


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where a demo of two days has run, and what it printed.

    In its middle the two processes that run the stages are killed with signal 9. They are
    started again, and the figures must be those of an undisturbed run.
    """
    place = tmp_path_factory.mktemp("demo")
    process = started(place, "demo", "--days", "2", "--json", "figures.json")
    checkpoints = place / "var" / "gridcast" / "demo" / "checkpoints"
    for role, kept in (("processor", "area.1"), ("forecaster", "forecast")):
        if wait_for_file(checkpoints / f"{kept}.checkpoint", ending=process.pid):
            kill(role, place)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return place, out


def started(place: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
    return subprocess.Popen(
        [sys.executable, "-m", "console.main", *arguments],
        cwd=place,
        env={**environment, "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill(role: str, place: Path) -> None:
    """Kill the process of one service of the run at `place`, and wait until it is gone."""
    for entry in Path("/proc").iterdir():
        command = b""
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        words = command.decode(errors="replace").split("\0")
        if role in words and any(str(place) in word for word in words):
            os.kill(int(entry.name), signal.SIGKILL)
            return
    raise AssertionError(f"{role} does not run")


def gridcast(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = started(place, *arguments)
    out, err = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_the_figures_are_those_of_the_contract_and_good(demo: tuple[Path, str]) -> None:
    figures = json.loads((demo[0] / "figures.json").read_text())
    assert set(figures) == {
        "records_in", "windows_closed", "dead_letters", "forecasts_published", "max_incoherence",
        "flow_rmse_over_sigma", "raw_flow_rmse_over_sigma", "mape", "wall_s",
    }  # fmt: skip
    assert figures["records_in"] > 6_000_000
    # Every point of every 5-minute window is closed exactly once.
    assert figures["windows_closed"] == 1168 * 2 * 288
    assert figures["dead_letters"] > 0
    assert figures["forecasts_published"] == 106 * 49
    assert figures["max_incoherence"] <= 1e-6
    assert figures["flow_rmse_over_sigma"] < figures["raw_flow_rmse_over_sigma"]
    assert set(figures["mape"]) == {"bus", "region", "total"}
    for level, mape in figures["mape"].items():
        assert mape["model"] < mape["seasonal_naive"], level


def test_a_person_is_told_the_same_and_where_to_look(demo: tuple[Path, str]) -> None:
    assert "largest incoherence" in demo[1]
    assert "gridcast topics read forecast.v1" in demo[1]


def test_the_forecasts_can_be_read_by_other_programs(demo: tuple[Path, str]) -> None:
    read = ("topics", "read", "forecast.v1", "--from", "-8", "--format", "jsonl")
    done = gridcast(demo[0], *read, "--directory", "var/gridcast/demo")
    trees = [json.loads(line) for line in done.stdout.splitlines()]
    run = {tree["data"]["level"]: tree["data"] for tree in trees}
    children: dict[str, float] = {}
    for level in ("region", "bus", "losses"):
        for series in run[level]["series"].values():
            parent = series["parent"]
            children[parent] = children.get(parent, 0.0) + series["mean"][0]
    total = run["total"]["series"]["total"]["mean"][0]
    assert children["total"] == pytest.approx(total, rel=1e-6)


def test_alarms_can_be_read_and_each_is_raised_once_and_cleared_at_most_once(
    demo: tuple[Path, str],
) -> None:
    done = gridcast(
        demo[0], "topics", "read", "network.alarm.v1", "--format", "jsonl", "--directory",
        "var/gridcast/demo",
    )  # fmt: skip
    records = [json.loads(line) for line in done.stdout.splitlines()]
    told = {(r["key"], json.dumps(r["data"], sort_keys=True)): r["data"] for r in records}
    ends: dict[tuple[str, ...], set[str]] = {}
    for alarm in told.values():
        excursion = tuple(alarm[name] for name in ("kind", "element", "end", "raised"))
        ends.setdefault(excursion, set())
        if alarm["cleared"] is not None:
            ends[excursion].add(alarm["cleared"])
    assert all(len(cleared) <= 1 for cleared in ends.values())
    overloads = [a for a in told.values() if a["evidence"]["overloads"]]
    assert overloads
    assert all(a["kind"] == "contingency" and a["cause"] for a in overloads)
    assert f"{sum(kind == 'contingency' for kind, *_ in ends):,}" in demo[1]


def test_dead_letters_are_listed_with_their_reasons(demo: tuple[Path, str]) -> None:
    done = gridcast(demo[0], "dead-letters", "list", "--directory", "var/gridcast/demo")
    assert "unknown_point" in done.stdout


def test_the_doctor_finds_every_checkpoint_at_the_end_of_the_log(demo: tuple[Path, str]) -> None:
    done = gridcast(demo[0], "doctor", "--directory", "var/gridcast/demo")
    assert done.returncode == 0, done.stdout
    told = [line for line in done.stdout.splitlines() if ": checkpoint " in line]
    assert all(line.endswith("at the end of the log") for line in told), done.stdout
    named = {line.split()[1].rstrip(",") for line in told}
    assert {"area", "metering", "rollup", "estimation", "alarms", "forecast"} <= named


def test_a_second_demo_does_not_touch_a_directory_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    done = gridcast(tmp_path, "demo", "--directory", "mine")
    assert done.returncode == 2
    assert "not empty and not a demo's" in done.stderr
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "dear"
