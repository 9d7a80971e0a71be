"""What the readings of one point touched, as a tree for programs and as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from console.lineage.raw_readings import check_known, raw_readings
from console.lineage.tables import folding_table
from console.settings import Settings
from records.lineage import RunLineage
from records.time import DAY, format_duration, format_time, parse_duration, parse_time
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader
from storage.recorded_runs import parents_of, recorded_runs
from storage.touched_products import findings_about, states_within, windows_of

__all__ = ["point_tree", "print_point"]

_RAW_OF = {
    "scada.frame.v1": HistoryClass.WINDOWS.value,
    "meter.read.v1": HistoryClass.METER_INTERVALS.value,
}
"""What a forecaster reads of each raw topic."""
_CARRIED_AT_MOST = 7 * DAY
"""How far a last reading is followed into windows that hold it for want of another."""
_SHOWN = 12


def point_tree(
    settings: Settings, historian: HistoryReader, name: str, start: int, end: int
) -> dict[str, Any]:
    """Return what the readings of a point in ``[start, end)`` (ns UTC) touched.

    Raises
    ------
    BadInputError
        When nothing was ever recorded of such a point or meter.
    """
    check_known(historian, name)
    short = _carried(
        windows_of(historian, HistoryClass.WINDOWS, name, start, end + _CARRIED_AT_MOST), end
    )
    past = max([end, *map(_end, short)])
    metered = windows_of(historian, HistoryClass.METER_INTERVALS, name, start, end)
    windows = short + metered
    windows += windows_of(historian, HistoryClass.LONG_WINDOWS, name, start, past)
    states = states_within(historian, start, past) if short else {"n": 0}
    touched = (start, max([past, *map(_end, metered)]))
    read = _Read.of(windows)
    runs = [
        (run, issued, told, through)
        for run, issued, told in recorded_runs(historian, start)
        if (through := read.through(told, issued))
    ]
    parents = parents_of(historian, *runs[0][:2]) if runs else {}
    leaves = [name] if name in parents else []
    if states["n"]:
        leaves += [leaf for run in runs[:1] for leaf in run[2].estimated if leaf not in leaves]
    direct = _upwards(leaves, parents)
    return {
        "point": name,
        "from": format_time(start),
        "to": format_time(end),
        "raw": raw_readings(settings, historian, name, start, end),
        "windows": _windows(windows),
        "states": {
            key: value if key == "n" or value is None else format_time(value)
            for key, value in states.items()
        },
        "findings": [
            {**row, "first": format_time(row["first"]), "last": format_time(row["last"])}
            for row in findings_about(historian, direct or [name], *touched)
        ],
        "sums": [series for series in direct if series not in leaves],
        "series": direct,
        "reconciled_with": sorted(set(parents) - set(direct)) if direct else [],
        "trainings": _trainings(runs),
        "forecasts": [
            {"run_id": run, "issue_time": format_time(issued), "through": through}
            for run, issued, _, through in runs
            if direct
        ],
    }


def _carried(rows: list[dict[str, Any]], end: int) -> list[dict[str, Any]]:
    """Return windows up to the first from `end` on that was measured throughout.

    A window begins with the last value before it, so that one still holds a reading of the time
    before `end`; those without readings hold nothing else.
    """
    kept = []
    for start, revisions in groupby(rows, itemgetter("start")):
        same = list(revisions)
        kept += same
        if start >= end and same[-1]["imputed_share"] == 0.0:
            break
    return kept


@dataclass(frozen=True, slots=True)
class _Read:
    """Windows as columns: what of a run's inputs they are, and when they were known, ns UTC."""

    kept_as: npt.NDArray[np.object_]
    given: npt.NDArray[np.bool_]
    end: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    known: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> _Read:
        return cls(
            np.array([row["kept_as"] for row in rows], object),
            np.array([not _followed(row["input_offset"]) for row in rows], np.bool_),
            np.array([_end(row) for row in rows], np.int64),
            np.array([row["start"] for row in rows], np.int64),
            np.array([row["known"] for row in rows], np.int64),
        )

    def through(self, lineage: RunLineage, issued: int) -> list[str]:
        """By which ways a run was touched: its ``latest`` inputs, its ``training``."""
        read = [_RAW_OF.get(entry.topic.split(".", 2)[-1], "") for entry in lineage.inputs]
        used = self.given | np.isin(self.kept_as, read)
        since, until = parse_time(lineage.training.since), parse_time(lineage.training.until)
        recent = self.end > issued - parse_duration(lineage.memory)
        latest = used & recent & (self.known <= issued)
        learnt = used & (self.end > since) & (self.start < until) & (self.known <= until)
        return ["latest"] * bool(latest.any()) + ["training"] * bool(learnt.any())


