"""Runs the rupture detectors over a file, and tells what they found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from console.endings import say
from console.json_file import write_json
from console.output_file import check_targets
from forecasting.rupture_evidence import levels_around
from forecasting.rupture_finding import Finding
from forecasting.rupture_scan import least_steps, scan
from ingest.series_file import SeriesFile, read_series_file
from records.time import DAY, format_time

__all__ = ["FALSE_ALARM_BUDGET", "run_rupture"]

FALSE_ALARM_BUDGET = 0.05
"""False alarms per series and year that the thresholds are set for."""


def run_rupture(path: Path, json_file: Path | None) -> None:
    """Print the events of a series, and write them as JSON.

    Raises
    ------
    ingest.dataset.errors.DatasetError
        The file cannot be used.
    console.errors.BadInputError
        The JSON cannot be written there.
    """
    check_targets({"--json": json_file}, [path])
    series = read_series_file(path)
    per_day = DAY // series.step
    if len(series.values) < least_steps(per_day):
        days = least_steps(per_day) / per_day
        say(f"{path.name}: too short for anything to be found; give at least {days:g} days")
    events = [_told(series, event) for event in scan(series.values, per_day)]
    if json_file is not None:
        write_json(json_file, {"events": events, "false_alarm_budget_per_year": FALSE_ALARM_BUDGET})
    for event in events:
        evidence = event["evidence"]
        typer.echo(
            f"{event['time']}  {event['kind']:9s} known {event['detected_at']}  "
            f"statistic {evidence['statistic']:.3g} > {evidence['threshold']:.3g}  "
            f"{_number(evidence['before'])} -> {_number(evidence['after'])}"
        )
    if not events:
        typer.echo("no rupture and no outlier")


def _told(series: SeriesFile, event: Finding) -> dict[str, Any]:
    before, after = levels_around(series.values, event, DAY // series.step)
    return {
        "time": format_time(series.start + event.onset * series.step),
        "detected_at": format_time(series.start + (event.detected + 1) * series.step),
        "kind": event.kind,
        "evidence": {
            "statistic": event.statistic,
            "threshold": event.threshold,
            "before": before,
            "after": after,
        },
    }


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
