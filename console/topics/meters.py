"""`gridcast meters`: what was estimated in place of meter readings, and by what right."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from console.errors import BadInputError
from console.historian_access import historian_kept, open_historian
from console.json_file import write_json
from console.options import Config, Directory, JsonFile, Namespace
from console.replays.replay_period import moment
from console.settings import load_settings
from records.meter_estimate import EstimateInputs
from records.time import format_time
from storage.historian_classes import HistoryClass

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Metered energy that was estimated.")

_FOREVER = 2**62
_QUERY = """
    SELECT meter, series, start, length_ns, revision, energy_mwh, method, reason, approved_by,
      inputs, known
    FROM (
      SELECT meter, series, epoch_ns(valid_time) AS start, length_ns, version AS revision,
        energy_mwh, method, reason, approved_by, inputs, epoch_ns(available_at) AS known,
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
    meter: Annotated[str, typer.Argument(help="Id of the meter, as in its documents.")],
    since: Annotated[
        str | None, typer.Option("--from", metavar="T", help="First period, RFC 3339.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="T", help="End of the last period.")
    ] = None,
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
    if not historian_kept(settings):
        place = settings.directory / "historian"
        raise BadInputError(
            f"{place} is not there: no run has recorded anything in it, and HISTORIAN_URL names "
            "no server that has"
        )
    start = moment("--from", since) or 0
    end, known = moment("--to", until) or _FOREVER, moment("--as-of", as_of) or _FOREVER
    with open_historian(settings) as historian:
        found = historian.sql_within(
            HistoryClass.METER_ESTIMATES, start, end, _QUERY, [meter, start, end, known]
        )
    rows = [_told(row) for row in found.to_pylist()]
    if json_file is not None:
        write_json(json_file, {"meter": meter, "estimates": rows})
    _print(Console(), meter, rows, found)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "start": format_time(row["start"]),
        "known": format_time(row["known"]),
        "inputs": msgspec.json.decode(row["inputs"]),
    }


def _print(console: Console, meter: str, rows: list[dict[str, Any]], found: pa.Table) -> None:
    if not rows:
        console.print(f"nothing was estimated for {meter}", highlight=False)
        return
    table = Table("period", "rev.", "MWh", "method", "from", "why", "known", "approved by")
    for row, inputs in zip(rows, found["inputs"].to_pylist(), strict=True):
        energy = "taken back" if row["energy_mwh"] is None else f"{row['energy_mwh']:.6g}"
        table.add_row(
            row["start"], str(row["revision"]), energy, row["method"],
            _rests_on(msgspec.json.decode(inputs, type=EstimateInputs)), row["reason"],
            row["known"], row["approved_by"],
        )  # fmt: skip
    console.print(table)
    periods = {row["start"] for row in rows}
    console.print(f"{len(periods)} periods, {len(rows)} revisions", highlight=False)


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
