"""What the demo tells a person at its end, and where to look next."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from console.demo.demo_figures import DemoFigures
from console.demo.telemetry_scores import ImputationScore
from console.services.run_file import RunFile
from records.alarm import AlarmKind

__all__ = ["print_report", "program_name"]


def print_report(
    run: RunFile,
    figures: DemoFigures,
    wall_s: float,
    *,
    keep: bool,
    program: str = "gridcast",
) -> None:
    """Print the figures of a demo, and commands to copy that begin with `program`."""
    console = Console(highlight=False)
    console.print(f"\n[bold]gridcast demo[/]: {run.days} days of scans in {wall_s:.0f} s\n")
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for row in _rows(figures):
        table.add_row(*row)
    console.print(table)
    console.print(_scores(figures))
    console.print(_next_steps(run, keep, program), soft_wrap=True)


def _rows(figures: DemoFigures) -> list[tuple[str, str, str]]:
    gap = max(figures.coherence, figures.coherence_in_redis)
    ratio = figures.flows.rmse_over_sigma / figures.raw_flows.rmse_over_sigma
    return [
        ("records in", f"{figures.records_in:,}", "measurements, meter reads, weather values"),
        ("windows closed", f"{figures.windows_closed:,}", "of 5 minutes, each series"),
        ("dead letters", f"{figures.dead_letters:,}", "measurements refused, each with its reason"),
        (
            "forecasts published", f"{figures.forecasts_published:,}",
            f"series x {figures.n_issues} issues, as read back",
        ),
        (
            "largest incoherence", f"{gap.relative:.1e}",
            f"over {figures.coherence.sums:,} sums of children, from topics and Redis",
        ),
        (
            "flow error, estimated", _sigmas(figures.flows.rmse_over_sigma),
            f"of all branch ends; {100 * (1 - ratio):.0f} % below the telemetry's",
        ),
        (
            "flow error, telemetry", _sigmas(figures.raw_flows.rmse_over_sigma),
            "of the readings that validation believed",
        ),
        *_imputation(figures.imputation),
        *_alarms(figures.alarms),
    ]  # fmt: skip


def _sigmas(value: float) -> str:
    return f"{value:.2f} sigma" if math.isfinite(value) else "-"


def _imputation(score: ImputationScore) -> list[tuple[str, str, str]]:
    return [
        (f"imputed flows, {name}", f"{error:.1f} MW", f"mean error of {count:,} replaced readings")
        for name, error, count in (
            ("held", score.held_mw, score.n_held),
            ("typical", score.typical_mw, score.n_typical),
        )
        if count
    ]


def _alarms(count: Mapping[AlarmKind, int]) -> list[tuple[str, str, str]]:
    here = sum(n for kind, n in count.items() if kind is not AlarmKind.CONTINGENCY)
    outages = count.get(AlarmKind.CONTINGENCY, 0)
    return [
        ("limit alarms", f"{here:,}", "excursions of telemetry or the estimated state"),
        ("contingency alarms", f"{outages:,}", "outages that would overload or cut off something"),
    ]


def _scores(figures: DemoFigures) -> Table:
    table = Table(title="day-ahead MAPE, %, on the truth", title_justify="left")
    table.add_column("level")
    table.add_column("issued", justify="right")
    table.add_column("seasonal naive", justify="right")
    for level, score in figures.mape.items():
        table.add_row(level, f"{score.model:.2f}", f"{score.seasonal_naive:.2f}")
    return table


def _next_steps(run: RunFile, keep: bool, program: str) -> str:
    options = f" --directory {_shown(run.directory)}"
    if run.settings.namespace != "demo":
        options += f" --namespace {run.settings.namespace}"
    commands = []
    if keep:
        commands += ["gridcast forecast show total", "gridcast forecast show 'load:12 p_mw'"]
    servers = run.settings.addresses.kafka_bootstrap_servers
    own_kafka = (run.directory / "kafka").exists()
    if keep or not own_kafka:
        commands += [
            "gridcast topics list",
            "gridcast topics read forecast.v1 --from -3 --format jsonl",
            "gridcast topics read network.alarm.v1",
            "gridcast topics read monitor.rupture.v1",
            "gridcast dead-letters list",
            "gridcast doctor",
        ]
    address = f"KAFKA_BOOTSTRAP_SERVERS={servers} " if servers else ""
    lines = ["[bold]Where to look next[/]"]
    lines += [
        f"  {address}{command.replace('gridcast', program, 1)}{options}" for command in commands
    ]
    lines.append(f"  the services' logs: {_shown(run.directory)}/logs")
    servers_kept = "Redis and Kafka" if own_kafka else "Redis"
    if keep:
        lines.append(f"{servers_kept} up until Ctrl-C; use another terminal.")
    else:
        lines.append(f"`{program} demo --keep` leaves {servers_kept} up, to look around.")
    return "\n".join(lines)


def program_name() -> str:
    """The command as it can be copied: by its path where it is not on the search path."""
    here = Path(sys.argv[0])
    if here.name != "gridcast" or shutil.which("gridcast"):
        return "gridcast"
    return _shown(here.absolute())


def _shown(path: Path) -> str:
    """A path as short as it can be copied."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
