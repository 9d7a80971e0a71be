"""What `gridcast estimate` does: read, estimate, write, tell."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from console.endings import say
from console.json_file import write_json
from console.output_file import check_targets, replacing
from console.studies.case_file import open_case
from console.studies.scan_estimate import NOT_SOLVED, ScanEstimate, estimate_scan
from console.studies.state_tables import flow_table, state_table
from ingest.scan_file import read_scan_file
from network.measurement import Origin
from network.topology_errors import Hypothesis

__all__ = ["run_estimate"]

_SHOWN = 10


def run_estimate(
    case: str,
    scan_path: Path,
    out: Path,
    *,
    flows: Path | None,
    explained: bool,
    json_file: Path | None,
) -> None:
    """Estimate from files; parameters as the command takes them.

    Raises
    ------
    BadInputError, ingest.dataset.errors.DatasetError
        When a file cannot be used.
    typer.Exit
        With `NOT_SOLVED` when there is no state; the JSON is written, the tables are not.
    """
    check_targets({"--out": out, "--flows": flows, "--json": json_file}, (scan_path, Path(case)))
    network = open_case(case)
    result = estimate_scan(network, read_scan_file(scan_path, network), explained=explained)
    if result.estimate is not None and result.errors is not None:
        with replacing(out) as temporary:
            pq.write_table(state_table(network, result.estimate, result.errors), temporary)
        if flows is not None:
            with replacing(flows) as temporary:
                pq.write_table(flow_table(network, result.estimate, result.errors), temporary)
    if json_file is not None:
        write_json(json_file, result.json())
    _print(Console(), result)
    if not result.solved:
        say(f"{scan_path}: no state: {result.reason}; {_remedy(result)}")
        raise typer.Exit(NOT_SOLVED)


def _remedy(result: ScanEstimate) -> str:
    if result.estimate is None:
        return "give more measurements, or pseudo values of the missing injections"
    return "check units, signs and breaker states"


def _print(console: Console, result: ScanEstimate) -> None:
    estimate, scan = result.estimate, result.scan
    origin = scan.scan.telemetry.origin
    pseudo, zero = (int((origin == mark).sum()) for mark in (Origin.PSEUDO, Origin.ZERO_INJECTION))

    def tell(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    tell(
        f"{len(origin)} of {scan.n_rows} rows used, {pseudo} of them pseudo and {zero} zero "
        f"injections, at {result.network.n_bus} buses"
    )
    if estimate is None or not result.solved:
        return
    if estimate.removed:
        table = Table(title="taken out as bad", title_justify="left")
        for heading in ("kind", "id", "end", "quantity"):
            table.add_column(heading)
        for heading in ("measured", "estimated", "normalised residual"):
            table.add_column(heading, justify="right")
        for removal in estimate.removed:
            numbers = (removal.value, removal.estimated, removal.normalised)
            table.add_row(*result.name(removal.row).values(), *(f"{each:.4g}" for each in numbers))
        console.print(table)
    if result.unobservable:
        tell(f"not determined by the scan: {_few(result.unobservable)}")
    for hypothesis in result.hypotheses or ():
        tell(f"may be: {_guess(result, hypothesis)}")
    dof = estimate.degrees_of_freedom
    fit = f"J/dof {estimate.j_per_dof:.3f}" if dof > 0 else "no measurement to spare for a check"
    tell(f"converged in {estimate.iterations} iterations, {fit}, {1000 * result.seconds:.1f} ms")
    if not result.plausible:
        say(
            "the scan does not fit the network: J is more than noise gives, or a voltage is far "
            "from 1 pu; do not rely on this state before a cause is found (try --explain)"
        )


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{'bus' if len(names) == 1 else 'buses'} {', '.join(names[:_SHOWN])}{more}"


def _guess(result: ScanEstimate, hypothesis: Hypothesis) -> str:
    faults = [
        f"{fault.kind} of {' '.join(filter(None, result.name(fault.rows[0]).values()))}"
        for fault in hypothesis.faults
    ]
    tap = f" at {hypothesis.tap:.4f}" if hypothesis.kind == "tap" else ""
    cause = f"branch {hypothesis.branch} {hypothesis.kind}{tap}" if hypothesis.branch else ""
    parts = ", ".join(filter(None, [cause, *faults])) or "noise"
    return f"{parts} (score {hypothesis.score:.1f}, the lower the better)"
