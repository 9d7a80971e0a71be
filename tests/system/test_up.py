"""The services live: forecasts come, they can be shown, and a stop is not the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from records.log import Partition
from storage.embedded_log import EmbeddedLogReader

FORECASTS = Partition("gridcast.demo.forecast.v1", 0)
DEADLINE_S = 150.0


def gridcast(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "console.main", *arguments, "--directory", "run"]
    environment = {**os.environ, "COLUMNS": "160"}
    environment.pop("REDIS_URL", None)
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )


@contextmanager
def up(place: Path) -> Iterator[None]:
    """Services that run at 7,200 times real time, and are stopped with Ctrl-C."""
    command = [sys.executable, "-m", "console.main", "up", "--speed", "7200", "--directory", "run"]
    environment = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
    with (place / "output").open("ab") as output:
        process = subprocess.Popen(
            command, cwd=place, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield
        assert process.poll() is None, (place / "output").read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()


def forecasts_beyond(place: Path, count: int) -> int:
    """Wait for more than `count` records of forecasts; return how many there are."""
    with EmbeddedLogReader(place / "run" / "log") as reader:
        came = reader.wait_for_data({FORECASTS: count}, DEADLINE_S)
        assert came, (place / "output").read_text()
        return reader.end_offset(FORECASTS)


def test_live_services_forecast_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    with up(tmp_path):
        forecasts_beyond(tmp_path, 0)
        shown = gridcast(tmp_path, "forecast", "show", "total")
        assert shown.returncode == 0, shown.stderr
        assert "outdated" in shown.stdout  # event time is that of 2014
        assert gridcast(tmp_path, "doctor").returncode == 0
    told = gridcast(tmp_path, "forecast", "show", "total")
    assert told.returncode == 1 and "no Redis is running" in told.stderr
    seen = forecasts_beyond(tmp_path, 0)
    with up(tmp_path):
        forecasts_beyond(tmp_path, seen)
    logs = (tmp_path / "run" / "logs" / "prepare.log").read_text()
    assert "prepared_before" in logs
