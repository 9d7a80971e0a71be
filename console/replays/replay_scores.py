"""Scores of a replay's forecasts: a table for people, rows for the JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from records.time import HOUR, parse_duration
from stream.lead_scores import LeadRow

__all__ = ["print_scores", "score_rows"]


def print_scores(console: Console, rows: Sequence[LeadRow]) -> None:
    """Print MAPE by level, lead and method."""
    levels = [row for row in rows if row.series is None]
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


def score_rows(rows: Sequence[LeadRow]) -> list[dict[str, object]]:
    """Return the rows of the JSON; MAPE is null where nothing could be scored."""
    return [
        {
            "series": row.series,
            "level": row.level,
            "lead": _lead(row),
            "method": row.method,
            "n": row.n,
            "mape": row.mape if math.isfinite(row.mape) else None,
        }
        for row in rows
    ]


def _lead(row: LeadRow) -> str:
    """A lead as the contract names it: ``PTnH`` for whole hours."""
    hours, rest = divmod(parse_duration(row.lead), HOUR)
    return row.lead if rest else f"PT{hours}H"
