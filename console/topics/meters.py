"""`gridcast meters`: what was estimated in place of meter readings, and who approved it."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from console.errors import BadInputError
from console.historian_access import open_recorded
from console.json_file import write_json
from console.log_access import open_writer
from console.options import Config, Directory, JsonFile, Namespace
from console.replays.replay_period import moment
from console.settings import Settings, load_settings
from records.meter_approval import Decision, MeterApproval, approval_record
from records.meter_estimate import EstimateInputs, EstimateMethod, EstimateStatus
from records.time import format_time
from records.topics import topic_name
from storage.embedded_log import EmbeddedLogWriter
from storage.historian_classes import HistoryClass

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Metered energy that was estimated.")

_FOREVER = 2**62
_OPPOSITE = {
    Decision.APPROVE: EstimateStatus.REJECTED,
    Decision.REJECT: EstimateStatus.APPROVED,
}

Meter = Annotated[str, typer.Argument(help="Id of the meter, as in its documents.")]
Since = Annotated[str | None, typer.Option("--from", metavar="T", help="First period, RFC 3339.")]
Until = Annotated[str | None, typer.Option("--to", metavar="T", help="End of the last period.")]
By = Annotated[str, typer.Option(metavar="NAME", help="Who stands for the decision.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for an auditor.")]
_QUERY = """
    SELECT meter, series, start, length_ns, revision, energy_mwh, method, reason, approved_by,
      inputs, known, status, decided, area
    FROM (
      SELECT meter, series, epoch_ns(valid_time) AS start, length_ns, version AS revision,
        energy_mwh, method, reason, approved_by, inputs, epoch_ns(available_at) AS known,
        coalesce(status, 'proposed') AS status, epoch_ns(decided_at) AS decided,
        "partition" AS area,
        row_number() OVER (
          PARTITION BY valid_time, version ORDER BY recorded_at, "offset") AS nth
      FROM meter_estimates
      WHERE meter = $1 AND epoch_ns(valid_time) >= $2 AND epoch_ns(valid_time) < $3
        AND epoch_ns(available_at) <= $4
    ) AS kept
    WHERE nth = 1
    ORDER BY start, revision
"""


@app.command("estimates")
def estimates(
    meter: Meter,
    since: Since = None,
    until: Until = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="T", help="As was known then; now by default.")
    ] = None,
    json_file: JsonFile = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """List every estimate of a meter: energy, method, inputs, who approved it, and reversals."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    found = _estimates(settings, meter, since, until, moment("--as-of", as_of) or _FOREVER)
    rows = [_told(row) for row in found.to_pylist()]
    if json_file is not None:
        write_json(json_file, {"meter": meter, "estimates": rows})
    _print(Console(), meter, rows, found)


