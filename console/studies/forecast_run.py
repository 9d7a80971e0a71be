"""What `gridcast forecast MODELS DATASET` does: read, forecast, write, tell."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from rich.console import Console

from console.errors import BadInputError
from console.json_file import write_json
from console.output_file import check_targets, replacing
from console.replays.replay_period import duration, moment
from console.studies.dataset_models import (
    DatasetModels,
    Forecast,
    ModelsDoNotFitError,
    end_of_load,
    forecast_as_of,
)
from console.studies.forecast_table import forecast_table
from console.studies.train_run import whole_steps
from ingest.dataset import read_dataset
from records.time import format_time
from storage.model_folder import ModelFolderError, read_models
from stream.backtest_inputs import LeakError

__all__ = ["run_forecast"]

_WEATHER = {
    "actual": (
        "The weather ahead was as it came, not as it was forecast: the dataset has no forecasts "
        "of it."
    ),
    "none": "No weather ahead is known: the temperatures of the day before stand in for it.",
}


def run_forecast(
    models: Path,
    dataset: Path,
    out: Path,
    *,
    at: str | None,
    horizon: str | None,
    json_file: Path | None,
) -> None:
    """Forecast from models; parameters as the command takes them.

    Raises
    ------
    BadInputError, ingest.dataset.DatasetError
        When an option, the models or the dataset cannot be used.
    """
    check_targets({"--out": out, "--json": json_file})
    if out.suffix not in (".parquet", ".csv"):
        raise BadInputError(f"--out {out}: name a .parquet or a .csv file")
    when, reach = moment("--at", at), duration("--horizon", horizon)
    began = time.monotonic()
    try:
        trained = DatasetModels.from_arrays(read_models(models))
    except ModelFolderError as error:
        raise BadInputError(str(error)) from None
    n_steps = trained.n_steps
    if reach is not None:
        n_steps = whole_steps(reach, trained.fleet.calendar.step_ns)
    data = read_dataset(dataset)
    console = Console()
    for note in data.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    try:
        with console.status("forecasting"):
            made = forecast_as_of(
                trained, data, end_of_load(data) if when is None else when, n_steps
            )
    except (ModelsDoNotFitError, LeakError) as error:
        raise BadInputError(f"{dataset}: {error}") from None
    table = forecast_table(made.issue, trained)
    with replacing(out) as temporary:
        if out.suffix == ".csv":
            pyarrow.csv.write_csv(table, temporary)
        else:
            pyarrow.parquet.write_table(table, temporary)
    _print(console, out, made, time.monotonic() - began)
    if json_file is not None:
        write_json(json_file, _told(out, trained, made, table))


def _print(console: Console, out: Path, made: Forecast, wall_s: float) -> None:
    issue = made.issue
    console.print(
        f"{len(issue.series)} series, {len(issue.times)} steps from "
        f"{format_time(int(issue.times[0]))}, {wall_s:.1f} s: {out}",
        highlight=False,
        markup=False,
    )
    for reason, count in Counter(r for r in issue.reason if r).most_common():
        console.print(f"{count} series: {reason}", highlight=False, markup=False)
    if made.weather in _WEATHER:
        console.print(f"[yellow]{_WEATHER[made.weather]}[/]")


def _told(out: Path, models: DatasetModels, made: Forecast, table: pa.Table) -> dict[str, object]:
    issue = made.issue
    return {
        "forecast": str(out),
        "issue_time": format_time(int(issue.times[0])),
        "model_version": models.fleet.digest,
        "hierarchy_version": issue.hierarchy_version,
        "trained_until": format_time(models.fleet.trained_until_ns),
        "weather": made.weather,
        "quantiles": issue.probabilities.tolist(),
        "series": len(issue.series),
        "steps": len(issue.times),
        "rows": table.num_rows,
        "methods": dict(Counter(issue.method)),
    }
