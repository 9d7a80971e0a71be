"""What a replay of a recorded run tells a person, and what it writes."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from console.replays.recorded_replay import RecordedReplay
from console.replays.replay_scores import print_scores, score_rows
from records.time import format_time
from stream.replay_differences import Difference, ProductDifferences

__all__ = ["LISTED", "print_recorded", "recorded_json"]

LISTED = 1000
"""Differences that the JSON lists at most, over all products."""


def print_recorded(console: Console, result: RecordedReplay, wall_s: float) -> None:
    """Print scores and differences."""
    if result.rows:
        print_scores(console, result.rows)
    table = Table(title="Replayed against recorded", title_justify="left")
    for name in ("product", "values", "different", "gone", "new", "largest"):
        table.add_column(name, justify="left" if name == "product" else "right", no_wrap=True)
    for product in result.products:
        counts = (
            product.compared, product.different, product.only_recorded, product.only_replayed,
        )  # fmt: skip
        shown = (f"{count:,}" for count in counts)
        table.add_row(product.product, *shown, f"{product.largest:.3g}")
    console.print(table)
    for product in result.products:
        for difference in product.kept[:1]:
            console.print(f"first: {_told(difference)}", highlight=False, markup=False)
    if result.versions_recorded != result.versions_replayed:
        console.print(
            "[yellow]The models are not those of the recording: "
            f"{_names(result.versions_recorded)} then, {_names(result.versions_replayed)} now. "
            "Another version of the programs or of BLAS trains other models.[/]",
            highlight=False,
        )
    for place in result.cold:
        console.print(
            f"[yellow]{place.topic}/{place.number} no longer holds its first records: what "
            "depends on them starts cold.[/]",
            highlight=False,
        )
    if result.made_again:
        console.print(
            f"{result.made_again:,} batches of windows were made again after late readings, each "
            "at the place in its topic where the run had it",
            highlight=False,
        )
    if result.unanswered:
        console.print(
            f"[yellow]{result.unanswered:,} of them the run itself had not made when its record "
            "ended: they came at the end of the replay and are counted as new.[/]",
            highlight=False,
        )
    console.print(
        f"scans read from {format_time(result.scans_from)} on; compared is "
        f"{format_time(result.start)} to {format_time(result.end)}: {result.records_in:,} records "
        f"in, {result.n_issues:,} issues, {wall_s:.1f} s; kept in {result.folder}",
        highlight=False,
        soft_wrap=True,
    )


def recorded_json(result: RecordedReplay, wall_s: float) -> dict[str, object]:
    """Return what ``--json`` writes."""
    listed = [difference for product in result.products for difference in product.kept]
    return {
        "rows": score_rows(result.rows),
        "differences": [_json(difference) for difference in listed[:LISTED]],
        "differences_total": sum(product.different for product in result.products),
        "differences_listed_at_most": LISTED,
        "compared": [_counts(product) for product in result.products],
        "model_versions": {
            "recorded": sorted(result.versions_recorded),
            "replayed": sorted(result.versions_replayed),
        },
        "from": format_time(result.start),
        "to": format_time(result.end),
        "scans_from": format_time(result.scans_from),
        "cold": [f"{place.topic}/{place.number}" for place in result.cold],
        "issues": result.n_issues,
        "made_again": result.made_again,
        "unanswered": result.unanswered,
        "records_in": result.records_in,
        "wall_s": round(wall_s, 3),
    }


def _counts(product: ProductDifferences) -> dict[str, object]:
    return {
        "product": product.product,
        "tolerance": product.tolerance,
        "values": product.compared,
        "different": product.different,
        "only_recorded": product.only_recorded,
        "only_replayed": product.only_replayed,
        "largest": product.largest,
    }


def _json(difference: Difference) -> dict[str, object]:
    issue_time = difference.issue_time
    return {
        "series": difference.series,
        "valid_time": format_time(difference.valid_time),
        "revision": difference.revision,
        "recorded": difference.recorded,
        "replayed": difference.replayed,
        "product": difference.product,
        "issue_time": None if issue_time is None else format_time(issue_time),
        "quantile": difference.quantile,
    }


def _told(difference: Difference) -> str:
    issued = difference.issue_time
    parts = [
        difference.product, difference.series, format_time(difference.valid_time),
        f"revision {difference.revision}" if issued is None else f"issued {format_time(issued)}",
        "" if difference.quantile is None else f"quantile {difference.quantile:g}",
    ]  # fmt: skip
    said = " ".join(part for part in parts if part)
    return f"{said}: recorded {_value(difference.recorded)}, now {_value(difference.replayed)}"


def _value(value: float | None) -> str:
    return "nothing" if value is None or not math.isfinite(value) else f"{value:.6g}"


def _names(versions: frozenset[str]) -> str:
    return ", ".join(sorted(versions)) or "none"