@app.command("approve")
def approve(
    meter: Meter,
    by: By,
    reason: Why = "",
    since: Since = None,
    until: Until = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Approve what is proposed of a meter, within --from and --to what was rejected too."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    _decide(settings, Decision.APPROVE, meter, by, reason, since, until)


@app.command("reject")
def reject(
    meter: Meter,
    by: By,
    reason: Why = "",
    since: Since = None,
    until: Until = None,
    config: Config = None,
    namespace: Namespace = None,
    directory: Directory = None,
) -> None:
    """Reject what is proposed of a meter, within --from and --to what was approved too."""
    settings = load_settings(config, namespace=namespace, directory=directory)
    _decide(settings, Decision.REJECT, meter, by, reason, since, until)


def _estimates(
    settings: Settings, meter: str, since: str | None, until: str | None, known: int
) -> pa.Table:
    start, end = moment("--from", since) or 0, moment("--to", until) or _FOREVER
    with open_recorded(settings) as historian:
        return historian.sql_within(
            HistoryClass.METER_ESTIMATES, start, end, _QUERY, [meter, start, end, known]
        )


def _decide(
    settings: Settings,
    decision: Decision,
    meter: str,
    by: str,
    reason: str,
    since: str | None,
    until: str | None,
) -> None:
    """Send a decision on the last revision of each period that waits for one."""
    if not by.strip():
        raise BadInputError("--by: say who stands for the decision")
    rows = _estimates(settings, meter, since, until, _FOREVER).to_pylist()
    last = {row["start"]: row for row in rows}.values()  # the highest revision comes last
    waiting = {EstimateStatus.PROPOSED.value}
    if since and until:
        waiting.add(_OPPOSITE[decision].value)
    chosen = [row for row in last if row["status"] in waiting and not _taken_back(row)]
    if not chosen:
        standing = sorted({row["status"].replace("_", " ") for row in last})
        raise BadInputError(
            f"no estimate of {meter} waits for a decision in this time: "
            + (f"they are {', '.join(standing)}" if standing else "there is none")
            + "; `gridcast meters estimates` lists them"
        )
    area = chosen[-1]["area"]
    topic = topic_name(settings.namespace, "meter.read.v1")
    approval = MeterApproval(
        area, meter, [row["start"] for row in chosen], [row["revision"] for row in chosen],
        decision, by.strip(), time.time_ns(), reason,
    )  # fmt: skip
    writer = open_writer(settings)
    try:
        if isinstance(writer, EmbeddedLogWriter):
            writer.share(topic, [area])
        writer.append([approval_record(topic, approval)])
        writer.flush()
    finally:
        writer.close()
    Console().print(
        f"sent: {decision} {len(chosen)} periods of {meter} from "
        f"{format_time(approval.start[0])} on; `gridcast meters estimates` shows it once it was "
        "taken in",
        highlight=False,
    )


def _taken_back(row: dict[str, Any]) -> bool:
    """Whether the rule took an estimate back; before people could decide no status said so."""
    return bool(row["method"] == EstimateMethod.REVERSED and row["status"] != "rejected")


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: value for name, value in row.items() if name not in ("area", "decided")},
        "decided_at": None if row["decided"] is None else format_time(row["decided"]),
        "start": format_time(row["start"]),
        "known": format_time(row["known"]),
        "inputs": msgspec.json.decode(row["inputs"]),
    }


def _print(console: Console, meter: str, rows: list[dict[str, Any]], found: pa.Table) -> None:
    if not rows:
        console.print(f"nothing was estimated for {meter}", highlight=False)
        return
    table = Table("period", "rev.", "MWh", "method", "from", "why", "known", "status", "by")
    for row, inputs in zip(rows, found["inputs"].to_pylist(), strict=True):
        energy = "taken back" if row["energy_mwh"] is None else f"{row['energy_mwh']:.6g}"
        table.add_row(
            row["start"], str(row["revision"]), energy, row["method"],
            _rests_on(msgspec.json.decode(inputs, type=EstimateInputs)), row["reason"],
            row["known"], row["status"].replace("_", " "), _by_whom(row),
        )  # fmt: skip
    console.print(table)
    periods = {row["start"] for row in rows}
    console.print(f"{len(periods)} periods, {len(rows)} revisions", highlight=False)


def _by_whom(row: dict[str, Any]) -> str:
    at = "" if row["decided_at"] is None else f", {row['decided_at']}"
    return f"{row['approved_by']}{at}"


def _rests_on(inputs: EstimateInputs) -> str:
    """What an estimate was made from, in a few words."""
    parts = []
    if inputs.registers:
        first, second = inputs.registers
        parts.append(
            f"registers {first.net_mwh:g} at {format_time(first.at)} and {second.net_mwh:g} at "
            f"{format_time(second.at)}, {inputs.measured_periods} readings between"
        )
    if inputs.profile_periods:
        parts.append(
            f"profile of {inputs.profile_periods} readings since {format_time(inputs.profile_from)}"
        )
    if inputs.scale is not None:
        parts.append(f"scaled by {inputs.scale:.3f}")
    return "; ".join(parts)
