"""What `gridcast backtest` does: read, score, print, write."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from console.errors import BadInputError
from console.json_file import check_json_target, write_json
from console.studies.backtest_report import check_report_target, write_report
from ingest.dataset import read_dataset
from ingest.dataset.incumbent import read_incumbent
from stream.backtest import run_backtest
from stream.backtest_inputs import LeakError
from stream.backtest_protocol import Protocol, ProtocolError, read_protocol

__all__ = ["run_backtest_command"]


def run_backtest_command(
    dataset: Path, protocol_file: Path, json_file: Path | None, report: Path | None
) -> None:
    """Run a backtest; parameters as the command takes them.

    Raises
    ------
    BadInputError, ingest.dataset.DatasetError
        When the protocol or the dataset cannot be used, or the dataset leaks.
    """
    check_json_target(json_file)
    check_report_target(report)
    protocol = _protocol(protocol_file)
    began = time.monotonic()
    data = read_dataset(dataset)
    incumbent = read_incumbent(dataset, data.hierarchy)
    console = Console()
    for note in data.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    try:
        with console.status("fitting") as status:
            rows = run_backtest(data, protocol, incumbent=incumbent, on_progress=status.update)
    except ProtocolError as error:
        raise BadInputError(f"{protocol_file}: {error}") from None
    except LeakError as error:
        raise BadInputError(f"{dataset}: {error}") from None
    _print(console, rows, protocol)
    console.print(f"{len(rows):,} rows, {time.monotonic() - began:.1f} s", highlight=False)
    if not protocol.as_issued:
        console.print(
            "[yellow]The weather was as it came, not as it was forecast: real forecasts add about "
            "one point of MAPE.[/]"
        )
    if json_file is not None:
        write_json(json_file, rows)
    if report is not None:
        write_report(report, data.name, protocol, rows)
        console.print(f"report: {report / 'report.md'}", highlight=False, markup=False)


def _protocol(path: Path) -> Protocol:
    try:
        return read_protocol(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInputError(f"--protocol {path}: {error.strerror}; name a TOML file") from None
    except UnicodeDecodeError:
        raise BadInputError(f"{path}: is not UTF-8 text; write the protocol in TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"{path}: is not TOML: {error}") from None
    except ProtocolError as error:
        raise BadInputError(f"{path}: {error}") from None


def _print(console: Console, rows: list[dict[str, Any]], protocol: Protocol) -> None:
    whole = [row for row in rows if row["hour"] is None and row["day_type"] is None]
    methods = [m for m in protocol.methods if any(row["method"] == m for row in whole)]
    table = Table(title="MAPE in percent, mean over the series of a level", title_justify="left")
    table.add_column("level")
    table.add_column("lead")
    for method in methods:
        table.add_column(method, justify="right")
    table.add_column("coverage of 90 %", justify="right")
    for level in dict.fromkeys(row["level"] for row in whole):
        for lead in protocol.leads:
            mine = [row for row in whole if row["level"] == level and row["lead"] == lead]
            scores = [_mean(mine, method, "mape") for method in methods]
            covered = [_mean(mine, m, "coverage90") for m in ("reconciled", "gam_ar", "gam")]
            table.add_row(level, lead, *scores, next((c for c in covered if c != "-"), "-"))
        table.add_section()
    console.print(table)


def _mean(rows: list[dict[str, Any]], method: str, score: str) -> str:
    found = [row[score] for row in rows if row["method"] == method and row[score] is not None]
    return f"{sum(found) / len(found):.2f}" if found else "-"
