"""`gridcast contingency`: what would be beyond its limits if one element were lost."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console.options import JsonFile, NetworkCase

__all__ = ["Ratings", "contingency"]


class Ratings(StrEnum):
    """What ratings limit, as the command line has it."""

    MVA = "mva"
    A = "a"


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
    forecast: Annotated[
        Path | None,
        typer.Option(
            "--forecast",
            metavar="FORECAST",
            help="Consumption, schedules, planned outages and exchange that are forecast.",
        ),
    ] = None,
    all_flows: Annotated[
        Path | None,
        typer.Option(
            "--all-flows", metavar="FILE", help="Write every flow after every outage there."
        ),
    ] = None,
    voltages: Annotated[
        Path | None,
        typer.Option(
            "--voltages", metavar="FILE", help="Write the voltages outside the band there, ranked."
        ),
    ] = None,
    also: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="LIST",
            help="Outages of several elements at once, TOML: double circuits, busbars.",
        ),
    ] = None,
    at_least: Annotated[
        float,
        typer.Option(min=1.0, metavar="PERCENT", help="Loading from which an element is listed."),
    ] = 100.0,
    ratings: Annotated[
        Ratings,
        typer.Option(help="What ratings limit: mva, the power; a, the current at the voltage."),
    ] = Ratings.MVA,
    v_min: Annotated[
        float, typer.Option(min=0.0, metavar="PU", help="Voltage below which a bus is listed.")
    ] = 0.94,
    v_max: Annotated[
        float, typer.Option(min=0.0, metavar="PU", help="Voltage above which a bus is listed.")
    ] = 1.06,
    ac: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Outages to solve in AC, the worst first; all unless given.",
            show_default=False,
        ),
    ] = None,
    confirm: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Outages to confirm with lightsim2grid, the worst first, where it is installed.",
        ),
    ] = 20,
    json_file: JsonFile = None,
) -> None:
    """Study the loss of every branch and every generator, on one consistent state.

    Every outage is solved as an AC power flow, so that no overload and no voltage outside the
    band is missed; with --ac N all are screened with outage factors about the state and the N
    worst are solved. Outages that split the network are listed with the buses they cut off. On a
    forecast the peak is studied, and what it would not hold is warned of with the time to act.
    """
    # Imported here, so that other commands start without the numerics.
    from console.studies.contingency_run import run_contingency
    from network.limits import RatingKind
    from network.outage_limits import StudyLimits

    run_contingency(
        network,
        out,
        state=state,
        scan=scan,
        forecast=forecast,
        all_flows=all_flows,
        voltages=voltages,
        also=also,
        limits=StudyLimits(at_least, RatingKind(ratings.value), v_min, v_max),
        most_ac=ac,
        n_confirm=confirm,
        json_file=json_file,
    )
