"""`gridcast train`: models of a user's dataset, kept in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.options import JsonFile

__all__ = ["train"]


def train(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder: load, weather, hierarchy.toml.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="MODELS", help="Folder to keep the models in, made anew."),
    ],
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="Learn from what was known then; the end of the load if not given.",
            show_default=False,
        ),
    ] = None,
    horizon: Annotated[
        str,
        typer.Option("--horizon", metavar="DURATION", help="How far ahead errors are learnt."),
    ] = "P2D",
    mid_term: Annotated[
        str, typer.Option("--mid-term", metavar="NAME", help="Who fits: batched or pygam.")
    ] = "batched",
    residual: Annotated[
        str, typer.Option("--residual", metavar="NAME", help="Who fits: batched or statsmodels.")
    ] = "batched",
    json_file: JsonFile = None,
) -> None:
    """Train the models of every series of a dataset and keep them in a folder.

    The folder holds arrays (npz), their description (JSON) and the SHA-256 of both; `gridcast
    forecast MODELS DATASET` uses it.
    """
    # Imported here, so that other commands start without the models.
    from console.studies.train_run import run_train

    run_train(
        dataset,
        out,
        until=until,
        horizon=horizon,
        mid_term=mid_term,
        residual=residual,
        json_file=json_file,
    )
