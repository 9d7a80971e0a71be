"""Runs all stages of a run over its embedded log, in one process, until nothing is left to read.

python undisturbed_stages.py RUN_FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

from console.log_access import open_reader, open_writer
from console.services.run_file import read_run
from console.services.scenario import read_scenario
from console.services.stages import STAGES_OF, stage_named
from storage.checkpoint_store import CheckpointStore
from stream.outlet import LogOutlet
from stream.runner import RunnerOptions, run_stages


def main(run_file: str) -> None:
    run = read_run(Path(run_file))
    scenario = read_scenario(run)
    stages = [stage_named(name, run, scenario) for role in STAGES_OF.values() for name in role]
    reader, writer = open_reader(run.settings), open_writer(run.settings)
    outlet = LogOutlet(writer, run.settings.namespace)
    checkpoints = CheckpointStore(run.directory / "checkpoints")
    run_stages(stages, reader, outlet, checkpoints, options=RunnerOptions(until_end=True))
    writer.close()
    reader.close()


if __name__ == "__main__":
    main(sys.argv[1])
