"""`gridcast estimate`: the state of a network from one scan, files in and files out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.options import JsonFile, NetworkCase

__all__ = ["estimate"]


def estimate(
    network: NetworkCase,
    scan: Annotated[
        Path,
        typer.Option("--scan", metavar="SCAN", help="Measurements, Parquet or CSV."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="STATE", help="Write voltage and angle of each bus there."),
    ],
    flows: Annotated[
        Path | None,
        typer.Option("--flows", metavar="FLOWS", help="Write the flows of each branch there."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Tell what may be wrong with a scan that does not fit: a breaker, a tap, a sign.",
        ),
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Estimate the one consistent state of a network that a scan tells of.

    Finds and removes bad measurements, names the buses that the scan does not determine, and
    gives standard errors. Ends with 3 when nothing is observable or nothing converges.
    """
    # Imported here, so that other commands start without the numerics.
    from console.studies.estimate_run import run_estimate

    run_estimate(network, scan, out, flows=flows, explained=explain, json_file=json_file)
