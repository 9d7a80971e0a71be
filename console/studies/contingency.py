"""`gridcast contingency`: what would be overloaded if one element were lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.options import JsonFile, NetworkCase

__all__ = ["contingency"]


def contingency(
    network: NetworkCase,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="OUT", help="Write the ranked overloads there, Parquet."),
    ],
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="STATE", help="A state that gridcast estimate wrote."),
    ] = None,
    scan: Annotated[
        Path | None,
        typer.Option("--scan", metavar="SCAN", help="A scan, to be estimated first."),
    ] = None,
    all_flows: Annotated[
        Path | None,
        typer.Option(
            "--all-flows", metavar="FILE", help="Write every flow after every outage there."
        ),
    ] = None,
    at_least: Annotated[
        float,
        typer.Option(min=1.0, metavar="PERCENT", help="Loading from which an element is listed."),
    ] = 100.0,
    ac: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Outages to solve again in AC, the worst first."),
    ] = 20,
    json_file: JsonFile = None,
) -> None:
    """Screen the loss of every branch and every generator, on one consistent state.

    All outages are computed with outage factors about the state; the worst are solved again as
    AC power flows. Outages that split the network are listed with the buses they cut off.
    """
    # Imported here, so that other commands start without the numerics.
    from console.studies.contingency_run import run_contingency

    run_contingency(
        network,
        out,
        state=state,
        scan=scan,
        all_flows=all_flows,
        at_least=at_least,
        n_ac=ac,
        json_file=json_file,
    )
