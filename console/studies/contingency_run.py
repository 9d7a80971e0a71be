"""What `gridcast contingency` does: read a state or estimate it, study outages, write, tell."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from console.endings import say
from console.errors import BadInputError
from console.json_file import write_json
from console.output_file import check_targets, replacing
from console.progress import share_progress
from console.studies.case_file import open_case
from console.studies.expected_state import expected_json, expected_state, tell_warnings
from console.studies.outage_tables import (
    FLOW_SCHEMA,
    excursion_table,
    flow_batch,
    outage_json,
    outage_table,
)
from console.studies.scan_estimate import NOT_SOLVED, estimate_scan
from ingest.outage_list_file import read_outage_list
from ingest.scan_file import read_scan_file
from ingest.state_file import StateFile, read_state_file
from network.model import Network
from network.outage_confirmation import confirm_worst
from network.outage_limits import StudyLimits
from network.outage_study import FlowsAfter, study_outages

__all__ = ["run_contingency"]

_SHOWN = 10


def run_contingency(
    case: str,
    out: Path,
    *,
    state: Path | None,
    scan: Path | None,
    forecast: Path | None,
    all_flows: Path | None,
    voltages: Path | None,
    also: Path | None,
    limits: StudyLimits,
    most_ac: int | None,
    n_confirm: int,
    json_file: Path | None,
) -> None:
    """Study outages from files; parameters as the command takes them.

    Raises
    ------
    BadInputError, ingest.dataset.errors.DatasetError
        When a file cannot be used.
    typer.Exit
        With `NOT_SOLVED` when scan or forecast give no state; nothing is written then.
    """
    given = [path for path in (state, scan, forecast) if path is not None]
    if len(given) != 1:
        raise BadInputError("give one of --state STATE or --scan SCAN or --forecast FORECAST")
    if not limits.v_min_pu < limits.v_max_pu:
        raise BadInputError(
            f"--v-min {limits.v_min_pu:g} is not below --v-max {limits.v_max_pu:g}; "
            "give a band such as 0.94 to 1.06"
        )
    targets = {"--out": out, "--all-flows": all_flows, "--voltages": voltages, "--json": json_file}
    inputs = (*given, Path(case), *([] if also is None else [also]))
    check_targets(targets, inputs)
    network = open_case(case)
    listed = () if also is None else read_outage_list(also, network)
    expected = None if forecast is None else expected_state(network, forecast)
    if expected is not None:
        network, known = expected.state.network, StateFile(expected.state.v, ())
    elif state is not None:
        known = read_state_file(state, network)
    else:
        known = _estimated(network, given[0])
    with ExitStack() as stack:
        see = None
        if all_flows is not None:
            see = _flow_writer(stack.enter_context(replacing(all_flows)), network, stack)
        with share_progress("solving outages") as progress:
            began = time.perf_counter()
            study = study_outages(
                network,
                known.v,
                listed=listed,
                limits=limits,
                most_ac=most_ac,
                see=see,
                progress=progress,
            )
            seconds = time.perf_counter() - began
        confirmed = confirm_worst(study, known.v, limits, n_confirm) if n_confirm else None
        table = outage_table(study)
        summary = outage_json(study, known.unobserved, confirmed, seconds)
        if expected is not None:
            summary |= expected_json(expected, study, limits)
        pq.write_table(table, stack.enter_context(replacing(out)))
        if voltages is not None:
            pq.write_table(excursion_table(study), stack.enter_context(replacing(voltages)))
    if json_file is not None:
        write_json(json_file, summary)
    _print(Console(), table.slice(0, _SHOWN).to_pylist(), summary)


def _flow_writer(path: Path, network: Network, stack: ExitStack) -> Callable[[FlowsAfter], None]:
    writer = stack.enter_context(pq.ParquetWriter(path, FLOW_SCHEMA))
    branches = pa.array(network.branches.id.tolist(), pa.string())
    return lambda flows: writer.write_batch(flow_batch(branches, flows))


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
        f"{summary['contingencies']} outages, {summary['overloads']} overloads, "
        f"{summary['voltages']} voltages outside the band, {len(islanding)} outages split the "
        f"network, {summary['solved_in_ac']} solved in AC, {summary['seconds']} s"
    )
    tell_warnings(summary, tell)
    confirmed = summary["confirmed"]
    if isinstance(confirmed, dict):
        n = len(confirmed["outages"])
        tell(
            f"{confirmed['by']} solved the {n} worst as well: loadings within "
            f"{confirmed['loading_percent']:.3f} points, voltages within "
            f"{confirmed['voltage_pu']:.6f} pu"
        )