def _end(row: Mapping[str, Any]) -> int:
    return int(row["start"] + row["length"])


def _upwards(leaves: Sequence[str], parents: Mapping[str, str | None]) -> list[str]:
    """Return the leaves and every sum that they are part of, from below."""
    found: dict[str, None] = dict.fromkeys(leaves)
    for leaf in leaves:
        above = parents.get(leaf)
        while above is not None:
            found[above] = None
            above = parents.get(above)
    return list(found)


def _windows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "start": format_time(row["start"]),
            "length": format_duration(row["length"]),
            "kept_as": row["kept_as"],
            "revision": row["revision"],
            "known": format_time(row["known"]),
            "partition": row["partition"],
            "input_offset": row["input_offset"],
        }
        for row in rows
    ]


def _trainings(runs: Sequence[tuple[str, int, RunLineage, list[str]]]) -> list[dict[str, Any]]:
    """Trainings that learnt from it, with the first and the last run that used them."""
    found: dict[str, dict[str, Any]] = {}
    for run, _, lineage, through in runs:
        if "training" not in through:
            continue
        training = lineage.training
        told = found.setdefault(
            training.version,
            {"version": training.version, "since": training.since, "until": training.until,
             "code": training.code, "first_run": run},
        )  # fmt: skip
        told["last_run"] = run
    return list(found.values())


def print_point(console: Console, tree: dict[str, Any]) -> None:
    """Print the tree of a point for people."""
    console.print(f"[bold]{tree['point']}[/] from {tree['from']} to {tree['to']}")
    for row in tree["raw"]:
        console.print(f"raw: {row['readings']} readings in {row['topic']}/{row['partition']}, "
            f"offsets {row['first']} to {row['last']}")  # fmt: skip
    if not tree["windows"]:
        console.print("nothing was made of its readings in this time")
        return
    table = folding_table(
        "windows of", "how many", "first", "last", "revisions", "raw offsets that made them"
    )
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in tree["windows"]:
        groups.setdefault((row["length"], row["kept_as"]), []).append(row)
    for (length, kept_as), rows in groups.items():
        starts = sorted({row["start"] for row in rows}, key=parse_time)
        made = [row["input_offset"] for row in rows if _followed(row["input_offset"])]
        offsets = f"{min(made)} to {max(made)}" if made else "given before the log"
        kind = f"{length}, metered" if kept_as == HistoryClass.METER_INTERVALS else length
        table.add_row(kind, str(len(starts)), starts[0], starts[-1], str(len(rows)), offsets)
    console.print(table)
    states = tree["states"]
    if states["n"]:
        console.print(f"{states['n']} estimated states from {states['first']} to {states['last']}")
    for row in tree["findings"]:
        console.print(
            f"{row['series']}: {row['n']} x {row['name']}, {row['first']} to {row['last']}"
        )
    if tree["sums"]:
        console.print(f"sums: {', '.join(tree['sums'])}")
    _print_runs(console, tree)


def _print_runs(console: Console, tree: dict[str, Any]) -> None:
    if not tree["forecasts"]:
        console.print("no forecast was touched")
        return
    for row in tree["trainings"]:
        console.print(f"model {row['version']} learnt from it ({row['since']} to {row['until']}): "
            f"{row['first_run']} to {row['last_run']}")  # fmt: skip
    table = folding_table("forecast", "through")
    for row in tree["forecasts"][:_SHOWN]:
        table.add_row(row["run_id"], ", ".join(row["through"]))
    console.print(table)
    more = len(tree["forecasts"]) - _SHOWN
    console.print(f"{len(tree['forecasts'])} forecasts of {len(tree['series'])} series"
        + (f" ({more} more of them with --json)" if more > 0 else "")
        + f"; {len(tree['reconciled_with'])} others were reconciled with them")  # fmt: skip


def _followed(offset: int | None) -> bool:
    """Whether a window followed from a raw record; the past that a run was given did not."""
    return offset is not None and offset >= 0
