"""Prove that a run over Apache Kafka is exact whatever happens to it, and print what was compared.

    make kafka-proof [ARGS="--minutes 5 --kills 20 --json out.json"]

Ends with code 0 when everything is equal, 1 when not.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks._report import write_report
from tests.system.kafka_proof.disturbances import Disturbance, Kind
from tests.system.kafka_proof.plan import Outcome, Plan
from tests.system.kafka_proof.proof import prove


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make kafka-proof",
        description="A paced run over Apache Kafka with Faust, killed again and again, against "
        "the same run undisturbed.",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--minutes", type=float, default=5.0, help="over how long it is sent (5)")
    parser.add_argument("--kills", type=int, default=20, help="of the area worker, with -9 (20)")
    parser.add_argument("--areas", type=int, default=6, help="copies of the 118-bus system (6)")
    parser.add_argument("--hours", type=int, default=3, help="event time that is sent (3)")
    parser.add_argument("--workers", type=int, default=1, help="area workers (1)")
    parser.add_argument("--join", type=int, default=2,
                        help="further area workers that join one after the other (2)")  # fmt: skip
    parser.add_argument("--leave", type=int, default=1,
                        help="area workers killed for good (1)")  # fmt: skip
    parser.add_argument("--place", choices=["files", "topic"], default="files",
                        help="where checkpoints are kept (files)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=7, help="of moments and faults (7)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work there and leave it")
    given = parser.parse_args()
    plan = Plan(
        given.areas,
        given.hours,
        60.0 * given.minutes,
        {
            Kind.KILL_WORKER: given.kills,
            Kind.STOP_BROKER: 1,
            Kind.KILL_BROKER: 1,
            Kind.KILL_REDIS: 1,
            Kind.FILL_DISK: 1,
        },
        (*_joins_and_leaves(given.join, given.leave), *_LATE),
        workers=given.workers,
        place=given.place,
        seed=given.seed,
    )
    directory = given.keep or Path(tempfile.mkdtemp(prefix="gridcast-proof-"))
    directory.mkdir(parents=True, exist_ok=True)
    try:
        outcome = prove(plan, directory, _tell)
    finally:
        if given.keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    _print(outcome)
    if given.json is not None:
        write_report(given.json, _figures(plan, outcome))
    return 0 if outcome.equal else 1


def _joins_and_leaves(joins: int, leaves: int) -> tuple[Disturbance, ...]:
    """Workers join over the first half of the run, and are lost over the second."""
    return (
        *(Disturbance(0.1 + 0.4 * n / joins, Kind.ADD_WORKER) for n in range(joins)),
        *(Disturbance(0.55 + 0.4 * n / leaves, Kind.LOSE_WORKER) for n in range(leaves)),
    )


_LATE = (Disturbance(1.0, Kind.KILL_REBUILD), Disturbance(1.02, Kind.KILL_REBUILD))
"""The scans that come last are sent just then."""


def _tell(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
    sys.stdout.flush()


def _print(outcome: Outcome) -> None:
    console = Console(width=100)
    done = Table("done", "how often")
    done.add_row("measurements sent", f"{outcome.sent.measurements:,}")
    done.add_row("records sent", f"{outcome.sent.records:,}")
    done.add_row("sent over", f"{outcome.sending_s:.0f} s")
    done.add_row("equal after", f"{outcome.catching_up_s:.0f} s more")
    for what, count in outcome.done.items():
        done.add_row(what, str(count))
    for what, why in outcome.skipped.items():
        done.add_row(f"SKIPPED: {what}", why)
    shares = ", ".join(f"{worker} {count}" for worker, count in outcome.shares)
    done.add_row("areas given to workers", shares)
    for what, count in sorted(outcome.told.items()):
        done.add_row(f"logged: {what}", str(count))
    console.print(done)
    table = Table("compared", "records", "repeats", "missing", "unexpected")
    for column in table.columns[1:]:
        column.justify = "right"
    for line in outcome.compared:
        counts = (line.records, line.repeats, line.missing, line.unexpected)
        table.add_row(line.what, *(f"{count:,}" for count in counts))
    console.print(table)
    if outcome.ended:
        console.print(f"ended by themselves and started again: {outcome.ended}")
    records = sum(line.records for line in outcome.compared)
    differing = sum(line.missing + line.unexpected for line in outcome.compared)
    console.print(f"{records:,} records compared, {differing} differ")


def _figures(plan: Plan, outcome: Outcome) -> dict[str, object]:
    return {
        "plan": {
            "areas": plan.areas,
            "hours": plan.hours,
            "wall_s": plan.wall_s,
            "workers": plan.workers,
            "place": plan.place,
            "seed": plan.seed,
        },
        "measurements": outcome.sent.measurements,
        "records_sent": outcome.sent.records,
        "sending_s": outcome.sending_s,
        "catching_up_s": outcome.catching_up_s,
        "done": dict(outcome.done),
        "skipped": outcome.skipped,
        "logged": dict(outcome.told),
        "shares": outcome.shares,
        "ended_by_themselves": outcome.ended,
        "codes_at_the_end": outcome.stopped,
        "compared": [asdict(line) for line in outcome.compared],
        "equal": outcome.equal,
    }


if __name__ == "__main__":
    sys.exit(main())
