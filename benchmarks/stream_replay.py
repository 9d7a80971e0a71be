"""Speed of `gridcast replay --source historian --speed max` through to windows, one JSON a run.

    python benchmarks/stream_replay.py --json out.json [--days 3] [--repeats 5]

The network twin of the demo (1,168 points in three areas, a scan every 30 s) is recorded: its raw
records and the windows made of them go through the embedded log and the recorder into a historian.
Then the command itself replays the run `--repeats` times, each time from the start: it reads the
historian, steps the stages up to windows, writes its own log and historian, and compares every
window with what was recorded. `wall_s` is what the command reports of all that; `elapsed_s` is
the whole process, with its start; `cpu_s` the processor time of the whole process, all threads.
The output of every run (key, headers and value of each record of each topic) has one digest, which
must be the same, and no value may differ from the recording: else the benchmark fails.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from _report import write_report
from threadpoolctl import threadpool_limits

from console.log_access import open_reader, open_writer
from console.services.prepare import prepare
from console.services.recorder_service import take_available
from console.services.run_file import RunFile, write_run
from console.services.scenario import DEMO_START, read_scenario, twin_of
from console.services.stages import STAGES_OF, stage_named
from console.settings import Settings
from records.log import Partition
from records.topics import topic_name
from storage.checkpoint_store import CheckpointStore
from storage.embedded_log import EmbeddedLogReader
from storage.filing import RECORDED_TOPICS
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from stream.outlet import LogOutlet
from stream.runner import RunnerOptions, run_stages

SPACE = "recorded"
AGAIN = "again"


def record(directory: Path, days: int) -> int:
    """Record a run of the twin; return how many measurements its historian holds."""
    settings = Settings(namespace=SPACE, directory=directory)
    run = RunFile(settings=settings, start=DEMO_START, days=days, seed=118, speed=None)
    write_run(run)
    prepare(run, threading.Event())
    scenario = read_scenario(run)
    reader, writer = open_reader(settings), open_writer(settings)
    with threadpool_limits(1, "blas"):
        for batch in twin_of(run, scenario.network).batches():
            writer.append(batch.records)
        writer.flush()
        run_stages(
            [stage_named(name, run, scenario) for name in STAGES_OF["processor"]],
            reader,
            LogOutlet(writer, SPACE),
            CheckpointStore(directory / "checkpoints"),
            options=RunnerOptions(until_end=True),
        )
    writer.close()
    with HistorianWriter(directory / "historian") as kept:
        recorder = Recorder(kept)
        while take_available(recorder, reader, [topic_name(SPACE, n) for n in RECORDED_TOPICS])[0]:
            pass
        recorder.flush()
    reader.close()
    with Historian(directory / "historian") as historian:
        return int(historian.sql("SELECT count(*) AS n FROM scada")["n"][0].as_py())


def digest(directory: Path) -> tuple[str, int]:
    """Digest of all that a replay's log holds, and how many records that is."""
    found, n_records = hashlib.sha256(), 0
    with EmbeddedLogReader(directory) as reader:
        for topic in reader.topics():
            for number in reader.partitions(topic):
                place = Partition(topic, number)
                offset = reader.begin_offset(place)
                while records := reader.read(place, offset, 1_000):
                    for r in records:
                        found.update(repr((topic, number, r.offset, r.key, r.headers)).encode())
                        found.update(r.value)
                    offset = records[-1].offset + 1
                    n_records += len(records)
    return found.hexdigest(), n_records


def replay(directory: Path) -> dict[str, Any]:
    """Run the command once."""
    figures = directory / "figures.json"
    command = [
        str(Path(sys.executable).with_name("gridcast")), "replay", "--source", "historian",
        "--through", "windows", "--speed", "max", "--namespace", AGAIN,
        "--directory", str(directory), "--json", str(figures),
    ]  # fmt: skip
    began, before = time.perf_counter(), _children()
    subprocess.run(command, check=True, capture_output=True, env=_environment())
    elapsed, cpu = time.perf_counter() - began, _children() - before
    told = json.loads(figures.read_text())
    assert told["differences_total"] == 0, "the replay differs from what was recorded"
    made, n_records = digest(directory / "replays" / AGAIN / "log")
    return {
        "wall_s": told["wall_s"],
        "elapsed_s": round(elapsed, 3),
        "cpu_s": round(cpu, 3),
        "records_in": told["records_in"],
        "records_out": n_records,
        "values_compared": sum(row["values"] for row in told["compared"]),
        "digest": made,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--directory", type=Path, help="keep the recording here, and use it again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.directory or Path(temporary)
        if (directory / "run.json").exists():
            with Historian(directory / "historian") as historian:
                n = int(historian.sql("SELECT count(*) AS n FROM scada")["n"][0].as_py())
        else:
            n = record(directory, arguments.days)
        runs = [replay(directory) for _ in range(arguments.repeats)]
    assert len({run["digest"] for run in runs}) == 1, "two replays are not byte for byte the same"
    rate = {
        f"measurements_per_{name}": round(n / statistics.median(run[name] for run in runs))
        for name in ("wall_s", "elapsed_s", "cpu_s")
    }
    write_report(arguments.json, {"measurements": n, **rate, "byte_identical": True, "runs": runs})


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment() -> dict[str, str]:
    left_out = ("REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")
    return {name: value for name, value in os.environ.items() if name not in left_out}


if __name__ == "__main__":
    main()
