"""What `gridcast replay` does: read, replay, print, write."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from console.errors import BadInputError
from console.json_file import check_json_target, write_json
from console.progress import share_progress
from ingest.dataset import read_dataset
from records.time import HOUR, format_time, parse_duration, parse_time
from stream.lead_scores import LeadRow
from stream.replay import Replay, ReplayOptions, TooShortError, replay_dataset
from stream.stage import Issued, Outcome

__all__ = ["run_replay"]


def run_replay(
    dataset: Path,
    *,
    start: str | None,
    end: str | None,
    cadence: str,
    speed: str,
    namespace: str,
    json_file: Path | None,
) -> None:
    """Replay a dataset; parameters as the command takes them.

    Raises
    ------
    BadInputError, ingest.dataset.DatasetError
        When an option or the dataset cannot be used.
    """
    check_json_target(json_file)
    options = ReplayOptions(
        namespace=namespace,
        start=_moment("--from", start),
        end=_moment("--to", end),
        cadence=_duration(cadence),
    )
    pace = _pace(speed)
    began = time.monotonic()
    data = read_dataset(dataset)
    console = Console()
    for note in data.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    try:
        with share_progress(f"replaying {data.name}") as advance:
            result = replay_dataset(data, options, on_outcome=pace, on_progress=advance)
    except TooShortError as error:
        raise BadInputError(f"{dataset}: {error}") from None
    wall_s = time.monotonic() - began
    _print(console, result, wall_s)
    if json_file is not None:
        write_json(json_file, _json(result, wall_s))


def _moment(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadInputError(f"{option} {text}: {error}") from None


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInputError(f"--cadence: {error}") from None


def _pace(speed: str) -> Callable[[Outcome], None] | None:
    """Hold issues back to a multiple of the pace at which they happened."""
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise BadInputError(f"--speed {speed}: give a number above 0, or max")
    first: list[tuple[int, float]] = []

    def pace(outcome: Outcome) -> None:
        if isinstance(outcome, Issued):
            if not first:
                first.append((outcome.run.issue_time, time.monotonic()))
            issue_time, began = first[0]
            due = began + (outcome.run.issue_time - issue_time) / 1e9 / factor
            time.sleep(max(0.0, due - time.monotonic()))

    return pace


def _print(console: Console, result: Replay, wall_s: float) -> None:
    levels = [row for row in result.rows if row.series is None]
    methods = list(dict.fromkeys(row.method for row in levels))
    table = Table(title="MAPE in percent, mean over the series of a level", title_justify="left")
    table.add_column("level")
    table.add_column("lead")
    for method in methods:
        table.add_column(method, justify="right")
    cells: dict[str, dict[str, dict[str, float]]] = {}
    for row in levels:
        cells.setdefault(row.level, {}).setdefault(_lead(row), {})[row.method] = row.mape
    for level, leads in cells.items():
        for lead, by_method in leads.items():
            scores = [by_method.get(method, math.nan) for method in methods]
            shown = (f"{score:.2f}" if math.isfinite(score) else "-" for score in scores)
            table.add_row(level, lead, *shown)
        table.add_section()
    console.print(table)
    console.print(
        f"{format_time(result.start)} to {format_time(result.end)}: {result.records_in:,} records "
        f"in, {result.n_issues:,} issues, {result.n_dead_letters} dead letters, {wall_s:.1f} s",
        highlight=False,
    )
    if result.realised_weather:
        console.print(
            "[yellow]The weather was as it came, not as it was forecast: real forecasts add about "
            "one point of MAPE.[/]"
        )


def _lead(row: LeadRow) -> str:
    """A lead as the contract names it: ``PTnH`` for whole hours."""
    hours, rest = divmod(parse_duration(row.lead), HOUR)
    return row.lead if rest else f"PT{hours}H"


def _json(result: Replay, wall_s: float) -> dict[str, object]:
    rows = [
        {
            "series": row.series,
            "level": row.level,
            "lead": _lead(row),
            "method": row.method,
            "n": row.n,
            "mape": row.mape if math.isfinite(row.mape) else None,
        }
        for row in result.rows
    ]
    return {
        "rows": rows,
        "differences": [],
        "records_in": result.records_in,
        "wall_s": round(wall_s, 3),
    }
