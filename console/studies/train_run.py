"""What `gridcast train` does: read, train, write, tell."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from console.code_version import code_version
from console.errors import BadInputError
from console.json_file import check_json_target, write_json
from console.replays.replay_period import duration, moment
from console.studies.dataset_models import (
    DatasetModels,
    ModelsDoNotFitError,
    end_of_load,
    train_on,
)
from forecasting.backends import mid_term_backend, residual_backend
from ingest.dataset import read_dataset
from records.time import DAY, format_duration, format_time
from storage.model_folder import ModelFolderError, check_model_folder, write_models
from stream.backtest_inputs import LeakError

__all__ = ["run_train", "whole_steps"]

_FARTHEST = 7 * DAY


def run_train(
    dataset: Path,
    out: Path,
    *,
    until: str | None,
    horizon: str,
    mid_term: str,
    residual: str,
    json_file: Path | None,
) -> None:
    """Train on a dataset; parameters as the command takes them.

    Raises
    ------
    BadInputError, ingest.dataset.DatasetError
        When an option, the folder or the dataset cannot be used, or the dataset leaks.
    """
    check_json_target(json_file)
    when = moment("--until", until)
    reach = duration("--horizon", horizon)
    try:
        check_model_folder(out)
        mid_term_backend(mid_term)
        residual_backend(residual)
    except ValueError as error:
        raise BadInputError(str(error)) from None
    began = time.monotonic()
    data = read_dataset(dataset)
    console = Console()
    for note in data.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    n_steps = whole_steps(reach, data.hierarchy.step_ns)
    try:
        with console.status("training"):
            models = train_on(
                data,
                end_of_load(data) if when is None else when,
                n_steps,
                mid_term=mid_term,
                residual=residual,
                code=code_version(),
            )
        digest = write_models(out, models.to_arrays())
    except (ModelsDoNotFitError, LeakError, ModelFolderError) as error:
        raise BadInputError(f"{dataset}: {error}") from None
    wall_s = time.monotonic() - began
    _print(console, out, models, wall_s)
    if json_file is not None:
        write_json(json_file, _told(out, models, digest, wall_s))


def whole_steps(reach: int | None, step: int) -> int:
    """Return the steps of a horizon.

    Raises
    ------
    BadInputError
        When it is not a multiple of the step, up to seven days.
    """
    if reach is None or not 0 < reach <= _FARTHEST or reach % step:
        raise BadInputError(
            f"--horizon: write a multiple of the step {format_duration(step)}, P7D at most"
        )
    return reach // step


def _print(console: Console, out: Path, models: DatasetModels, wall_s: float) -> None:
    fleet = models.fleet
    console.print(
        f"{len(fleet.series)} series, {format_time(models.trained_from)} to "
        f"{format_time(fleet.trained_until_ns)}, {wall_s:.1f} s: {out}",
        highlight=False,
        markup=False,
    )
    for reason, count in Counter(r for r in fleet.reasons if r).most_common():
        console.print(f"{count} series take the seasonal naive: {reason}", highlight=False)


def _told(out: Path, models: DatasetModels, digest: str, wall_s: float) -> dict[str, object]:
    fleet = models.fleet
    reasons = zip(fleet.series, fleet.reasons, strict=True)
    return {
        "models": str(out),
        "sha256": digest,
        "model_version": fleet.digest,
        "hierarchy_version": models.tree.version,
        "trained_from": format_time(models.trained_from),
        "trained_until": format_time(fleet.trained_until_ns),
        "series": len(fleet.series),
        "naive": {name: reason for name, reason in reasons if reason},
        "wall_s": round(wall_s, 3),
    }
