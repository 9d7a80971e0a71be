"""What `gridcast replay DATASET` does: read, replay, print, write."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from console.errors import BadInputError
from console.json_file import check_json_target, write_json
from console.progress import share_progress
from console.replays.pacing import Pacing, parse_speed
from console.replays.replay_period import moment
from console.replays.replay_scores import print_scores, score_rows
from ingest.dataset import read_dataset
from records.time import format_time, parse_duration
from stream.replay import Replay, ReplayOptions, TooShortError, replay_dataset

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
        start=moment("--from", start),
        end=moment("--to", end),
        cadence=_duration(cadence),
    )
    factor = parse_speed(speed)
    pace = None if factor is None else Pacing(factor)
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


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInputError(f"--cadence: {error}") from None


def _print(console: Console, result: Replay, wall_s: float) -> None:
    print_scores(console, result.rows)
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


def _json(result: Replay, wall_s: float) -> dict[str, object]:
    return {
        "rows": score_rows(result.rows),
        "differences": [],
        "records_in": result.records_in,
        "wall_s": round(wall_s, 3),
    }
