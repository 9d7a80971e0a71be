"""What a forecast came from, as a tree for programs and as tables for people."""

from __future__ import annotations

import difflib
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from console.errors import BadInputError
from console.lineage.tables import folding_table
from records.lineage import RawRange
from records.time import format_time, parse_duration
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader
from storage.recorded_runs import RecordedRun, windows_used

__all__ = ["forecast_tree", "print_forecast"]

_SHOWN = 12


def forecast_tree(
    run: RecordedRun, where: str, series: str | None, historian: HistoryReader | None
) -> dict[str, Any]:
    """Return what a run, or one series of it, came from.

    Raises
    ------
    BadInputError
        When the run has no such series.
    """
    if series is not None and series not in run.series:
        close = difflib.get_close_matches(series, run.series, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(close)}?" if close else ""
        raise BadInputError(f"run {run.run_id} has no series {series!r}; {hint}".rstrip("; "))
    told = sorted(run.series) if series is None else _with_parts(run, series)
    tree: dict[str, Any] = {
        "run_id": run.run_id,
        "issue_time": format_time(run.issue_time),
        "found_in": where,
        "hierarchy_version": run.hierarchy_version,
        "lineage": None if run.lineage is None else msgspec.to_builtins(run.lineage),
        "series": [
            {"id": name, "level": run.levels[name], **msgspec.to_builtins(run.series[name])}
            for name in told
        ],
    }
    if series is not None and historian is not None and run.lineage is not None:
        tree["latest_inputs"] = _latest(run, series, historian)
    return tree


def _with_parts(run: RecordedRun, series: str) -> list[str]:
    """Return a series and those that it is the sum of."""
    return list(dict.fromkeys([series, *run.leaves(series)]))


def _latest(run: RecordedRun, series: str, historian: HistoryReader) -> dict[str, Any]:
    """Windows within the memory of the models, and the raw records that closed them."""
    assert run.lineage is not None
    since = run.issue_time - parse_duration(run.lineage.memory)
    leaves = [name for name in run.leaves(series) if name not in run.lineage.estimated]
    n_windows = 0
    ranges: list[RawRange] = []
    topics = {entry.topic for entry in run.lineage.inputs}
    for kept_as, ending in (
        (HistoryClass.WINDOWS, ".scada.frame.v1"),
        (HistoryClass.METER_INTERVALS, ".meter.read.v1"),
    ):
        for topic in sorted(topic for topic in topics if topic.endswith(ending)):
            period = since, run.issue_time
            n, found = windows_used(historian, kept_as, leaves, period, run.issue_time, topic)
            n_windows, ranges = n_windows + n, ranges + found
    return {
        "since": format_time(since),
        "until": format_time(run.issue_time),
        "leaves": leaves,
        "windows": n_windows,
        "raw": msgspec.to_builtins(ranges),
    }


def print_forecast(console: Console, tree: dict[str, Any]) -> None:
    """Print the tree of a run for people."""
    console.print(f"[bold]{tree['run_id']}[/], hierarchy {tree['hierarchy_version']}, "
                  f"from {tree['found_in']}")  # fmt: skip
    lineage = tree["lineage"]
    if lineage is None:
        console.print("issued by a version that kept no lineage: models and methods only")
    else:
        training = lineage["training"]
        console.print(f"issued by gridcast {lineage['code'] or 'of unknown version'}")  # fmt: skip
        console.print(
            f"model {training['version']}, learnt from {training['since']} to {training['until']} "
            f"(given whole until {training['given_until']}) "
            f"by gridcast {training['code'] or 'of unknown version'}"
        )
        console.print(f"features: {', '.join(lineage['features'])}")
        if lineage["estimated"]:
            console.print(f"from estimated states: {', '.join(lineage['estimated'])}")  # fmt: skip
        console.print(_ranges("raw records", lineage["inputs"], training["inputs"]))
    if "latest_inputs" in tree:
        latest = tree["latest_inputs"]
        console.print(
            f"latest inputs: {latest['windows']} windows of {len(latest['leaves'])} series since "
            f"{latest['since']}"
        )
        console.print(_ranges("their raw records", latest["raw"], None))
    _print_series(console, tree["series"])


def _ranges(title: str, known: list[Any], trained: list[Any] | None) -> Table:
    table = folding_table("topic", "partition", "from offset", "to offset", title=title)
    learnt = {(entry["topic"], entry["partition"]): entry for entry in trained or ()}
    if trained is not None:
        table.add_column("learnt up to")
    for entry in known:
        last = learnt.get((entry["topic"], entry["partition"]))
        cells = [entry["topic"], *(str(entry[key]) for key in ("partition", "first", "last"))]
        if trained is not None:
            cells.append("none of them" if last is None else str(last["last"]))
        table.add_row(*cells)
    return table


def _print_series(console: Console, series: list[Any]) -> None:
    table = folding_table("series", "level", "part of", "method", "why", "models")
    for entry in series[:_SHOWN]:
        versions = ", ".join(f"{k} {v}" for k, v in entry["model_versions"].items())
        table.add_row(entry["id"], entry["level"], entry["parent"] or "-", entry["method"],
                      entry["reason"], versions or "-")  # fmt: skip
    console.print(table)
    if len(series) > _SHOWN:
        console.print(f"{len(series) - _SHOWN} more series; --json holds them all")
