"""`gridcast forecast`: from models that were trained, or as published by a running system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from console.options import JsonFile
from console.topics.forecast_show import show

__all__ = ["app"]

_RUN = "run"


class _WithDefault(TyperGroup):
    """Takes what names no command for arguments of `run`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command."""
        if args and args[0] not in self.commands:
            args = [_RUN, *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_WithDefault,
    no_args_is_help=True,
    context_settings={"ignore_unknown_options": True},
    help=(
        "Forecast from trained models, or look at published forecasts.\n\n"
        "`gridcast forecast MODELS DATASET --out FILE` is `gridcast forecast run ...`."
    ),
)
app.command("show")(show)


@app.command(_RUN)
def run(
    models: Annotated[
        Path, typer.Argument(metavar="MODELS", help="Folder that `gridcast train` wrote.")
    ],
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder: load, weather, hierarchy.toml.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The forecast: .parquet or .csv.")
    ],
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Issue time: uses what was known then; the end of the load if not given.",
            show_default=False,
        ),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(
            "--horizon",
            metavar="DURATION",
            help="How far, P7D at most; as far as the models have learnt if not given.",
            show_default=False,
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Forecast every series of a dataset from trained models, as of a time.

    One row a series and interval: the coherent forecast with its quantiles, what each method
    says, and the method behind it with its reason.
    """
    # Imported here, so that other commands start without the models.
    from console.studies.forecast_run import run_forecast

    run_forecast(models, dataset, out, at=at, horizon=horizon, json_file=json_file)
