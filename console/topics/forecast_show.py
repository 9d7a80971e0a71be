"""`gridcast forecast show`: one series of the current run as a table and a line of bars."""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from console.errors import BadInputError, UnavailableError
from console.options import Config, Directory, Namespace
from console.redis_access import open_redis
from console.settings import load_settings
from records.forecast import RunMeta
from records.time import HOUR, MINUTE, format_time, parse_duration, parse_time
from storage.redis_forecasts import ForecastReader, RunSummary

__all__ = ["show", "sparkline"]

_USUAL = "model"
"""The reason of a forecast that is no fallback."""
_MEDIAN = 0.5
_BARS = "▁▂▃▄▅▆▇█"


def show(
    series: Annotated[str, typer.Argument(help="Id such as total, region:0 or 'load:12 p_mw'.")],
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="Rows of the table.")] = 24,
    every: Annotated[
        bool, typer.Option("--all-quantiles", help="All of them, for wide terminals.")
    ] = False,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Show the current forecast of one series from Redis, and how old it is."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    client = open_redis(settings)
    reader = ForecastReader(client, settings.namespace)
    try:
        run = reader.current_run()
        if run is None:
            raise UnavailableError(
                f"Redis has no current forecast run in {settings.namespace}: none was published "
                "yet or it has expired; `gridcast doctor` says which service is behind"
            )
        level = reader.level_of(run, series)
        found = None if level is None else reader.read_series(run.run_id, level, series)
        if found is None:
            raise BadInputError(_unknown(reader, run, series))
    finally:
        client.close()
    meta, values = found
    _print(series, str(level), run, meta, values, steps, every)


def _print(
    series: str,
    level: str,
    run: RunSummary,
    meta: RunMeta,
    values: npt.NDArray[np.float64],
    steps: int,
    every: bool,
) -> None:
    console = Console()
    source = meta.series[series]
    now = time.time_ns()
    console.print(f"[bold]{series}[/] ({level}), {meta.unit}, issued {run.issue_time}")
    console.print(f"{_staleness(run, now)}; method {source.method}", highlight=False)
    if source.reason not in ("", _USUAL):
        console.print(f"[yellow]because: {source.reason}[/]", highlight=False)
    console.print(sparkline(values[0]), highlight=False)
    table = Table()
    table.add_column("from (UTC)", no_wrap=True)
    table.add_column("mean", justify="right")
    rows = [0]
    for row, quantile in enumerate(meta.quantiles, start=1):
        if every or row in (1, len(meta.quantiles)) or quantile == _MEDIAN:
            table.add_column(f"{100 * quantile:g} %", justify="right")
            rows.append(row)
    starts = meta.valid_times or [
        format_time(parse_time(meta.start) + k * parse_duration(meta.step))
        for k in range(meta.n_steps)
    ]
    for k in range(min(steps, meta.n_steps)):
        table.add_row(starts[k], *(f"{value:.2f}" for value in values[rows, k]))
    console.print(table)
    if steps < meta.n_steps:
        console.print(f"{meta.n_steps - steps} more; --steps {meta.n_steps} shows them")


def _staleness(run: RunSummary, now: int) -> str:
    """How old the run is, and whether anything of it still lies ahead."""
    age = run.age(now)
    words = _ago(age)
    if run.outdated(now):
        return f"[red]outdated: {words}, nothing of it lies ahead of now[/]"
    return words if age < 2 * HOUR else f"[yellow]{words}[/]"


def _ago(age_ns: int) -> str:
    """Age in the largest unit that fits.

    >>> _ago(90 * MINUTE), _ago(72 * HOUR)
    ('1.5 h old', '3 days old')
    """
    if age_ns < 2 * MINUTE:
        return f"{age_ns / 1e9:.0f} s old"
    if age_ns < HOUR:
        return f"{age_ns / MINUTE:.0f} min old"
    if age_ns < 48 * HOUR:
        return f"{age_ns / HOUR:.1f} h old"
    return f"{age_ns / (24 * HOUR):.0f} days old"


def sparkline(values: npt.NDArray[np.float64]) -> str:
    """Draw values, shape (n,), as one line between their extremes; a gap where NaN.

    >>> sparkline(np.array([0.0, 7.0, np.nan, 3.5]))
    '▁█ ▅  0 to 7'
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return "no value is known"
    low, high = float(known.min()), float(known.max())
    span = high - low or 1.0
    places = np.where(np.isfinite(values), (values - low) / span * (len(_BARS) - 1), -1.0)
    bars = "".join(_BARS[round(place)] if place >= 0 else " " for place in places.tolist())
    return f"{bars}  {low:.5g} to {high:.5g}"


def _unknown(reader: ForecastReader, run: RunSummary, series: str) -> str:
    lines = [f"run {run.run_id} has no series {series!r}; it has"]
    for name in run.levels:
        level = reader.read_level(run.run_id, name)
        if level is not None:
            some = ", ".join(level.series[:4])
            more = f" and {len(level.series) - 4} more" if len(level.series) > 4 else ""
            lines.append(f"  {name}: {some}{more}")
    return "\n".join(lines)
