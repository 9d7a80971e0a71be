"""MAPE by level and lead of a replay of two public data sets through the stages.

    python benchmarks/replay_accuracy.py --json FILE [--data DIR] [--cases gefcom2012 aus_elec]

DIR (GRIDCAST_SHARED_DATA by default) holds the folders gefcom2012_load and aus_elec. Each is
written as a dataset folder and replayed over its last year with an issue every six hours and
realised weather.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from _report import shared_data, write_report

from ingest.dataset import read_dataset
from records.time import HOUR, format_time, parse_time
from stream.replay import ReplayOptions, replay_dataset

CASES: dict[str, tuple[str, str | None, str | None]] = {
    "gefcom2012": ("gefcom2012_load", "2007-07-01T05:00:00Z", "2008-06-29T05:00:00Z"),
    "aus_elec": ("aus_elec", None, None),
}
"""Folder of the source, and the period where it is not the last year."""


def replay(name: str, source: Path, start: str | None, end: str | None) -> dict[str, Any]:
    adapter = Path(__file__).parent / "datasets" / f"{name}.py"
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, str(adapter), str(source), scratch], check=True)
        dataset = read_dataset(Path(scratch))
    options = ReplayOptions(
        start=None if start is None else parse_time(start),
        end=None if end is None else parse_time(end),
        cadence=6 * HOUR,
    )
    began = time.perf_counter()
    result = replay_dataset(dataset, options)
    return {
        "period": [format_time(result.start), format_time(result.end)],
        "issues": result.n_issues,
        "records_in": result.records_in,
        "wall_s": round(time.perf_counter() - began, 1),
        "mape": [
            {"level": row.level, "lead": row.lead, "method": row.method, "mape": row.mape}
            for row in result.rows
            if row.series is None
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=shared_data())
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    missing = [
        CASES[case][0] for case in arguments.cases if not (arguments.data / CASES[case][0]).is_dir()
    ]
    if missing:
        parser.error(f"{arguments.data} has no {', '.join(missing)}; name the folder with --data")
    figures = {}
    for case in arguments.cases:
        folder, start, end = CASES[case]
        figures[case] = replay(case, arguments.data / folder, start, end)
    write_report(arguments.json, figures)


if __name__ == "__main__":
    main()
