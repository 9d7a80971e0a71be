"""`gridcast rupture`: the lasting changes of one series, file in and JSON out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.options import JsonFile

__all__ = ["rupture"]


def rupture(
    series: Annotated[
        Path,
        typer.Argument(
            metavar="SERIES", help="valid_time and value of one series, Parquet or CSV."
        ),
    ],
    json_file: JsonFile = None,
) -> None:
    """Find where the consumption of a series changed for good, and when that could be known.

    Tells steps of the level, new trends, changed daily profiles and scatter, readings that stand
    still, consumption that vanished or is new, and single wild readings (outliers).
    """
    # Imported here, so that other commands start without the numerics.
    from console.studies.rupture_run import run_rupture

    run_rupture(series, json_file)
