"""What the network twin costs: preparing, history, and each scan with its frames encoded.

    OPENBLAS_NUM_THREADS=1 python benchmarks/twin.py --json out.json [--hours 24]

CPU time of this process alone, so that others on the machine do not count.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from _report import write_report

from ingest.network_files import read_case
from ingest.twin import Twin, TwinSettings
from network.published.ieee118 import with_published_data
from records.time import HOUR, SECOND, parse_time

ROOT = Path(__file__).parents[1]
HISTORY_START = parse_time("2014-01-01T00:00:00Z")
START = parse_time("2014-11-09T13:00:00Z")


def run(hours: int, scan_period_s: int) -> dict[str, Any]:
    network = with_published_data(read_case("pandapower:case118"))
    began = time.process_time()
    settings = TwinSettings(START, START + hours * HOUR, scan_period=scan_period_s * SECOND)
    twin = Twin(network, settings)
    prepared = time.process_time()
    history = twin.history(HISTORY_START, START)
    remembered = time.process_time()
    n_scans = n_bytes = n_measurements = n_records = 0
    with tempfile.TemporaryDirectory() as truth:
        for batch in twin.batches(Path(truth)):
            n_scans += 1
            n_records += len(batch.records)
            n_measurements += batch.n_measurements
            n_bytes += sum(len(record.value) for record in batch.records)
        sent = time.process_time()
        truth_bytes = sum(f.stat().st_size for f in Path(truth).rglob("*.parquet"))
    return {
        "scan_period_s": scan_period_s,
        "n_scans": n_scans,
        "n_points": len(twin.register.points),
        "n_records": n_records,
        "n_measurements": n_measurements,
        "prepare_s": prepared - began,
        "history_hours": len(history.times),
        "history_s": remembered - prepared,
        "scan_ms": (sent - remembered) / n_scans * 1e3,
        "scan_bytes": n_bytes / n_scans,
        "truth_bytes_a_day": truth_bytes * 24 / hours,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--hours", type=int, default=24)
    args = parser.parse_args()
    result = {
        "runs": [run(args.hours, 30), run(max(args.hours // 12, 1), 2)],
    }
    write_report(args.json, result)


if __name__ == "__main__":
    main()
