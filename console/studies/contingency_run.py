"""What `gridcast contingency` does: read a state or estimate it, study outages, write, tell."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from console.endings import say
from console.errors import BadInputError
from console.json_file import write_json
from console.output_file import check_targets, replacing
from console.studies.case_file import open_case
from console.studies.outage_tables import FLOW_SCHEMA, flow_batches, outage_json, outage_table
from console.studies.scan_estimate import NOT_SOLVED, estimate_scan
from ingest.scan_file import read_scan_file
from ingest.state_file import StateFile, read_state_file
from network.model import Network
from network.outage_study import study_outages

__all__ = ["run_contingency"]

_SHOWN = 10


def run_contingency(
    case: str,
    out: Path,
    *,
    state: Path | None,
    scan: Path | None,
    all_flows: Path | None,
    at_least: float,
    n_ac: int,
    json_file: Path | None,
) -> None:
    """Study outages from files; parameters as the command takes them.

    Raises
    ------
    BadInputError, ingest.dataset.errors.DatasetError
        When a file cannot be used.
    typer.Exit
        With `NOT_SOLVED` when the scan gives no state; nothing is written then.
    """
    given = [path for path in (state, scan) if path is not None]
    if len(given) != 1:
        raise BadInputError("give either --state STATE or --scan SCAN")
    targets = {"--out": out, "--all-flows": all_flows, "--json": json_file}
    check_targets(targets, (*given, Path(case)))
    network = open_case(case)
    known = read_state_file(state, network) if state is not None else _estimated(network, given[0])
    began = time.perf_counter()
    study = study_outages(network, known.v, at_least_percent=at_least, most_ac=n_ac)
    seconds = time.perf_counter() - began
    table = outage_table(study)
    summary = outage_json(study, known.unobserved, seconds)
    with replacing(out) as temporary:
        pq.write_table(table, temporary)
    if all_flows is not None:
        with replacing(all_flows) as temporary, pq.ParquetWriter(temporary, FLOW_SCHEMA) as writer:
            for batch in flow_batches(study):
                writer.write_batch(batch)
    if json_file is not None:
        write_json(json_file, summary)
    _print(Console(), table.slice(0, _SHOWN).to_pylist(), summary)


def _estimated(network: Network, scan: Path) -> StateFile:
    result = estimate_scan(network, read_scan_file(scan, network))
    if result.estimate is None or not result.solved:
        say(f"{scan}: no state to study: {result.reason}; see gridcast estimate")
        raise typer.Exit(NOT_SOLVED)
    if not result.plausible:
        say(f"{scan}: the scan does not fit the network; see gridcast estimate --explain")
    return StateFile(result.estimate.v, result.unobservable)


def _print(console: Console, worst: list[dict[str, object]], summary: dict[str, object]) -> None:
    overloads = [row for row in worst if row["element_id"] is not None]
    if overloads:
        table = Table(title="worst overloads after an outage", title_justify="left")
        for heading in ("outage", "overloaded"):
            table.add_column(heading)
        for heading in ("MW", "percent", "limit MVA"):
            table.add_column(heading, justify="right")
        table.add_column("method")
        for row in overloads:
            numbers = (row["p_from_mw"], row["loading_percent"], row["limit_mva"])
            names = (str(row["contingency_id"]), str(row["element_id"]))
            table.add_row(*names, *(f"{number:.1f}" for number in numbers), str(row["method"]))
        console.print(table)

    def tell(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    findings, islanding = summary["findings"], summary["islanding"]
    assert isinstance(findings, list) and isinstance(islanding, list)
    for finding in findings:
        ids = finding["ids"]
        more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        tell(f"{finding['component']} {', '.join(ids[:_SHOWN])}{more}: {finding['message']}")
    tell(
        f"{summary['contingencies']} outages, {summary['overloads']} overloads, {len(islanding)} "
        f"outages split the network, {summary['solved_in_ac']} solved in AC, "
        f"{summary['seconds']} s"
    )
