"""What one window was made of, revision by revision."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from console.errors import BadInputError
from console.lineage.raw_readings import check_known, raw_readings
from console.lineage.tables import folding_table
from console.settings import Settings
from records.time import format_duration, format_time
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader
from storage.touched_products import windows_of

__all__ = ["print_window", "window_tree"]

_CLASSES = (HistoryClass.WINDOWS, HistoryClass.LONG_WINDOWS, HistoryClass.METER_INTERVALS)


def window_tree(
    settings: Settings, historian: HistoryReader, name: str, start: int, length: int
) -> dict[str, Any]:
    """Return the revisions of a window (ns UTC, ns), each with the readings known to it.

    Raises
    ------
    BadInputError
        When there is no such series or window.
    """
    check_known(historian, name)
    overlapping = {
        kept_as: windows_of(historian, kept_as, name, start, start + length) for kept_as in _CLASSES
    }
    rows = [
        (kept_as, row)
        for kept_as, found in overlapping.items()
        for row in found
        if (row["start"], row["length"]) == (start, length)
    ]
    if not rows:
        others = sorted(
            {(r["start"], r["length"]) for found in overlapping.values() for r in found}
        )
        near = "; there are " + ", ".join(
            f"{format_time(at)} of {format_duration(lasting)}" for at, lasting in others[:4]
        )
        raise BadInputError(
            f"{name} has no window of {format_duration(length)} at {format_time(start)}"
            + (near if others else "")
        )
    return {
        "series": name,
        "start": format_time(start),
        "length": format_duration(length),
        "revisions": [_revision(settings, historian, name, kept_as, row) for kept_as, row in rows],
    }


def _revision(
    settings: Settings,
    historian: HistoryReader,
    name: str,
    kept_as: HistoryClass,
    row: dict[str, Any],
) -> dict[str, Any]:
    start, end, offset = row["start"], row["start"] + row["length"], row["input_offset"]
    given = offset is None or offset < 0
    raw: list[dict[str, Any]] = []
    if not given:
        metered = kept_as is HistoryClass.METER_INTERVALS
        raw = raw_readings(settings, historian, name, start, end, metered=metered, past=offset)
    return {
        "revision": row["revision"],
        "kept_as": kept_as.value,
        "value": row["value"],
        "imputed_share": row["imputed_share"],
        "known": format_time(row["known"]),
        "partition": row["partition"],
        "input_offset": None if given else offset,
        "raw": raw,
    }


def print_window(console: Console, tree: dict[str, Any]) -> None:
    """Print the revisions of a window for people."""
    console.print(f"[bold]{tree['series']}[/] at {tree['start']}, {tree['length']}")  # fmt: skip
    table = folding_table(
        "rev.", "value", "replaced", "known", "made at raw offset", "from its readings"
    )
    for row in tree["revisions"]:
        value = "-" if row["value"] is None else f"{row['value']:.6g}"
        raw = "\n".join(
            f"{r['readings']} in {r['topic']}/{r['partition']}, {r['first']} to {r['last']}"
            for r in row["raw"]
        )
        offset = row["input_offset"]
        table.add_row(
            str(row["revision"]), value, f"{row['imputed_share']:.0%}", row["known"],
            "given" if offset is None else f"{row['partition']}: {offset}", raw or "-",
        )  # fmt: skip
    console.print(table)
